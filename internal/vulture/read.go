// SPDX-License-Identifier: Apache-2.0

package vulture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The signals, as the report names them.
const (
	signalTraces  = "traces"
	signalLogs    = "logs"
	signalMetrics = "metrics"
)

const maxAnswer = 64 << 20

// reader reads one window back. wrong counts what is there and is not what was written.
type reader func(ctx context.Context, x *window) (got found, wrong int64, err error)

// errPartial says that the server itself calls its answer incomplete; it is asked again.
var errPartial = errors.New("the answer is partial")

// api reads through the query API.
type api struct {
	run    *run
	client *http.Client
}

func newAPI(r *run) *api {
	return &api{run: r, client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 4}}}
}

func (a *api) readers() map[string]reader {
	return map[string]reader{signalTraces: a.traces, signalLogs: a.logs, signalMetrics: a.samples}
}

func (a *api) get(ctx context.Context, path string, q url.Values, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(a.run.opts.URL, "/")+path+"?"+q.Encode(), nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", path, err)
	}
	if a.run.opts.ReadKey != "" {
		req.Header.Set("Authorization", "Bearer "+a.run.opts.ReadKey)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s: %.200s", path, resp.Status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	return nil
}

// between is the window as parameters; the query finds only what this run wrote.
func (a *api) between(x *window, query string) url.Values {
	return url.Values{
		"query": {query}, "start": {x.start.Format(time.RFC3339Nano)}, "end": {x.end.Format(time.RFC3339Nano)}, "limit": {"500"},
	}
}

// traces lists the traces of the window; one whose number of spans is not right is read whole.
func (a *api) traces(ctx context.Context, x *window) (found, int64, error) {
	got, wrong := found{}, int64(0)
	q := a.between(x, "service:"+serviceName+" attr.vulture.run:"+a.run.name())
	for {
		var page struct {
			Traces []struct {
				ID    string `json:"trace_id"`
				Spans int    `json:"span_count"`
			} `json:"traces"`
			Next string `json:"next_cursor"`
		}
		if err := a.get(ctx, "/api/v1/traces", q, &page); err != nil {
			return nil, 0, err
		}
		for _, t := range page.Traces {
			seq, err := strconv.ParseUint(t.ID[min(len(t.ID), 16):], 16, 64)
			if err != nil {
				wrong++
				continue
			}
			if t.Spans == perRequest {
				for i := range perRequest {
					got.add(seq, i)
				}
				continue
			}
			n, err := a.spans(ctx, t.ID, seq, got)
			if err != nil {
				return nil, 0, err
			}
			wrong += n
		}
		if page.Next == "" {
			return got, wrong, nil
		}
		q.Set("cursor", page.Next)
	}
}

// spans reads one trace whole.
func (a *api) spans(ctx context.Context, id string, seq uint64, got found) (wrong int64, err error) {
	var trace struct {
		Spans []struct {
			Name string `json:"name"`
		} `json:"spans"`
	}
	if err := a.get(ctx, "/api/v1/traces/"+id, nil, &trace); err != nil {
		return 0, err
	}
	for _, s := range trace.Spans {
		part := -1
		if letter, ok := strings.CutPrefix(s.Name, "step "); ok && len(letter) == 1 {
			part = int(letter[0] - 'a')
		}
		if part < 0 || part >= perRequest {
			wrong++
			continue
		}
		got.add(seq, part)
	}
	return wrong, nil
}

func (a *api) logs(ctx context.Context, x *window) (found, int64, error) {
	got, wrong := found{}, int64(0)
	q := a.between(x, "service:"+serviceName+" attr.vulture.run:"+a.run.name())
	for {
		var page struct {
			Logs []struct {
				Body string `json:"body"`
			} `json:"logs"`
			Next string `json:"next_cursor"`
		}
		if err := a.get(ctx, "/api/v1/logs", q, &page); err != nil {
			return nil, 0, err
		}
		for _, l := range page.Logs {
			var name string
			var seq uint64
			var part int
			if n, _ := fmt.Sscanf(l.Body, "vulture %s %d %d", &name, &seq, &part); n != 3 || part < 0 || part >= perRequest || l.Body != a.run.body(seq, part) {
				wrong++
				continue
			}
			got.add(seq, part)
		}
		if page.Next == "" {
			return got, wrong, nil
		}
		q.Set("cursor", page.Next)
	}
}

// samples reads the raw samples of the window. A range selector leaves its beginning out, so it ends one millisecond before the window.
func (a *api) samples(ctx context.Context, x *window) (found, int64, error) {
	var answer struct {
		Warnings []string `json:"warnings"`
		Data     struct {
			Result []struct {
				Metric map[string]string `json:"metric"`
				Values [][2]any          `json:"values"`
			} `json:"result"`
		} `json:"data"`
	}
	last := x.end.Add(-time.Millisecond)
	q := url.Values{
		"query": {fmt.Sprintf(`%s{run=%q}[%dms]`, seriesName, a.run.name(), x.end.Sub(x.start).Milliseconds())},
		"time":  {strconv.FormatFloat(float64(last.UnixMilli())/1000, 'f', 3, 64)},
	}
	if err := a.get(ctx, "/prometheus/api/v1/query", q, &answer); err != nil {
		return nil, 0, err
	}
	if len(answer.Warnings) > 0 {
		return nil, 0, fmt.Errorf("%w: %s", errPartial, answer.Warnings[0])
	}
	got, wrong := found{}, int64(0)
	for _, series := range answer.Data.Result {
		part, err := strconv.Atoi(series.Metric["part"])
		if err != nil || part < 0 || part >= perRequest {
			wrong++
			continue
		}
		for _, v := range series.Values {
			seq, err := strconv.ParseUint(fmt.Sprint(v[1]), 10, 64)
			if err != nil || !strings.HasSuffix(series.Metric["instance"], fmt.Sprintf("-%d", seq%instances)) {
				wrong++
				continue
			}
			got.add(seq, part)
		}
	}
	return got, wrong, nil
}
