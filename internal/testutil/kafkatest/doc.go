// SPDX-License-Identifier: Apache-2.0

// Package kafkatest starts real Apache Kafka brokers on loopback for tests, by deploy/kafka/kafka.sh. Where Java or Maven is missing
// it is an error that says so, never a skip.
package kafkatest
