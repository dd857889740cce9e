// SPDX-License-Identifier: Apache-2.0

// Package kafka is the bus over Apache Kafka.
//
// Producing is idempotent: a batch whose answer was lost is sent again under the same producer id and sequence, so the broker keeps it
// once; only when no answer comes at all is the caller told that the bus is unavailable. Consuming is by group, one group per topic;
// positions are the group's committed offsets, written with member and generation, so that a consumer whose partition was taken away
// is refused (bus.ErrFenced). The argument why this stores every record once is docs/design/0008-kafka.md.
//
// It must not interpret the values it carries, and must not commit anything on its own.
package kafka
