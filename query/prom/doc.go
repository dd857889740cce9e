// SPDX-License-Identifier: Apache-2.0

// Package prom evaluates PromQL for the answers of this product's own API, by Prometheus's engine, and gathers what an answer lacks.
package prom
