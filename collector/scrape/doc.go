// SPDX-License-Identifier: Apache-2.0

// Package scrape is the receiver strata_scrape: it scrapes Prometheus targets by Prometheus's own scrape and discovery packages (static,
// file, DNS, Consul, ZooKeeper serversets; Kubernetes with the build tag "kubernetes") and hands the samples on as OTLP.
//
// Samples keep the names and labels they are scraped with, which the server's translation leaves as they are: counters whose name ends in
// _total are sums, everything else, the series of classic histograms and summaries too, are gauges. Stale markers are kept.
package scrape
