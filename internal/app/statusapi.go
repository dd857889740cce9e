// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"net/http"
	"time"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/writer"
	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/storage"
)

type authStatus struct {
	Mode          string       `json:"mode" enum:"open,required"`
	Authenticated bool         `json:"authenticated"`
	Scopes        []auth.Scope `json:"scopes" enum:"ingest,read,admin,browser"`
}

type statusAnswer struct {
	Version    string            `json:"version"`
	Commit     string            `json:"commit"`
	StartedAt  *time.Time        `json:"started_at"`
	Instance   string            `json:"instance"`
	Roles      []string          `json:"roles"`
	Addresses  map[string]string `json:"addresses"`
	Auth       authStatus        `json:"auth"`
	Components []component       `json:"components"`
}

// status tells a stranger only how to sign in.
func (a *App) status(r *http.Request) (any, error) {
	mode := string(auth.ModeRequired)
	if a.listeners.loopback() {
		mode = a.cfg.Auth.Local
	}
	ans := statusAnswer{
		Version: a.opts.Version, Auth: authStatus{Mode: mode, Scopes: []auth.Scope{}}, Roles: []string{}, Addresses: map[string]string{}, Components: []component{},
	}
	if p, ok := auth.FromContext(r.Context()); ok {
		run := a.listeners.running()
		ans.Auth.Authenticated, ans.Auth.Scopes = true, p.Scopes
		ans.Commit, ans.StartedAt, ans.Roles = a.opts.Commit, &a.started, []string{string(a.opts.Role)}
		ans.Instance = a.instance
		ans.Addresses = map[string]string{"http": run.HTTP, "otlp_grpc": run.OTLPGRPC, "otlp_http": run.OTLPHTTP}
		if a.gateway == nil && a.opts.Role.Is(config.QueryRole) {
			a.addIntake(r.Context(), ans.Addresses)
		}
		ans.Components = a.components(r.Context())
	}
	return ans, nil
}

// addIntake adds where telemetry is sent to: the addresses of a gateway.
func (a *App) addIntake(ctx context.Context, addresses map[string]string) {
	all, err := a.peers.list(ctx)
	if err != nil {
		return // The registry's state is one of the components.
	}
	for _, p := range with(all, config.Gateway) {
		var st statusAnswer
		if p.live && a.peers.get(ctx, p.URL+"/api/v1/status", &st) == nil {
			addresses["otlp_grpc"], addresses["otlp_http"] = st.Addresses["otlp_grpc"], st.Addresses["otlp_http"]
			return
		}
	}
}

type ledgerRow struct {
	Minute   time.Time        `json:"minute"`
	Signal   ledger.Signal    `json:"signal" enum:"metrics,traces,logs"`
	Source   string           `json:"source"`
	Received int64            `json:"received"`
	Accepted int64            `json:"accepted"`
	Refused  map[string]int64 `json:"refused"`
	Stored   int64            `json:"stored"`
	Rejected map[string]int64 `json:"rejected"`
	Resent   int64            `json:"resent"`
}

type ledgerTotal struct {
	Signal   ledger.Signal `json:"signal" enum:"metrics,traces,logs"`
	Received int64         `json:"received"`
	Accepted int64         `json:"accepted"`
	Refused  int64         `json:"refused"`
	Stored   int64         `json:"stored"`
	Rejected int64         `json:"rejected"`
	Resent   int64         `json:"resent"`
	InFlight int64         `json:"in_flight"`
	Balanced bool          `json:"balanced"`
}

type busRow struct {
	Topic     string     `json:"topic"`
	Partition int        `json:"partition"`
	First     int64      `json:"first_offset"`
	Next      int64      `json:"next_offset"`
	Committed int64      `json:"committed_offset"`
	Lag       int64      `json:"lag_records"`
	Bytes     int64      `json:"bytes"`
	Limit     int64      `json:"limit_bytes"`
	Oldest    *time.Time `json:"oldest"`
}

type ledgerAnswer struct {
	Rows     []ledgerRow   `json:"rows"`
	Totals   []ledgerTotal `json:"totals"`
	Bus      []busRow      `json:"bus"`
	Warnings []string      `json:"warnings"`
}

// account is what this process counted and, unless the request asks for that alone, what the others did.
func (a *App) account(r *http.Request) (any, error) {
	rng, err := httpx.Range(r, time.Now())
	if err != nil {
		return nil, err //nolint:wrapcheck // The client's own words.
	}
	ans := a.localLedger(rng)
	if a.peers != nil && r.URL.Query().Get("local") == "" {
		a.addPeers(r.Context(), rng, &ans)
	}
	return ans, nil
}

// localLedger is what this process counted.
func (a *App) localLedger(rng storage.TimeRange) ledgerAnswer {
	// The bus is read before and after: what arrives in between is in flight, not missing.
	before, counts, stats := a.busStats(), a.stores.ledger.Totals(), a.busStats()
	ans := ledgerAnswer{Rows: []ledgerRow{}, Totals: totals(counts, before, stats), Bus: busRows(stats), Warnings: []string{}}
	for _, row := range a.stores.ledger.Rows(rng.Start, rng.End) {
		ans.Rows = append(ans.Rows, ledgerRow{
			Minute: row.Minute, Signal: row.Signal, Source: row.Source, Received: row.Received, Accepted: row.Accepted,
			Refused: orEmpty(row.Refused), Stored: row.Stored, Rejected: orEmpty(row.Rejected), Resent: row.Resent,
		})
	}
	return ans
}

func (a *App) busStats() []bus.TopicStats {
	if a.stores.bus == nil {
		return nil
	}
	return a.stores.bus.Stats()
}

func busRows(stats []bus.TopicStats) []busRow {
	out := make([]busRow, 0, len(stats))
	for _, st := range stats {
		b := busRow{
			Topic: st.Topic, Partition: st.Partition, First: st.First, Next: st.Next, Committed: st.Committed,
			Lag: st.Next - st.Committed, Bytes: st.Bytes, Limit: st.LimitBytes,
		}
		if !st.Oldest.IsZero() {
			b.Oldest = &st.Oldest
		}
		out = append(out, b)
	}
	return out
}

func orEmpty(m map[string]int64) map[string]int64 {
	if m == nil {
		return map[string]int64{}
	}
	return m
}

// totals balances the columns: with an idle, empty bus nothing may be in flight, and never less than nothing.
func totals(counts map[ledger.Signal]ledger.Counts, before, after []bus.TopicStats) []ledgerTotal {
	busy := map[ledger.Signal]bool{}
	for i, st := range after {
		if st.Next > st.Committed || i >= len(before) || before[i].Next > before[i].Committed || before[i].Next != st.Next {
			busy[writer.SignalOf(st.Topic)] = true
		}
	}
	out := make([]ledgerTotal, 0, 3)
	for _, signal := range []ledger.Signal{ledger.Metrics, ledger.Traces, ledger.Logs} {
		c := counts[signal]
		t := ledgerTotal{
			Signal: signal, Received: c.Received, Accepted: c.Accepted, Refused: ledger.Sum(c.Refused), Stored: c.Stored, Rejected: ledger.Sum(c.Rejected), Resent: c.Resent,
		}
		t.InFlight = t.Accepted - t.Stored - t.Rejected
		t.Balanced = t.Received == t.Accepted+t.Refused && t.InFlight >= 0 && (t.InFlight == 0 || busy[signal])
		out = append(out, t)
	}
	return out
}
