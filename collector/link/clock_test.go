// SPDX-License-Identifier: Apache-2.0

package link

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestClock(t *testing.T) {
	for _, offset := range []time.Duration{0, 7300 * time.Millisecond, -42*time.Minute - 250*time.Millisecond} {
		var c Clock
		_, known := c.Status()
		require.False(t, known)
		now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		for range 120 { // Each 10 ms later within a second.
			sent := now
			now = now.Add(20 * time.Millisecond)
			c.answered(now.Add(offset).Format(http.TimeFormat), sent, now.Add(20*time.Millisecond))
			now = now.Add(970 * time.Millisecond)
		}
		st, known := c.Status()
		require.True(t, known)
		require.InDelta(t, offset.Seconds(), st.OffsetSeconds, 0.05)
		require.Less(t, st.UncertaintySeconds, 0.05)
		c.answered(now.Add(offset+time.Hour).Format(http.TimeFormat), now, now.Add(time.Millisecond))
		st, _ = c.Status()
		require.InDelta(t, (offset + time.Hour).Seconds(), st.OffsetSeconds, 0.6, "a clock that was set is seen at once")
		c.answered("yesterday", now, now)
	}
}

// TestClockForgets: clocks drift apart, so bounds are taken anew after a while, and an answer that makes no sense changes nothing.
func TestClockForgets(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	answer := func(c *Clock, offset time.Duration, now time.Time) ClockStatus {
		c.answered(now.Add(offset).Format(http.TimeFormat), now, now)
		st, known := c.Status()
		require.True(t, known)
		return st
	}
	c := new(Clock)
	require.Equal(t, ClockStatus{OffsetSeconds: 0.5, UncertaintySeconds: 0.5}, answer(c, 0, at), "one answer tells a second")
	half := answer(c, 0, at.Add(500*time.Millisecond))
	require.Equal(t, ClockStatus{OffsetSeconds: 0.25, UncertaintySeconds: 0.25}, half, "two answers tell more")
	c.answered(at.Format(http.TimeFormat), at.Add(time.Second), at)
	st, _ := c.Status()
	require.Equal(t, half, st, "received before it was sent")
	require.Equal(t, half, answer(c, 0, at.Add(clockWindow-time.Second)), "within the window")
	require.Equal(t, ClockStatus{OffsetSeconds: 0.5, UncertaintySeconds: 0.5}, answer(c, 0, at.Add(clockWindow)), "the window is over")
}
