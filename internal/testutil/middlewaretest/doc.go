// SPDX-License-Identifier: Apache-2.0

// Package middlewaretest starts the real servers that the agent reads, from Debian's packages, each in a temporary directory on a free
// loopback port: Redis, nginx, MariaDB, Tomcat, memcached, RabbitMQ, ZooKeeper; and Elasticsearch and OpenSearch from Maven Central. PostgreSQL and Kafka are in
// pgtest and kafkatest.
//
// `make test-deps` installs them. Where one is missing the test fails: what is not run is not known to work.
package middlewaretest
