// SPDX-License-Identifier: Apache-2.0

// Package match decides for a log record or span in OTLP's form whether the conditions of a search hold, as a store would find it: the
// meaning is that of storage/clickhouse/filter, and search/searchtest has the cases that both fulfil. Match is asked about a decoded record, Each
// about every record of an export request in protobuf, which is not decoded for it (docs/design/0023-search-on-the-wire.md).
//
// A matcher is compiled once and asked for many records, by any number of goroutines. It allocates nothing for a record unless a condition
// needs a regular expression, the text of an attribute that is a fraction, bytes, a list or a map, or the name of a service that is made of its
// executable's; on the wire also a resource that is asked for, and a record of which a list, a map or bytes are. Where the bytes between two parts of a pattern are no UTF-8, the engine's wildcard does not span them and the matcher's does.
package match
