// SPDX-License-Identifier: Apache-2.0

// Package fetch downloads the embedded engine's shared library, once, and checks it before it is used.
//
// The library comes out of a pinned npm package. Where that package lies is npm's business: the address is asked of the machine's
// own npm, so that mirrors and proxies configured there are respected; a URL or a file may be given instead. Nothing but the library
// is extracted, and it appears under its final name only after the package's sha512 has been verified.
package fetch
