// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMetricsCap(t *testing.T) {
	stats := NewStats()
	for i := range maxSources + 50 {
		c := stats.Source([]string{fmt.Sprintf("/var/log/%03d.log", i)})
		c.Records.Store(int64(i))
		c.Masked.Store(1)
	}
	md := metrics(stats.Status(), time.Now())
	all := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	require.Equal(t, 4, all.Len())
	total, points := int64(0), all.At(0).Sum().DataPoints()
	require.Equal(t, maxSources, points.Len())
	for _, dp := range points.All() {
		total += dp.IntValue()
	}
	require.Equal(t, int64(150*149/2), total, "none is lost")
	source, _ := points.At(maxSources - 1).Attributes().Get("source")
	require.Equal(t, otherSource, source.Str())
	require.Equal(t, int64(51), all.At(2).Sum().DataPoints().At(maxSources-1).IntValue())
}
