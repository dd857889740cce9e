// SPDX-License-Identifier: Apache-2.0

package vulture

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options say where to write and read, and how much.
type Options struct {
	// Endpoints are OTLP gRPC addresses, host:port; requests take turns. URL is where the query API is served.
	Endpoints []string
	URL       string
	// IngestKey and ReadKey are sent as bearer tokens; empty sends none.
	IngestKey string
	ReadKey   string
	// Rate is requests per second of each signal; each has five spans, records or samples.
	Rate float64
	// Window is how much is read back at once.
	Window time.Duration
	// LateAfter is when something that is not readable counts as late; Patience is when it counts as missing.
	LateAfter time.Duration
	Patience  time.Duration
	// Duration ends the run; 0 goes on until the context ends. The data that were written are then still verified.
	Duration   time.Duration
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Default is for production: little load, and an answer within a minute.
func Default() Options {
	return Options{
		Endpoints: []string{"127.0.0.1:4317"}, URL: "http://127.0.0.1:7080", Rate: 2,
		Window: 10 * time.Second, LateAfter: 10 * time.Second, Patience: time.Minute,
	}
}

// Validate says what makes no sense.
func (o Options) Validate() error {
	var errs []error
	if len(o.Endpoints) == 0 {
		errs = append(errs, errors.New("endpoint: at least one address is needed"))
	}
	if u, err := url.Parse(o.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		errs = append(errs, fmt.Errorf("url: %q is not http(s)://host:port", o.URL))
	}
	if o.Rate <= 0 || o.Rate > 1000 {
		errs = append(errs, fmt.Errorf("rate: %g is not above 0 and at most 1000", o.Rate))
	}
	if o.Window < time.Second || o.LateAfter <= 0 || o.Patience < o.LateAfter || o.Duration < 0 {
		errs = append(errs, errors.New("window must be at least 1s, late-after positive, patience no shorter than late-after"))
	}
	return errors.Join(errs...)
}

// Counts is what became of the requests of one signal. Sent is Acknowledged and Uncertain; those that are old enough are judged, each once.
type Counts struct {
	Sent         int64 `json:"sent"`
	Acknowledged int64 `json:"acknowledged"`
	Uncertain    int64 `json:"uncertain"`
	Verified     int64 `json:"verified"`
	// Missing were acknowledged and are not there in full; Doubled are there more than once; Wrong are not what was written, or were never
	// written; Late were complete, but only after LateAfter.
	Missing int64 `json:"missing"`
	Doubled int64 `json:"doubled"`
	Wrong   int64 `json:"wrong"`
	Late    int64 `json:"late"`
	// LatestSeconds is the longest that a window took to be complete after it ended.
	LatestSeconds float64 `json:"latest_seconds"`
}

// Report is the result of a run by signal: traces, logs, metrics.
type Report struct {
	Run     string            `json:"run"`
	Signals map[string]Counts `json:"signals"`
}

// Bad says whether anything was missing, doubled or wrong.
func (r Report) Bad() bool {
	for _, c := range r.Signals {
		if c.Missing > 0 || c.Doubled > 0 || c.Wrong > 0 {
			return true
		}
	}
	return false
}
