// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/bus"
)

// trickle is a partition that gets one message of so many bytes every step.
type trickle struct {
	bus.Partition
	began time.Time
	step  time.Duration
	bytes int
}

func (p trickle) Name() string { return "trickle-0" }

func (p trickle) Fetch(ctx context.Context, offset int64, _ int) ([]bus.Message, error) {
	there := time.NewTimer(time.Until(p.began.Add(time.Duration(offset+1) * p.step)))
	defer there.Stop()
	select {
	case <-there.C:
		return []bus.Message{{Record: bus.Record{Value: make([]byte, p.bytes)}, Offset: offset}}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestLinger: a batch waits for more, one that grows fast twice as long, and one that is large enough not at all.
func TestLinger(t *testing.T) {
	for _, tc := range []struct {
		name  string
		bytes int
		want  int
		after time.Duration
	}{
		{name: "little comes", bytes: 1000, want: 5, after: 500 * time.Millisecond},
		{name: "much comes", bytes: growingBytes / 4, want: 9, after: 900 * time.Millisecond},
		{name: "enough is there", bytes: defaultBatchBytes/3 + 1, want: 3, after: 300 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				w := NewBatches(Options{}, nil)
				got, err := w.cut(t.Context(), trickle{began: began, step: 100*time.Millisecond - time.Microsecond, bytes: tc.bytes}, 0, -1)
				require.NoError(t, err)
				require.Len(t, got, tc.want)
				require.InDelta(t, tc.after, time.Since(began), float64(time.Millisecond))
			})
		})
	}
}
