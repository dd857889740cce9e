// SPDX-License-Identifier: Apache-2.0

// Command strata-agent runs on every host and ships its metrics, logs and local OTLP traffic to a Strata server.
package main
