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
