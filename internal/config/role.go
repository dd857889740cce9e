// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
)

// Role is what a process does.
type Role string

// The roles. All is their union in one process.
const (
	All Role = "all"
	// Gateway takes telemetry in and puts it on the bus.
	Gateway Role = "gateway"
	// WriterRole takes it off the bus and stores it; it owns a tsdb.
	WriterRole Role = "writer"
	// QueryRole serves the page and the query APIs.
	QueryRole Role = "query"
	// AlertRole evaluates rules and notifies.
	AlertRole Role = "alert"
)

// Is says whether a process with role r does what x does.
func (r Role) Is(x Role) bool { return r == All || r == x }

// ValidateFor reports what a process of this role cannot work with, beside what Validate reports.
func (c Config) ValidateFor(r Role) error {
	errs := []error{c.Validate()}
	if r != WriterRole && !c.Writer.Takes(SignalMetrics) {
		errs = append(errs, errors.New("writer.signals: only the role writer may go without metrics"))
	}
	if r == All {
		return errors.Join(errs...)
	}
	need := func(ok bool, key, what string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: the role %s needs %s; strata all works without", key, r, what))
		}
	}
	need(c.Catalog.Remote(), "catalog.url", "a catalog that all processes share, postgres://…")
	need(r == QueryRole || c.Bus.Shared(), "bus.kafka.brokers", "a bus that all processes share")
	need(!c.UsesClickHouse(r) || c.ClickHouse.URL != "", "clickhouse.url", "a ClickHouse that all processes share, http(s)://…")
	return errors.Join(errs...)
}

// UsesClickHouse says whether a process of this role stores or reads spans and log records.
func (c Config) UsesClickHouse(r Role) bool {
	return r.Is(QueryRole) || r == WriterRole && (c.Writer.Takes(SignalTraces) || c.Writer.Takes(SignalLogs))
}

func (w Writer) validate() error {
	if len(w.Signals) == 0 {
		return errors.New("writer.signals: at least one of metrics, traces and logs is needed")
	}
	for _, s := range w.Signals {
		if !slices.Contains([]string{SignalMetrics, SignalTraces, SignalLogs}, s) {
			return fmt.Errorf("writer.signals: %q is none of metrics, traces and logs", s)
		}
	}
	return nil
}

// Takes says whether the writer takes a signal off the bus.
func (w Writer) Takes(signal string) bool { return slices.Contains(w.Signals, signal) }

func (c Cluster) validate() error {
	if c.AdvertiseURL == "" {
		return nil
	}
	u, err := url.Parse(c.AdvertiseURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("cluster.advertise_url: %q is not http(s)://host:port", c.AdvertiseURL)
	}
	return nil
}
