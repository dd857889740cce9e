// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

const (
	// tailKeepAlive keeps proxies from closing a quiet stream.
	tailKeepAlive = 15 * time.Second
	// tailWriteTimeout ends a stream whose reader has stopped reading.
	tailWriteTimeout = 10 * time.Second
	// tailPatience ends a stream that could not look for so long: the reader connects anew instead of believing that nothing came.
	tailPatience = 10 * time.Minute
)

// errTailBlind ends a stream that could not look for longer than tailPatience.
var errTailBlind = errors.New("the logs could not be read for too long")

// tail streams new log records as server-sent events.
func (a *API) tail(w http.ResponseWriter, r *http.Request) error {
	filter, err := search.Parse(signal.Logs, r.URL.Query().Get("query"))
	if err != nil {
		return err
	}
	select {
	case a.tails <- struct{}{}:
		defer func() { <-a.tails }()
	default:
		return httpx.Unavailable("too many readers follow the logs")
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	s := &tailStream{api: a, of: storage.Selection{Tenant: tenant.FromContext(r.Context()), Filter: filter}, out: w, ctl: http.NewResponseController(w), told: newTailAccount(a.now())}
	if s.write(": ok\n\n") == nil {
		s.run(r)
	}
	return nil
}

// tailStream is one reader's stream.
type tailStream struct {
	api  *API
	of   storage.Selection // its range does not matter
	out  http.ResponseWriter
	ctl  *http.ResponseController
	told *tailAccount
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

// look sends what is new, the oldest first, and says how many records it leaves out. A store that is away for a while is no reason to
// end the stream: the next look goes back to where this one began.
func (s *tailStream) look(r *http.Request) error {
	now := s.api.now()
	if now.Sub(s.told.looked) > tailPatience {
		return errTailBlind
	}
	if err := s.api.opts.Allowed(r.Context()); err != nil {
		return err
	}
	release, err := s.api.opts.Guard.Enter(r.Context())
	if err != nil {
		return r.Context().Err()
	}
	fresh, skipped, err := s.told.collect(r.Context(), s.api.opts.Logs, s.of, now)
	release()
	if err != nil {
		s.api.log.DebugContext(r.Context(), "follow logs", "error", err)
	}
	for i := len(fresh) - 1; i >= 0; i-- {
		b, err := json.Marshal(logOf(&fresh[i]))
		if err != nil {
			return err
		}
		if err := s.write("event: log\ndata: " + string(b) + "\n\n"); err != nil {
			return err
		}
	}
	if skipped > 0 {
		return s.write(fmt.Sprintf("event: skipped\ndata: {\"count\":%d}\n\n", skipped))
	}
	return r.Context().Err()
}

func (s *tailStream) write(text string) error {
	_ = s.ctl.SetWriteDeadline(time.Now().Add(tailWriteTimeout)) // not every writer has deadlines
	if _, err := s.out.Write([]byte(text)); err != nil {
		return err
	}
	return s.ctl.Flush()
}
