// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/strata-apm/strata/ingest/writer"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/storage"
)

// addPeers adds what the other processes counted. Writers are asked before gateways, so that nothing seems stored that was never accepted.
func (a *App) addPeers(ctx context.Context, rng storage.TimeRange, ans *ledgerAnswer) {
	all, err := a.peers.list(ctx)
	if err != nil {
		ans.Warnings = append(ans.Warnings, err.Error())
		return
	}
	all = slices.DeleteFunc(all, func(p peer) bool { return p.ID == a.instance })
	primary := a.primaryGroup(all)
	q := url.Values{"local": {"1"}, "start": {rng.Start.Format(time.RFC3339Nano)}, "end": {rng.End.Format(time.RFC3339Nano)}}
	for _, role := range []config.Role{config.WriterRole, config.AlertRole, config.Gateway} {
		some := slices.DeleteFunc(slices.Clone(all), func(p peer) bool {
			return config.Role(p.Role) != role && (p.Role != string(config.All) || role != config.WriterRole)
		})
		for _, x := range askAll[ledgerAnswer](ctx, a.peers, some, "/api/v1/ledger", q) {
			if x.err != nil {
				ans.Warnings = append(ans.Warnings, x.from.Role+" "+x.from.ID+" did not answer: "+x.err.Error()+"; what it counted is missing")
				continue
			}
			if replica := x.from.Group != "" && x.from.Group != primary; replica {
				x.body.forgetStored() // The first group stored the same.
			}
			ans.merge(x.body)
		}
	}
	ans.balance()
}

// primaryGroup is the group of writers whose counts are taken: others that take the same metrics store replicas.
func (a *App) primaryGroup(all []peer) string {
	first := ""
	for _, p := range all {
		if p.Group == a.cfg.Bus.Kafka.Group {
			return p.Group
		}
		if first == "" {
			first = p.Group
		}
	}
	return first
}

// forgetStored leaves out what a replica stored.
func (l *ledgerAnswer) forgetStored() {
	for i := range l.Rows {
		l.Rows[i].Stored, l.Rows[i].Rejected = 0, nil
	}
	for i := range l.Totals {
		l.Totals[i].Stored, l.Totals[i].Rejected = 0, 0
	}
}

// merge adds what another process counted.
func (l *ledgerAnswer) merge(o ledgerAnswer) {
	type key struct {
		minute int64
		signal ledger.Signal
		source string
	}
	at := map[key]int{}
	for i, r := range l.Rows {
		at[key{r.Minute.Unix(), r.Signal, r.Source}] = i
	}
	for _, r := range o.Rows {
		i, ok := at[key{r.Minute.Unix(), r.Signal, r.Source}]
		if !ok {
			l.Rows = append(l.Rows, r)
			continue
		}
		to := &l.Rows[i]
		to.Received, to.Accepted, to.Stored, to.Resent = to.Received+r.Received, to.Accepted+r.Accepted, to.Stored+r.Stored, to.Resent+r.Resent
		to.Refused, to.Rejected = sumMaps(to.Refused, r.Refused), sumMaps(to.Rejected, r.Rejected)
	}
	slices.SortFunc(l.Rows, func(a, b ledgerRow) int {
		return cmp.Or(b.Minute.Compare(a.Minute), cmp.Compare(a.Signal, b.Signal), cmp.Compare(a.Source, b.Source))
	})
	for i, t := range o.Totals {
		to := &l.Totals[i] // The same three signals in the same order.
		to.Received, to.Accepted, to.Refused = to.Received+t.Received, to.Accepted+t.Accepted, to.Refused+t.Refused
		to.Stored, to.Rejected, to.Resent = to.Stored+t.Stored, to.Rejected+t.Rejected, to.Resent+t.Resent
	}
	if len(l.Bus) == 0 { // Every process that knows the bus says the same of it.
		l.Bus = o.Bus
	}
}

func sumMaps(a, b map[string]int64) map[string]int64 {
	out := map[string]int64{}
	for _, m := range []map[string]int64{a, b} {
		for k, v := range m {
			out[k] += v
		}
	}
	return out
}

// balance says again whether the sums balance. Processes are asked one after the other and learn of the bus some seconds later, so while
// anything arrived in the last minute some may be in flight.
func (l *ledgerAnswer) balance() {
	busy := map[ledger.Signal]bool{}
	for _, r := range l.Rows {
		if time.Since(r.Minute) < 2*time.Minute {
			busy[r.Signal] = true
		}
	}
	for _, b := range l.Bus {
		if b.Lag > 0 {
			busy[writer.SignalOf(b.Topic)] = true
		}
	}
	for i := range l.Totals {
		t := &l.Totals[i]
		t.InFlight = t.Accepted - t.Stored - t.Rejected
		t.Balanced = t.Received == t.Accepted+t.Refused && (t.InFlight == 0 || t.InFlight > 0 && busy[t.Signal])
	}
}

// instanceRow is one process as the Data health page shows it.
type instanceRow struct {
	ID         string      `json:"id"`
	Role       string      `json:"role"`
	URL        string      `json:"url"`
	Version    string      `json:"version"`
	StartedAt  time.Time   `json:"started_at"`
	SeenAt     time.Time   `json:"seen_at"`
	State      string      `json:"state" enum:"ok,degraded,down"`
	Message    string      `json:"message"`
	Components []component `json:"components"`
}

type instancesAnswer struct {
	Instances []instanceRow `json:"instances"`
	Warnings  []string      `json:"warnings"`
}

// instances lists the processes and what each says of itself.
func (a *App) instances(r *http.Request) (any, error) {
	ans := instancesAnswer{Instances: []instanceRow{}, Warnings: []string{}}
	own := instanceRow{
		ID: a.instance, Role: string(a.opts.Role), URL: a.advertised(), Version: a.opts.Version, StartedAt: a.started, SeenAt: time.Now(),
		Components: a.components(r.Context()),
	}
	own.judge()
	if a.peers == nil {
		ans.Instances = append(ans.Instances, own)
		return ans, nil
	}
	all, err := a.peers.list(r.Context())
	if err != nil {
		ans.Instances, ans.Warnings = append(ans.Instances, own), append(ans.Warnings, err.Error())
		return ans, nil
	}
	for _, x := range askAll[statusAnswer](r.Context(), a.peers, all, "/api/v1/status", nil) {
		row := instanceRow{
			ID: x.from.ID, Role: x.from.Role, URL: x.from.URL, Version: x.from.Version, StartedAt: x.from.StartedAt, SeenAt: x.from.SeenAt,
			Components: x.body.Components,
		}
		if row.judge(); x.err != nil {
			row.State, row.Message, row.Components = stateDown, x.err.Error(), []component{}
		}
		ans.Instances = append(ans.Instances, row)
	}
	return ans, nil
}

// judge takes the worst state of the components.
func (r *instanceRow) judge() {
	r.State = stateOK
	for _, c := range r.Components {
		if c.State == stateOK || r.State == stateDown {
			continue
		}
		r.State, r.Message = c.State, c.Name+": "+c.Message
	}
}

// watermarkRow says that everything the bus took into a partition before Time has been stored.
type watermarkRow struct {
	Topic     string     `json:"topic"`
	Partition int        `json:"partition"`
	Time      *time.Time `json:"time"`
	Lag       int64      `json:"lag_records"`
	Seconds   float64    `json:"lag_seconds"`
}

type watermarksAnswer struct {
	Watermarks []watermarkRow `json:"watermarks"`
	Warnings   []string       `json:"warnings"`
}

// watermarks says how far each partition has been stored; a process without the bus asks one that has it.
func (a *App) watermarks(r *http.Request) (any, error) {
	ans := watermarksAnswer{Watermarks: []watermarkRow{}, Warnings: []string{}}
	if a.stores.bus == nil {
		a.askWatermarks(r.Context(), &ans)
		return ans, nil
	}
	if err := a.stores.bus.Err(); err != nil {
		ans.Warnings = append(ans.Warnings, "bus: "+err.Error())
	}
	now := time.Now()
	for _, st := range a.stores.bus.Stats() {
		row := watermarkRow{Topic: st.Topic, Partition: st.Partition, Lag: st.Next - st.Committed}
		if at := watermark(st, now); !at.IsZero() {
			row.Time, row.Seconds = &at, now.Sub(at).Seconds()
		}
		ans.Watermarks = append(ans.Watermarks, row)
	}
	return ans, nil
}

func (a *App) askWatermarks(ctx context.Context, ans *watermarksAnswer) {
	all, err := a.peers.list(ctx)
	if err != nil {
		ans.Warnings = append(ans.Warnings, err.Error())
		return
	}
	for _, p := range with(all, config.WriterRole, config.Gateway) {
		var got watermarksAnswer
		if !p.live {
			continue
		}
		if err := a.peers.get(ctx, p.URL+"/api/v1/status/watermarks", &got); err != nil {
			ans.Warnings = append(ans.Warnings, err.Error())
			continue
		}
		*ans = got
		return
	}
	ans.Warnings = append(ans.Warnings, "no process that knows the bus answers")
}
