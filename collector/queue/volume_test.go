// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestVolume(t *testing.T) {
	at := time.Unix(1000, 0)
	v := NewVolume(at)
	v.add("logs/files", 30)
	got := v.Section(at.Add(10*time.Second), "h")
	require.Equal(t, VolumeCounts{Total: 30, PerMinute: 30}, got.Pipelines["logs/files"], "no rate that is too high")
	require.Equal(t, "h", got.Config)
	for i := range 20 {
		v.add("logs/files", 10)
		got = v.Section(at.Add(time.Duration(15+5*i)*time.Second), "h")
	}
	require.Equal(t, VolumeCounts{Total: 230, PerMinute: 120}, got.Pipelines["logs/files"])
	require.LessOrEqual(t, len(v.past), 14)
}
