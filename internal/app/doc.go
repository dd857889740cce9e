// SPDX-License-Identifier: Apache-2.0

// Package app wires the parts into one process. It is the only package that names concrete engines.
//
// New opens the stores and starts nothing; Run starts what runs and returns when its context ends, after draining. The
// stores close in reverse order of opening.
package app
