// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"net/http"
	"time"

	"github.com/strata-apm/strata/internal/cluster"
	"github.com/strata-apm/strata/internal/config"
)

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
	Components []Component `json:"components"`
}

type instancesAnswer struct {
	Instances []instanceRow `json:"instances"`
	Warnings  []string      `json:"warnings"`
}

// instances lists the processes and what each says of itself.
func (a *API) instances(r *http.Request) (any, error) {
	ans := instancesAnswer{Instances: []instanceRow{}, Warnings: []string{}}
	if a.opts.Peers == nil {
		ans.Instances = append(ans.Instances, a.own(r.Context()))
		return ans, nil
	}
	all, err := a.opts.Peers.List(r.Context())
	if err != nil {
		ans.Instances, ans.Warnings = append(ans.Instances, a.own(r.Context())), append(ans.Warnings, err.Error())
		return ans, nil
	}
	for _, x := range cluster.AskAll[statusAnswer](r.Context(), a.opts.Peers, all, "/api/v1/status", nil) {
		row := instanceRow{
			ID: x.From.ID, Role: x.From.Role, URL: x.From.URL, Version: x.From.Version, StartedAt: x.From.StartedAt, SeenAt: x.From.SeenAt,
			Components: x.Body.Components,
		}
		if row.State, row.Message = worst(row.Components); x.Err != nil {
			row.State, row.Message, row.Components = Down, x.Err.Error(), []Component{}
		}
		ans.Instances = append(ans.Instances, row)
	}
	return ans, nil
}

// own is the row of this process.
func (a *API) own(ctx context.Context) instanceRow {
	row := instanceRow{
		ID: a.opts.Instance, Role: string(a.opts.Role), URL: a.opts.URL, Version: a.opts.Version, StartedAt: a.opts.Started, SeenAt: time.Now(),
		Components: a.components(ctx),
	}
	row.State, row.Message = worst(row.Components)
	return row
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
func (a *API) watermarks(r *http.Request) (any, error) {
	ans := watermarksAnswer{Watermarks: []watermarkRow{}, Warnings: []string{}}
	if a.opts.Bus == nil {
		a.askWatermarks(r.Context(), &ans)
		return ans, nil
	}
	if err := a.opts.Bus.Err(); err != nil {
		ans.Warnings = append(ans.Warnings, "bus: "+err.Error())
	}
	now := time.Now()
	for _, st := range a.opts.Bus.Stats() {
		row := watermarkRow{Topic: st.Topic, Partition: st.Partition, Lag: st.Next - st.Committed}
		if at := st.Watermark(now); !at.IsZero() {
			row.Time, row.Seconds = &at, now.Sub(at).Seconds()
		}
		ans.Watermarks = append(ans.Watermarks, row)
	}
	return ans, nil
}

func (a *API) askWatermarks(ctx context.Context, ans *watermarksAnswer) {
	all, err := a.opts.Peers.List(ctx)
	if err != nil {
		ans.Warnings = append(ans.Warnings, err.Error())
		return
	}
	for _, p := range cluster.With(all, config.RoleWriter, config.RoleGateway) {
		var got watermarksAnswer
		if !p.Live {
			continue
		}
		if err := a.opts.Peers.Get(ctx, p.URL+"/api/v1/status/watermarks", &got); err != nil {
			ans.Warnings = append(ans.Warnings, err.Error())
			continue
		}
		*ans = got
		return
	}
	ans.Warnings = append(ans.Warnings, "no process that knows the bus answers")
}
