// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/stretchr/testify/require"
)

// keeping returns the one active alert of the rule, with its state copied.
func (f *fixture) keeping(name string) (promrules.Alert, bool) {
	var out promrules.Alert
	n := 0
	if r := f.rule(name); r != nil {
		r.ForEachActiveAlert(func(al *promrules.Alert) {
			if al.State == promrules.StateFiring {
				out, n = *al, n+1
			}
		})
	}
	return out, n == 1
}

// seriesValue is the newest value of the one series of that name that has not ended, 0 when there is none.
func (f *fixture) seriesValue(name string) float64 { v, _ := f.newest(name); return v }

func (f *fixture) newest(name string) (last float64, at time.Time) {
	f.t.Helper()
	q, err := f.db.Querier(0, time.Now().Add(time.Hour).UnixMilli())
	require.NoError(f.t, err)
	defer func() { require.NoError(f.t, q.Close()) }()
	set := q.Select(f.t.Context(), false, nil, labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, name))
	for set.Next() {
		for it := set.At().Iterator(nil); it.Next() == chunkenc.ValFloat; {
			var t int64
			if t, last = it.At(); value.IsStaleNaN(last) {
				last = 0
			}
			at = time.UnixMilli(t)
		}
	}
	require.NoError(f.t, set.Err())
	return last, at
}

// TestKeepFiringOverARestart: an alert whose expression has ended goes on firing until its time is over, whether it was kept already when the server stopped or
// its expression ended meanwhile; nobody is told that it ended in between.
func TestKeepFiringOverARestart(t *testing.T) {
	for _, tc := range []struct{ name, rule string }{
		{"plain", "{alert: Keep, expr: load > 1, keep_firing_for: 1m}"},
		{"pending time", "{alert: Keep, expr: load > 1, for: 100ms, keep_firing_for: 1m}"},
		{"labels and text of the value", "{alert: Keep, expr: load > 1, keep_firing_for: 1m, labels: {severity: page, who: '{{ $labels.instance }}'}, annotations: {summary: 'at {{ $value }}'}}"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t)
			f.sample(time.Now(), 5, "load", "instance", "a")
			f.group("name: g\nrules:\n- " + tc.rule + "\n")
			f.start()
			f.eventually("fires", func() bool { _, ok := f.keeping("Keep"); return ok })
			f.sample(time.Now(), 0, "load", "instance", "a")
			f.eventually("is kept", func() bool { al, ok := f.keeping("Keep"); return ok && !al.KeepFiringSince.IsZero() })
			before, _ := f.keeping("Keep")
			f.eventually("since when is written", func() bool { return f.seriesValue(keptName) > 0 })

			f.restart()
			f.eventually("goes on", func() bool { al, ok := f.keeping("Keep"); return ok && !al.KeepFiringSince.IsZero() })
			after, _ := f.keeping("Keep")
			require.WithinDuration(t, before.KeepFiringSince, after.KeepFiringSince, 2*time.Millisecond)
			require.Equal(t, before.Labels, after.Labels)
			require.Equal(t, before.Annotations, after.Annotations)

			f.stop()
			f.sample(time.Now(), 7, "load", "instance", "a")
			f.build()
			f.start()
			f.eventually("its expression holds again", func() bool { al, ok := f.keeping("Keep"); return ok && al.KeepFiringSince.IsZero() })
			f.eventually("its series is written again", func() bool {
				_, written := f.newest("ALERTS")
				_, kept := f.newest(keptName)
				return written.After(kept)
			})
			f.stop()
			f.sample(time.Now(), 0, "load", "instance", "a")
			f.build()
			f.start()
			f.eventually("it is kept, though it ended while nobody looked", func() bool { al, ok := f.keeping("Keep"); return ok && !al.KeepFiringSince.IsZero() })
			for _, al := range f.reported() {
				require.Zero(t, al.ResolvedAt, "nobody hears that it ended in between")
			}
		})
	}
}

// TestKeepFiringEnds: time that passed while the server was away counts, and a rule that keeps nothing restores nothing.
func TestKeepFiringEnds(t *testing.T) {
	f := newFixture(t)
	now := time.Now()
	for _, name := range []string{"Over", "Plain", "Long"} {
		for _, ago := range []time.Duration{4 * time.Minute, 3 * time.Minute} {
			at := now.Add(-ago)
			f.sample(at, 1, "ALERTS", "alertname", name, "alertstate", "firing", "instance", "a")
			f.sample(at, float64(now.Add(-time.Hour).Unix()), "ALERTS_FOR_STATE", "alertname", name, "instance", "a")
			if name != "Plain" {
				f.sample(at.Add(time.Millisecond), float64(now.Add(-5*time.Minute).Unix()), keptName, "alertname", name, "instance", "a")
			}
		}
	}
	f.group("name: g\nrules:\n- {alert: Over, expr: none > 1, keep_firing_for: 5m}\n- {alert: Plain, expr: none > 1}\n- {alert: Long, expr: none > 1, keep_firing_for: 1h}\n")
	f.start()
	f.eventually("restored", func() bool { al, ok := f.keeping("Long"); return ok && !al.KeepFiringSince.IsZero() })
	al, _ := f.keeping("Long")
	require.WithinDuration(t, now.Add(-5*time.Minute), al.KeepFiringSince, time.Second)
	require.WithinDuration(t, now.Add(-time.Hour), al.ActiveAt, time.Second)
	for _, name := range []string{"Over", "Plain"} {
		_, ok := f.keeping(name)
		require.False(t, ok, name)
	}
}
