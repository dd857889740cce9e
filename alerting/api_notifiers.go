// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"github.com/strata-apm/strata/alerting/webhook"
	"github.com/strata-apm/strata/storage"
)

const (
	typeWebhook   = "webhook"
	maxNameLength = 100
	maxURLLength  = 2048
)

type notifierJSON struct {
	ID           string     `json:"id"`
	Name         string     `json:"name"`
	Type         string     `json:"type"`
	URL          string     `json:"url"`
	SendResolved bool       `json:"send_resolved"`
	Enabled      bool       `json:"enabled"`
	AllowPrivate bool       `json:"allow_private"`
	SecretSet    bool       `json:"secret_set"`
	LastAttempt  *time.Time `json:"last_attempt"`
	LastStatus   string     `json:"last_status"`
	LastError    string     `json:"last_error"`
	Pending      int        `json:"pending"`
}

func notifierAnswer(n storage.Notifier, s storage.NotifierStatus, pending int) notifierJSON {
	status := "never"
	if !s.LastAttempt.IsZero() {
		status = "failing"
		if s.OK {
			status = "ok"
		}
	}
	return notifierJSON{
		ID: n.ID, Name: n.Name, Type: n.Type, URL: n.URL, SendResolved: n.SendResolved, Enabled: n.Enabled, AllowPrivate: n.AllowPrivate,
		SecretSet: n.Secret != "", LastAttempt: optionalTime(s.LastAttempt), LastStatus: status, LastError: s.Error, Pending: pending,
	}
}

// notifierBody is what is written. What is missing has its default, for a change as for a new one, except the secret, which stays.
// The fields that are only read are accepted, so that an answer can be edited and sent back.
type notifierBody struct {
	notifierJSON
	SendResolved *bool   `json:"send_resolved"`
	Enabled      *bool   `json:"enabled"`
	Secret       *string `json:"secret"`
}

// notifier validates the body over what was there before.
func (b notifierBody) notifier(before storage.Notifier) (storage.Notifier, error) {
	n := storage.Notifier{
		ID: before.ID, CreatedAt: before.CreatedAt, Secret: before.Secret,
		Name: b.Name, Type: b.Type, URL: b.URL, AllowPrivate: b.AllowPrivate, SendResolved: true, Enabled: true,
	}
	if n.Type == "" {
		n.Type = typeWebhook
	}
	if b.SendResolved != nil {
		n.SendResolved = *b.SendResolved
	}
	if b.Enabled != nil {
		n.Enabled = *b.Enabled
	}
	if b.Secret != nil {
		n.Secret = *b.Secret
	}
	if l := utf8.RuneCountInString(n.Name); l == 0 || l > maxNameLength || strings.TrimSpace(n.Name) != n.Name {
		return n, fmt.Errorf("name: must have 1 to %d characters and no space around it", maxNameLength)
	}
	if n.Type != typeWebhook {
		return n, fmt.Errorf("type: %q is not webhook", n.Type)
	}
	if len(n.URL) > maxURLLength {
		return n, fmt.Errorf("url: more than %d bytes", maxURLLength)
	}
	if err := webhook.ValidateURL(n.URL, n.AllowPrivate); err != nil {
		if errors.Is(err, webhook.ErrForbiddenAddress) {
			return n, fmt.Errorf("%w; allow_private permits loopback, private and link-local addresses", err)
		}
		return n, err
	}
	return n, webhook.ValidateSecret(n.Secret)
}

func (a *API) listNotifiers(w http.ResponseWriter, r *http.Request) {
	ns, statuses, err := a.opts.Store.Notifiers.ListNotifiers(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	pending, err := a.opts.Store.Log.CountPending(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	out := make([]notifierJSON, len(ns))
	for i, n := range ns {
		out[i] = notifierAnswer(n, statuses[n.ID], pending[n.ID])
	}
	writeJSON(w, http.StatusOK, map[string]any{"notifiers": out, "warnings": []string{}})
}

// find returns a notifier; it has answered when ok is false.
func (a *API) find(w http.ResponseWriter, r *http.Request) (n storage.Notifier, s storage.NotifierStatus, ok bool) {
	ns, statuses, err := a.opts.Store.Notifiers.ListNotifiers(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return n, s, false
	}
	for _, n := range ns {
		if n.ID == chi.URLParam(r, "id") {
			return n, statuses[n.ID], true
		}
	}
	a.fail(w, r, storage.ErrNotFound)
	return n, s, false
}

func (a *API) createNotifier(w http.ResponseWriter, r *http.Request) {
	var body notifierBody
	if !readJSON(w, r, &body) {
		return
	}
	n, err := body.notifier(storage.Notifier{ID: newID(""), CreatedAt: time.Now()})
	if err != nil {
		badRequest(w, err)
		return
	}
	if err := a.opts.Store.Notifiers.PutNotifier(r.Context(), n); err != nil {
		a.fail(w, r, err)
		return
	}
	a.notifiersChanged(r.Context())
	writeJSON(w, http.StatusCreated, notifierAnswer(n, storage.NotifierStatus{}, 0))
}

func (a *API) updateNotifier(w http.ResponseWriter, r *http.Request) {
	before, status, ok := a.find(w, r)
	if !ok {
		return
	}
	var body notifierBody
	if !readJSON(w, r, &body) {
		return
	}
	n, err := body.notifier(before)
	if err != nil {
		badRequest(w, err)
		return
	}
	if err := a.opts.Store.Notifiers.PutNotifier(r.Context(), n); err != nil {
		a.fail(w, r, err)
		return
	}
	if before.Enabled != n.Enabled {
		// Off: what waits would be old news once it is on again. On: a decision under way may have left something behind.
		purge(r.Context(), a.opts.Store.Queue, a.opts.Logger, n.ID, dropped{dropDisabled, a.counts})
	}
	a.notifiersChanged(r.Context())
	pending, err := a.opts.Store.Log.CountPending(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, notifierAnswer(n, status, pending[n.ID]))
}

func (a *API) deleteNotifier(w http.ResponseWriter, r *http.Request) {
	id := chi.URLParam(r, "id")
	if err := a.opts.Store.Notifiers.DeleteNotifier(r.Context(), id); err != nil {
		a.fail(w, r, err)
		return
	}
	a.notifiersChanged(r.Context())
	w.WriteHeader(http.StatusNoContent)
}

// testNotifier sends a made-up alert once, past the queue, and says how it went.
func (a *API) testNotifier(w http.ResponseWriter, r *http.Request) {
	n, _, ok := a.find(w, r)
	if !ok {
		return
	}
	now := time.Now().UTC()
	body, err := json.Marshal(webhook.NewMessage(webhook.Group{
		Key: groupKey("", "StrataTest"), Labels: map[string]string{"alertname": "StrataTest"}, Receiver: n.Name, ExternalURL: a.opts.ExternalURL.String(),
	}, []webhook.Alert{{
		Status: webhook.StatusFiring, StartsAt: now, Fingerprint: "0000000000000000", GeneratorURL: a.opts.ExternalURL.JoinPath("alerts").String(),
		Labels:      map[string]string{"alertname": "StrataTest", "severity": "none"},
		Annotations: map[string]string{"summary": "This is a test notification. Nothing is wrong."},
	}}))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	res := a.sender.Send(r.Context(), webhook.Target{URL: n.URL, Secret: n.Secret, AllowPrivate: n.AllowPrivate}, newID("msg_"), body)
	answer := struct {
		OK     bool   `json:"ok"`
		Status int    `json:"status"`
		Error  string `json:"error"`
	}{OK: res.Err == nil, Status: res.Status}
	status := storage.NotifierStatus{OK: res.Err == nil}
	if res.Err != nil {
		answer.Error, status.Error = res.Err.Error(), res.Err.Error()
	}
	setStatus(r.Context(), a.opts.Store.Notifiers, a.opts.Logger, n, status)
	writeJSON(w, http.StatusOK, answer)
}
