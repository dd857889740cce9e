// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/oklog/ulid/v2"

	"github.com/strata-apm/strata/alerting/notify"
	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/storage"
)

type notifierJSON struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
	// Config has the keys of the type, and of a secret only whether it is set.
	Config       json.RawMessage `json:"config"`
	SendResolved bool            `json:"send_resolved"`
	Enabled      bool            `json:"enabled"`
	LastAttempt  *time.Time      `json:"last_attempt"`
	LastStatus   string          `json:"last_status" enum:"never,ok,failing"`
	LastError    string          `json:"last_error"`
	Pending      int             `json:"pending"`
}

// answer shows a notifier. When its config cannot be shown, the error says why and the config is empty.
func (a *API) answer(n storage.Notifier, s storage.NotifierStatus, pending int) (notifierJSON, error) {
	status := "never"
	if !s.LastAttempt.IsZero() {
		status = "failing"
		if s.OK {
			status = "ok"
		}
	}
	out := notifierJSON{
		ID: n.ID, Name: n.Name, Type: n.Type, Config: json.RawMessage("{}"), SendResolved: n.SendResolved, Enabled: n.Enabled,
		LastAttempt: optionalTime(s.LastAttempt), LastStatus: status, LastError: s.Error, Pending: pending,
	}
	config, err := a.opts.Types.Show(n.Type, n.Config)
	if err != nil {
		return out, fmt.Errorf("notifier %s: %w", n.Name, err)
	}
	out.Config = config
	return out, nil
}

type notifiersAnswer struct {
	Notifiers []notifierJSON `json:"notifiers"`
	Warnings  []string       `json:"warnings"`
}

func (a *API) listNotifiers(r *http.Request) (any, error) {
	ns, statuses, err := a.opts.Notifiers.ListNotifiers(r.Context())
	if err != nil {
		return nil, catalogError(err)
	}
	pending, err := a.opts.Log.CountPending(r.Context())
	if err != nil {
		return nil, catalogError(err)
	}
	out := notifiersAnswer{Notifiers: make([]notifierJSON, len(ns)), Warnings: []string{}}
	for i, n := range ns {
		if out.Notifiers[i], err = a.answer(n, statuses[n.ID], pending[n.ID]); err != nil {
			out.Warnings = append(out.Warnings, err.Error())
		}
	}
	return out, nil
}

// find returns the notifier that the request names.
func (a *API) find(r *http.Request) (n storage.Notifier, s storage.NotifierStatus, err error) {
	ns, statuses, err := a.opts.Notifiers.ListNotifiers(r.Context())
	if err != nil {
		return n, s, catalogError(err)
	}
	for _, n := range ns {
		if n.ID == chi.URLParam(r, "id") {
			return n, statuses[n.ID], nil
		}
	}
	return n, s, httpx.NotFound("not found")
}

func (a *API) createNotifier(r *http.Request) (any, error) {
	n, err := a.readNotifier(r, storage.Notifier{ID: ulid.Make().String(), CreatedAt: time.Now()})
	if err != nil {
		return nil, err
	}
	if err := a.opts.Notifiers.PutNotifier(r.Context(), n); err != nil {
		return nil, catalogError(err)
	}
	a.opts.Watcher.NotifiersChanged(r.Context())
	return a.answer(n, storage.NotifierStatus{}, 0)
}

func (a *API) updateNotifier(r *http.Request) (any, error) {
	before, status, err := a.find(r)
	if err != nil {
		return nil, err
	}
	n, err := a.readNotifier(r, before)
	if err != nil {
		return nil, err
	}
	if err := a.opts.Notifiers.PutNotifier(r.Context(), n); err != nil {
		return nil, catalogError(err)
	}
	if before.Enabled != n.Enabled {
		// Off: what waits would be old news once it is on again. On: a decision under way may have left something behind.
		purged, err := a.opts.Queue.PurgeNotifier(r.Context(), n.ID)
		if err != nil {
			a.opts.Logger.Error("queue of notifier not emptied", "notifier", n.Name, "error", err)
		}
		a.opts.Watcher.NotificationsDropped(n.ID, purged)
	}
	a.opts.Watcher.NotifiersChanged(r.Context())
	pending, err := a.opts.Log.CountPending(r.Context())
	if err != nil {
		return nil, catalogError(err)
	}
	return a.answer(n, status, pending[n.ID])
}

func (a *API) deleteNotifier(r *http.Request) (any, error) {
	if err := a.opts.Notifiers.DeleteNotifier(r.Context(), chi.URLParam(r, "id")); err != nil {
		return nil, catalogError(err)
	}
	a.opts.Watcher.NotifiersChanged(r.Context())
	return nil, nil // The answer has no body.
}

// testAnswer is how a test notification went. Error is empty when the receiver has taken it.
type testAnswer struct {
	OK    bool   `json:"ok"`
	Error string `json:"error"`
}

// testNotifier sends a made-up alert once, past the queue, and says how it went.
func (a *API) testNotifier(r *http.Request) (any, error) {
	n, _, err := a.find(r)
	if err != nil {
		return nil, err
	}
	answer := testAnswer{OK: true}
	target, err := a.opts.Types.Notifier(n.Type, n.Config)
	if err == nil {
		err = target.Notify(r.Context(), notify.Trial(n.Name, a.opts.ExternalURL, time.Now()))
	}
	if err != nil {
		answer = testAnswer{Error: err.Error()}
	}
	status := storage.NotifierStatus{LastAttempt: time.Now(), OK: answer.OK, Error: answer.Error}
	notify.SetStatus(r.Context(), a.opts.Notifiers, a.opts.Logger, n, status)
	return answer, nil
}
