// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

func TestMerge(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	r := func(a, b int) storage.TimeRange { return storage.TimeRange{Start: at(a), End: at(b)} }
	require.Equal(t, []storage.TimeRange{r(0, 5), r(10, 11)}, merge([]storage.TimeRange{r(10, 11), r(0, 4), r(3, 5)}))
	var many []storage.TimeRange
	for i := range 1000 {
		many = append(many, r(i*i, i*i+1))
	}
	got := merge(many)
	require.LessOrEqual(t, len(got), 24)
	require.Equal(t, at(0), got[0].Start)
	require.Equal(t, at(999*999+1), got[len(got)-1].End)
	require.Empty(t, merge(nil))
}
