// SPDX-License-Identifier: Apache-2.0

package backoff

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPausesDouble(t *testing.T) {
	b := New(time.Second, 5*time.Second)
	differ := false
	for range 2 {
		for _, want := range []time.Duration{1, 2, 4, 5, 5, 5} {
			got := b.Next()
			require.InDelta(t, float64(want*time.Second), float64(got), float64(want*time.Second)/5)
			differ = differ || got != want*time.Second
		}
		b.Reset()
	}
	require.True(t, differ)
	for range 100 {
		require.LessOrEqual(t, b.Next(), 6*time.Second, "it never grows past the longest")
	}
}

func TestZeroDoesNotGrow(t *testing.T) {
	require.Zero(t, (&Backoff{}).Next())
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		require.NoError(t, New(time.Minute, time.Hour).Wait(t.Context()))
		require.InDelta(t, float64(time.Minute), float64(time.Since(begin)), float64(12*time.Second))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin = time.Now()
		require.ErrorIs(t, New(time.Minute, time.Hour).Wait(ctx), context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(begin))
		require.ErrorIs(t, Sleep(ctx, 0), context.DeadlineExceeded, "a task that was ended makes no further attempt")
	})
}
