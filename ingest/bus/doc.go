// SPDX-License-Identifier: Apache-2.0

// Package bus is the durable pipe between the gateway and the writers: Kafka when the roles are spread out, an embedded log (package
// embedded) on one machine.
//
// The rule both keep: a record is acknowledged only when it is on stable storage, and it is trimmed only behind a committed position,
// which a writer moves only past what its store has fsynced.
package bus
