// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// strata is one server on a data directory of its own.
type strata struct {
	*process
	dir  string
	otlp string // host:port of OTLP over HTTP
	grpc string // host:port of OTLP over gRPC
}

// startStrata starts a server without its own telemetry and waits until it is ready.
func (b *bench) startStrata(ctx context.Context, dir string) (*strata, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	runFile := filepath.Join(dir, "run.json")
	if err := os.Remove(runFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove old run file: %w", err)
	}
	p, err := launch(dir+".log", append([]string{"STRATA_SELF_ENABLED=false"}, b.env...), b.strata, "all", "--data-dir", dir,
		"--http-listen", "127.0.0.1:0", "--otlp-grpc-listen", "127.0.0.1:0", "--otlp-http-listen", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &strata{process: p, dir: dir}
	err = poll(ctx, time.Minute, 5*time.Millisecond, func() error {
		if err := p.ended(); err != nil {
			return err
		}
		raw, err := os.ReadFile(runFile) //nolint:gosec // Under the work directory.
		if err != nil {
			return fmt.Errorf("read run file: %w", err)
		}
		var run struct {
			HTTP     string `json:"http"`
			OTLPHTTP string `json:"otlp_http"`
			OTLPGRPC string `json:"otlp_grpc"`
		}
		if err := json.Unmarshal(raw, &run); err != nil {
			return fmt.Errorf("decode run file: %w", err)
		}
		s.base, s.otlp, s.grpc = "http://"+run.HTTP, run.OTLPHTTP, run.OTLPGRPC
		return nil
	})
	if err == nil {
		err = s.waitReady(ctx, "/-/ready")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start strata: %w", err), p.stop())
	}
	return s, nil
}

// waitStored waits until the bus is empty and the ledger says that all items of a signal are stored.
func (s *strata) waitStored(ctx context.Context, signal string, items int) error {
	return poll(ctx, 3*time.Minute, 250*time.Millisecond, func() error {
		var l struct {
			Totals []struct {
				Signal   string `json:"signal"`
				Accepted int64  `json:"accepted"`
				Stored   int64  `json:"stored"`
				Rejected int64  `json:"rejected"`
			} `json:"totals"`
			Bus []struct {
				Topic     string `json:"topic"`
				Next      int64  `json:"next_offset"`
				Committed int64  `json:"committed_offset"`
			} `json:"bus"`
		}
		if err := get(ctx, s.base+"/api/v1/ledger", &l); err != nil {
			return err
		}
		for _, b := range l.Bus {
			if b.Committed < b.Next {
				return fmt.Errorf("topic %s is at %d of %d", b.Topic, b.Committed, b.Next)
			}
		}
		for _, t := range l.Totals {
			if t.Signal == signal && t.Stored == int64(items) && t.Accepted == t.Stored {
				return nil
			}
		}
		return fmt.Errorf("want %d %s stored, the ledger has %+v", items, signal, l.Totals)
	})
}

// promQuery evaluates an instant query that yields one number.
func promQuery(ctx context.Context, api, query string, at time.Time) (string, error) {
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	q := url.Values{"query": {query}, "time": {at.Format(time.RFC3339)}}
	if err := get(ctx, api+"/api/v1/query?"+q.Encode(), &answer); err != nil {
		return "", err
	}
	if len(answer.Data.Result) != 1 {
		return "", fmt.Errorf("%s: %d results", query, len(answer.Data.Result))
	}
	return fmt.Sprint(answer.Data.Result[0].Value[1]), nil
}
