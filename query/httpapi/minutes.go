// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"net/http"
	"time"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/storage"
)

// countedRange is what the counts of an answer are of.
type countedRange struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// minutes reads the range of a request about services, whose counts are kept by the minute: the whole minutes that the range touches, and of the one
// that now is in as much as has passed. Rates are of this range, which the answer tells.
func (a *API) minutes(r *http.Request) (storage.TimeRange, countedRange, error) {
	now := a.now()
	rng, err := httpx.Range(r, now)
	if err != nil {
		return storage.TimeRange{}, countedRange{}, err
	}
	end := rng.End
	if cut := end.Truncate(time.Minute); !cut.Equal(end) {
		end = cut.Add(time.Minute)
	}
	if end.After(now) && !rng.End.After(now) {
		end = now
	}
	rng.Start, rng.End = rng.Start.Truncate(time.Minute), end
	return rng, countedRange{Start: rng.Start, End: rng.End}, nil
}
