// SPDX-License-Identifier: Apache-2.0

// Package fields answers what a page asks about the fields of some rows before anything is searched: the most frequent values of facets,
// keys of attributes and values of a field while somebody types.
package fields
