// SPDX-License-Identifier: Apache-2.0

package vulture

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// checkEvery is the pause between two looks at what is due.
const checkEvery = 2 * time.Second

// Run writes and verifies until ctx ends or the duration is over, then verifies what is left for as long as the patience lasts. The report
// is valid also when an error is returned.
func Run(ctx context.Context, opts Options) (Report, error) {
	if err := opts.Validate(); err != nil {
		return Report{}, err
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	conns, err := dial(opts.Endpoints)
	if err != nil {
		return Report{}, err
	}
	defer closeAll(conns)
	r := &run{conns: conns, opts: opts}
	if _, err := rand.Read(r.id[:]); err != nil {
		return Report{}, fmt.Errorf("make the run's id: %w", err)
	}
	r.id[0] |= 1 // A trace id is never all zero.
	opts.Logger.Info("writing and verifying", "run", r.name(), "rate", opts.Rate)

	writing, stop := context.WithCancel(ctx)
	defer stop()
	if opts.Duration > 0 {
		writing, stop = context.WithTimeout(ctx, opts.Duration)
		defer stop()
	}
	signals := map[string]*windows{}
	exports, readers := r.exports(), newAPI(r).readers()
	for name := range exports {
		signals[name] = &windows{length: opts.Window}
		if err := register(opts.Registerer, name, signals[name]); err != nil {
			return Report{}, err
		}
	}
	var wg sync.WaitGroup
	for name, send := range exports {
		w := signals[name]
		wg.Go(func() {
			over := make(chan struct{})
			go func() {
				defer close(over)
				r.write(writing, send, w)
			}()
			r.verify(context.WithoutCancel(ctx), newView(name, readers[name], w), over)
		})
	}
	wg.Wait()
	report := Report{Run: r.name(), Signals: map[string]Counts{}}
	for name, w := range signals {
		report.Signals[name] = w.snapshot()
	}
	return report, nil
}

// view is how one signal is looked at.
type view struct {
	signal  string
	read    reader
	windows *windows
}

func newView(signal string, read reader, w *windows) view { return view{signal, read, w} }

// verify looks at what is due until writing is over and every window was complete once or had its patience; then it judges the rest.
func (r *run) verify(ctx context.Context, v view, over <-chan struct{}) {
	ended := false
	for {
		if !ended {
			select {
			case <-over:
				ended = true
			case <-time.After(checkEvery):
			}
		}
		due := v.windows.due(time.Now(), r.opts.Patience, ended)
		if ended && len(due) == 0 {
			break
		}
		for _, x := range due {
			r.look(ctx, v, x, false)
		}
		if ended {
			time.Sleep(checkEvery / 4)
		}
	}
	for _, x := range v.windows.rest() {
		r.look(ctx, v, x, true)
	}
}

// look reads one window. It is judged on the last look, or when its patience is over.
func (r *run) look(ctx context.Context, v view, x *window, last bool) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	took := max(0, time.Since(x.end))
	last = last || took > r.opts.Patience
	log := r.opts.Logger.With("signal", v.signal, "from", x.start, "after", took.Round(time.Millisecond))
	got, wrong, err := v.read(ctx, x)
	if err != nil {
		if last {
			log.Error("not readable", "err", err)
			v.windows.settle(x, x.judge(nil, 0))
		} else if !errors.Is(err, errPartial) {
			log.Warn("not readable yet", "err", err)
		}
		return
	}
	found := x.judge(got, wrong)
	right := found.missing == 0 && found.doubled == 0 && found.wrong == 0
	if right && !x.seen {
		v.windows.complete(x, took, r.opts.LateAfter)
	}
	if !last {
		return
	}
	if !right {
		log.Error("written and not read back as it was", "missing", found.missing, "doubled", found.doubled, "wrong", found.wrong, "example", found.example)
	}
	v.windows.settle(x, found)
}

// register exposes the counts of one signal.
func register(reg prometheus.Registerer, signal string, w *windows) error {
	if reg == nil {
		return nil
	}
	for name, x := range map[string]struct {
		help string
		get  func(Counts) float64
	}{
		"sent":     {"Requests sent.", func(c Counts) float64 { return float64(c.Sent) }},
		"verified": {"Requests read back as they were written.", func(c Counts) float64 { return float64(c.Verified) }},
		"missing":  {"Acknowledged requests that are not there in full.", func(c Counts) float64 { return float64(c.Missing) }},
		"doubled":  {"Requests that are there more than once.", func(c Counts) float64 { return float64(c.Doubled) }},
		"wrong":    {"Things read that were never written so.", func(c Counts) float64 { return float64(c.Wrong) }},
		"late":     {"Requests that were readable only after the time allowed.", func(c Counts) float64 { return float64(c.Late) }},
	} {
		err := reg.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "strata_vulture_" + name + "_total", Help: x.help, ConstLabels: prometheus.Labels{"signal": signal},
		}, func() float64 { return x.get(w.snapshot()) }))
		if err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}
