// SPDX-License-Identifier: Apache-2.0

// Package requests puts what is in export requests of OTLP, in protobuf, into columns without decoding it. The requests are ones that
// search/wire's Check lets pass.
package requests
