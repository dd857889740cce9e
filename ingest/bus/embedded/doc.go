// SPDX-License-Identifier: Apache-2.0

// Package embedded is the bus on one machine: an on-disk segmented log per topic, each with one partition.
//
// A record is acknowledged after fdatasync; many producers share one fdatasync (group commit). Readers see only what is on stable
// storage. Segments are deleted only when the committed position has passed their last record. The bytes are described in
// docs/formats/bus.md. It must not interpret the values it carries.
package embedded
