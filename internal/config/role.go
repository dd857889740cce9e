// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/strata-apm/strata/signal"
)

// Role is what a process does.
type Role string

// The roles. RoleAll is their union in one process.
const (
	RoleAll Role = "all"
	// RoleGateway takes telemetry in and puts it on the bus.
	RoleGateway Role = "gateway"
	// RoleWriter takes it off the bus and stores it; it owns a tsdb.
	RoleWriter Role = "writer"
	// RoleQuery serves the page and the query APIs.
	RoleQuery Role = "query"
	// RoleAlert evaluates rules and notifies.
	RoleAlert Role = "alert"
)

// Is says whether a process with role r does what x does.
func (r Role) Is(x Role) bool { return r == RoleAll || r == x }

// ValidateFor reports what a process of this role cannot work with, beside what Validate reports.
func (c Config) ValidateFor(r Role) error {
	errs := []error{c.Validate()}
	if r != RoleWriter && !c.Writer.Takes(signal.Metrics) {
		errs = append(errs, errors.New("writer.signals: only the role writer may go without metrics"))
	}
	if r == RoleAll {
		return errors.Join(errs...)
	}
	need := func(ok bool, key, what string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: the role %s needs %s; strata all works without", key, r, what))
		}
	}
	need(c.Catalog.Remote(), "catalog.url", "a catalog that all processes share, postgres://…")
	need(r == RoleQuery || c.Bus.Shared(), "bus.kafka.brokers", "a bus that all processes share")
	need(!c.UsesClickHouse(r) || c.ClickHouse.URL != "", "clickhouse.url", "a ClickHouse that all processes share, http(s)://…")
	return errors.Join(errs...)
}

// UsesClickHouse says whether a process of this role stores or reads spans and log records.
func (c Config) UsesClickHouse(r Role) bool {
	return r.Is(RoleQuery) || r == RoleWriter && (c.Writer.Takes(signal.Traces) || c.Writer.Takes(signal.Logs))
}

func (w Writer) validate() error {
	if len(w.Signals) == 0 {
		return errors.New("writer.signals: at least one of metrics, traces and logs is needed")
	}
	for _, s := range w.Signals {
		if !s.Known() {
			return fmt.Errorf("writer.signals: %q is none of metrics, traces and logs", s)
		}
	}
	return nil
}

// Takes says whether the writer takes a signal off the bus.
func (w Writer) Takes(s signal.Signal) bool { return slices.Contains(w.Signals, s) }

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
