// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/strata-apm/strata/collector/middleware"
	"github.com/strata-apm/strata/collector/status"
	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/writer"
	"github.com/strata-apm/strata/packs"
)

const hostName = "web-1"

// agent is the receiver on this machine, its board, and what a server would have stored of what it sent.
type agent struct {
	board  *status.Board
	db     *tsdb.DB
	engine *promql.Engine
	creds  string

	mu         sync.Mutex // one request and one change of the credentials at a time
	translator *writer.OTLPTranslator
	appendErr  error
	texts      []string
}

type noMetadata struct{}

func (noMetadata) Set(string, metadata.Metadata) {}

// startAgent starts the receiver with everything it looks for.
func startAgent(t *testing.T, change func(*middleware.Config)) *agent {
	t.Helper()
	opts := tsdb.DefaultOptions()
	opts.OutOfOrderTimeWindow = time.Hour.Milliseconds()
	db, err := tsdb.Open(t.TempDir(), nil, nil, opts, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	a := &agent{
		board: status.New(), db: db, creds: filepath.Join(t.TempDir(), "credentials.yaml"),
		engine:     promql.NewEngine(promql.EngineOpts{MaxSamples: 1e7, Timeout: time.Minute, LookbackDelta: 5 * time.Minute}),
		translator: writer.NewOTLPTranslator(noMetadata{}, writer.Translation{Lookback: 5 * time.Minute}),
	}
	logs := slog.New(slog.NewTextHandler(logWriter{a}, nil))
	factory, err := middleware.NewFactory(middleware.Options{Board: a.board, Logger: logs, Memory: middleware.NewMemory(), AccessRetry: time.Second})
	require.NoError(t, err)
	cfg := factory.CreateDefaultConfig().(*middleware.Config)
	cfg.Interval, cfg.DiscoverInterval, cfg.CredentialsFile, cfg.HostName = time.Second, time.Second, a.creds, hostName
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	next, err := consumer.NewMetrics(a.consume)
	require.NoError(t, err)
	r, err := factory.CreateMetrics(t.Context(), receivertest.NewNopSettings(factory.Type()), cfg, next)
	require.NoError(t, err)
	require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, r.Shutdown(context.Background())) })
	return a
}

type logWriter struct{ a *agent }

func (w logWriter) Write(p []byte) (int, error) {
	w.a.mu.Lock()
	defer w.a.mu.Unlock()
	w.a.texts = append(w.a.texts, string(p))
	return len(p), nil
}

// consume stores a request as the server does: with host.name as the agent's pipeline puts it.
func (a *agent) consume(ctx context.Context, md pmetric.Metrics) error {
	for _, rm := range md.ResourceMetrics().All() {
		rm.Resource().Attributes().PutStr("host.name", hostName)
	}
	body, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.texts = append(a.texts, string(body))
	app := a.db.AppenderV2(ctx)
	_, rejected, err := a.translator.Append(ctx, app, bus.Message{Record: bus.Record{Value: body}})
	if err == nil && len(rejected) > 0 {
		err = fmt.Errorf("rejected: %v", rejected)
	}
	if err == nil {
		err = app.Commit()
	}
	if err != nil {
		a.appendErr = err
	}
	return err
}

// entry returns what the board says of the instance of a kind at an address.
func (a *agent) entry(kind, addr string) (middleware.Entry, error) {
	var all []middleware.Entry
	if err := json.Unmarshal(a.board.Sections()["middleware"], &all); err != nil {
		return middleware.Entry{}, fmt.Errorf("board: %w", err)
	}
	for _, e := range all {
		if e.Kind == kind && e.Instance == addr {
			return e, nil
		}
	}
	return middleware.Entry{}, fmt.Errorf("%s %s is not on the board: %.500s", kind, addr, a.board.Sections()["middleware"])
}

// waitState waits until the board gives the instance one of the states.
func (a *agent) waitState(t *testing.T, kind, addr string, within time.Duration, states ...string) middleware.Entry {
	t.Helper()
	var got middleware.Entry
	eventually(t, within, kind+" is "+strings.Join(states, " or "), func() error {
		e, err := a.entry(kind, addr)
		if err != nil {
			return err
		}
		for _, s := range states {
			if e.State == s && (s != "failed" || len(e.Missing) > 0) { // While it starts it fails without a reason.
				got = e
				return nil
			}
		}
		return fmt.Errorf("state %s: %s %+v", e.State, e.Error, e.Missing)
	})
	return got
}

// addCredential appends the credential line of what is missing to the agent's file, with the password in the place of the placeholder.
func (a *agent) addCredential(t *testing.T, how, password string) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	line := ""
	for l := range strings.Lines(how) {
		if strings.HasPrefix(l, "- {kind:") && strings.Contains(l, "PASSWORD") {
			line = strings.TrimRight(l, "\n") + "\n"
		}
	}
	require.NotEmpty(t, line, how)
	line = strings.NewReplacer("CHOOSE-A-PASSWORD", password, "THE-PASSWORD", password).Replace(line)
	old, err := os.ReadFile(a.creds)
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	require.NoError(t, os.WriteFile(a.creds, append(old, line...), 0o600))
}

// query runs an instant query over everything that was stored.
func (a *agent) query(ctx context.Context, expr string) (promql.Vector, error) {
	q, err := a.engine.NewInstantQuery(ctx, a.db, nil, expr, time.Now())
	if err != nil {
		return nil, err
	}
	defer q.Close()
	res := q.Exec(ctx)
	if res.Err != nil {
		return nil, fmt.Errorf("%s: %w", expr, res.Err)
	}
	v, err := res.Vector()
	return append(promql.Vector(nil), v...), err
}

// points counts the numbers of a range query over the last minute.
func (a *agent) points(ctx context.Context, expr string) (int, error) {
	now := time.Now()
	q, err := a.engine.NewRangeQuery(ctx, a.db, nil, expr, now.Add(-time.Minute), now, time.Second)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", expr, err)
	}
	defer q.Close()
	res := q.Exec(ctx)
	if res.Err != nil {
		return 0, fmt.Errorf("%s: %w", expr, res.Err)
	}
	m, err := res.Matrix()
	n := 0
	for _, s := range m {
		for _, p := range s.Floats {
			if !math.IsNaN(p.F) && !math.IsInf(p.F, 0) {
				n++
			}
		}
	}
	return n, err
}

// charted waits until every panel and every figure of the pack has a number for the instance.
func (a *agent) charted(t *testing.T, kind string, port int, activity func()) {
	t.Helper()
	p, err := packs.Get(kind)
	require.NoError(t, err)
	instance := fmt.Sprintf("%s:%d", hostName, port)
	eventually(t, 90*time.Second, kind+": every panel has data", func() error {
		activity()
		for _, panel := range p.Dashboard.Panels {
			total := 0
			for _, q := range panel.Queries {
				n, err := a.points(t.Context(), strings.NewReplacer("$instance", instance, "$window", "30s").Replace(q.Expr))
				if err != nil {
					return err
				}
				total += n
			}
			if total == 0 {
				return fmt.Errorf("panel %q is empty: %v", panel.Title, panel.Queries)
			}
		}
		for _, f := range p.Dashboard.Figures {
			v, err := a.query(t.Context(), fmt.Sprintf("(%s) and on (instance) strata_middleware_up{instance=%q}", f.Expr, instance))
			if err != nil {
				return err
			}
			if len(v) != 1 {
				return fmt.Errorf("figure %q has %d values", f.Title, len(v))
			}
		}
		return nil
	})
}

// up is the value of strata_middleware_up.
func (a *agent) up(t *testing.T, kind string, port int) (float64, error) {
	t.Helper()
	v, err := a.query(t.Context(), fmt.Sprintf("strata_middleware_up{middleware=%q, instance=%q}", kind, fmt.Sprintf("%s:%d", hostName, port)))
	if err != nil {
		return 0, err
	}
	if len(v) != 1 {
		return 0, fmt.Errorf("%d series of up", len(v))
	}
	return v[0].F, nil
}

// downAfter expects strata_middleware_up to become 0 after the kill.
func (a *agent) downAfter(t *testing.T, kind string, port int, kill func()) {
	t.Helper()
	v, err := a.up(t, kind, port)
	require.NoError(t, err)
	require.InDelta(t, 1, v, 0)
	kill()
	killed := time.Now()
	eventually(t, 20*time.Second, kind+" is down", func() error {
		v, err := a.up(t, kind, port)
		if err == nil && v != 0 {
			err = fmt.Errorf("up is %v", v)
		}
		return err
	})
	t.Logf("%s: seen down after %s", kind, time.Since(killed).Round(10*time.Millisecond))
}

// eventually calls f until it returns nil.
func eventually(t *testing.T, within time.Duration, what string, f func() error) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) { assert.NoError(c, f()) }, within, 100*time.Millisecond, what)
}
