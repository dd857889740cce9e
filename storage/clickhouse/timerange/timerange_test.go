// SPDX-License-Identifier: Apache-2.0

package timerange

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

func TestWindows(t *testing.T) {
	start := time.Unix(0, 0)
	for _, length := range []time.Duration{time.Second, time.Minute, 3 * time.Minute, 24 * time.Hour, 9000 * time.Hour} {
		r := storage.TimeRange{Start: start, End: start.Add(length)}
		for _, newest := range []bool{true, false} {
			ws := Windows(r, newest)
			total := time.Duration(0)
			for i, w := range ws {
				total += w.End.Sub(w.Start)
				if i > 0 && newest {
					require.Equal(t, ws[i-1].Start, w.End)
				} else if i > 0 {
					require.Equal(t, ws[i-1].End, w.Start)
				}
			}
			require.Equal(t, length, total)
			require.Less(t, len(ws), 12)
		}
	}
}
