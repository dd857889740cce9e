// SPDX-License-Identifier: Apache-2.0

// Package fanout reads series from the tsdbs of many writers: by Prometheus remote read for samples, by Prometheus's HTTP API for
// label names and values, exemplars, metadata and statistics. It implements storage.Queryable, ChunkQueryable and ExemplarQueryable.
//
// Every known writer is asked at once and the answers are merged and deduplicated by Prometheus's own merge. A writer that does not
// answer makes the answer partial: it carries a warning that names the writer, or is an error where the reader must not act on half
// of the data (Strict). Nothing is ever left out silently. It keeps no data and evaluates no PromQL.
package fanout
