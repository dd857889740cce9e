package app

import (
	"net/http"
	"strconv"
	"time"
)

type tmpRange struct{ Start, End time.Time }

type tmpAPI struct{}

func (tmpAPI) ParseRange(r *http.Request, now time.Time) (tmpRange, error) {
	get := func(k string, d time.Time) time.Time {
		f, err := strconv.ParseFloat(r.FormValue(k), 64)
		if err != nil {
			return d
		}
		return time.Unix(int64(f), 0)
	}
	return tmpRange{get("start", now.Add(-time.Hour)), get("end", now)}, nil
}
func (tmpAPI) WriteError(w http.ResponseWriter, err error) { http.Error(w, err.Error(), 400) }

var httpapi tmpAPI
