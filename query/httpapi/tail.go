// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/strata-apm/strata/query/search"
	"github.com/strata-apm/strata/storage"
)

const (
	// tailBack is how far back each look goes: a record is shown when it arrives up to this late after its own time.
	tailBack = 30 * time.Second
	// tailAhead takes in records of clocks that run ahead.
	tailAhead = 10 * time.Second
	// tailBurst is how many records one look returns; what comes faster is counted as skipped.
	tailBurst = 500
	// tailKeepAlive keeps proxies from closing a quiet stream.
	tailKeepAlive = 15 * time.Second
	// tailWriteTimeout ends a stream whose reader has stopped reading.
	tailWriteTimeout = 10 * time.Second
)

// tail streams new log records as server-sent events.
func (a *API) tail(w http.ResponseWriter, r *http.Request) {
	filter, err := search.Parse(storage.SignalLogs, r.URL.Query().Get("query"))
	if err != nil {
		WriteError(w, err)
		return
	}
	select {
	case a.tails <- struct{}{}:
		defer func() { <-a.tails }()
	default:
		WriteError(w, &Error{Status: http.StatusServiceUnavailable, Code: CodeUnavailable, Message: "too many readers follow the logs"})
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	s := &tailStream{api: a, filter: filter, out: w, ctl: http.NewResponseController(w), seen: map[string]time.Time{}, from: a.now()}
	if err := s.write(": ok\n\n"); err != nil {
		return
	}
	s.run(r)
}

// tailStream is one reader's stream.
type tailStream struct {
	api    *API
	filter storage.Filter
	out    http.ResponseWriter
	ctl    *http.ResponseController
	seen   map[string]time.Time // records that were sent, until no look can return them again
	from   time.Time            // nothing older than the beginning of the stream is new
}

func (s *tailStream) run(r *http.Request) {
	look := time.NewTicker(s.api.opts.TailInterval)
	defer look.Stop()
	alive := time.NewTicker(tailKeepAlive)
	defer alive.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-alive.C:
			if s.write(": alive\n\n") != nil {
				return
			}
		case <-look.C:
			if s.look(r) != nil {
				return
			}
		}
	}
}

// look sends what is new. A store that is away is no reason to end the stream.
func (s *tailStream) look(r *http.Request) error {
	release, err := s.api.opts.Guard.Enter(r.Context())
	if err != nil {
		return r.Context().Err()
	}
	now := s.api.now()
	start := now.Add(-tailBack)
	if start.Before(s.from) {
		start = s.from
	}
	rng := storage.TimeRange{Start: start, End: now.Add(tailAhead)}
	page, err := s.api.opts.Logs.SearchLogs(r.Context(), storage.LogSearch{Selection: storage.Selection{Filter: s.filter, Range: rng}, Limit: tailBurst})
	release()
	if err != nil {
		s.api.log.DebugContext(r.Context(), "follow logs", "error", err)
		return r.Context().Err()
	}
	fresh := 0
	for i := len(page.Logs) - 1; i >= 0; i-- {
		l := &page.Logs[i]
		if _, sent := s.seen[l.ID]; sent {
			continue
		}
		s.seen[l.ID] = l.Time
		fresh++
		b, err := json.Marshal(logOf(l))
		if err != nil {
			return err
		}
		if err := s.write("event: log\ndata: " + string(b) + "\n\n"); err != nil {
			return err
		}
	}
	// A page that is new from end to end has left something out.
	if fresh == tailBurst && page.NextCursor != "" {
		if err := s.skipped(r, rng, page.Logs[len(page.Logs)-1].Time); err != nil {
			return err
		}
	}
	for id, at := range s.seen {
		if at.Before(start) {
			delete(s.seen, id)
		}
	}
	return nil
}

// skipped counts what was left out and moves the stream's beginning past it, so that it is not sent late.
func (s *tailStream) skipped(r *http.Request, rng storage.TimeRange, oldest time.Time) error {
	rng.End = oldest
	if !rng.Start.Before(rng.End) {
		return nil
	}
	h, err := s.api.opts.Logs.LogHistogram(r.Context(), storage.Selection{Filter: s.filter, Range: rng}, 1)
	if err != nil {
		return r.Context().Err()
	}
	known := uint64(0)
	for _, at := range s.seen {
		if !at.Before(rng.Start) && at.Before(rng.End) {
			known++
		}
	}
	s.from = oldest
	if h.Total <= known {
		return nil
	}
	return s.write(fmt.Sprintf("event: skipped\ndata: {\"count\":%d}\n\n", h.Total-known))
}

func (s *tailStream) write(text string) error {
	_ = s.ctl.SetWriteDeadline(time.Now().Add(tailWriteTimeout)) // not every writer has deadlines
	if _, err := s.out.Write([]byte(text)); err != nil {
		return err
	}
	return s.ctl.Flush()
}
