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
	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/internal/safedial"
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
	Type         string     `json:"type" enum:"webhook"`
	URL          string     `json:"url"`
	SendResolved bool       `json:"send_resolved"`
	Enabled      bool       `json:"enabled"`
	AllowPrivate bool       `json:"allow_private"`
	SecretSet    bool       `json:"secret_set"`
	LastAttempt  *time.Time `json:"last_attempt"`
	LastStatus   string     `json:"last_status" enum:"never,ok,failing"`
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

// notifierBody is a notifier as it is written. What is missing has its default, for a change as for a new one, except the secret, which stays.
type notifierBody struct {
	Name         string  `json:"name"`
	Type         string  `json:"type,omitempty" enum:"webhook"`
	URL          string  `json:"url"`
	SendResolved *bool   `json:"send_resolved,omitempty"`
	Enabled      *bool   `json:"enabled,omitempty"`
	AllowPrivate bool    `json:"allow_private,omitempty"`
	Secret       *string `json:"secret,omitempty"`

	// The fields that are only read are accepted and ignored, so that an answer can be edited and sent back.
	ID          string     `json:"id,omitempty"`
	SecretSet   bool       `json:"secret_set,omitempty"`
	LastAttempt *time.Time `json:"last_attempt,omitempty"`
	LastStatus  string     `json:"last_status,omitempty"`
	LastError   string     `json:"last_error,omitempty"`
	Pending     int        `json:"pending,omitempty"`
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
	if err := safedial.ValidateURL(n.URL, n.AllowPrivate); err != nil {
		if errors.Is(err, safedial.ErrForbiddenAddress) {
			return n, fmt.Errorf("%w; allow_private permits loopback, private and link-local addresses", err)
		}
		return n, err
	}
	return n, webhook.ValidateSecret(n.Secret)
}

type notifiersAnswer struct {
	Notifiers []notifierJSON `json:"notifiers"`
	Warnings  []string       `json:"warnings"`
}

func (a *API) listNotifiers(r *http.Request) (any, error) {
	ns, statuses, err := a.opts.Store.Notifiers.ListNotifiers(r.Context())
	if err != nil {
		return nil, catalogError(err)
	}
	pending, err := a.opts.Store.Log.CountPending(r.Context())
	if err != nil {
		return nil, catalogError(err)
	}
	out := notifiersAnswer{Notifiers: make([]notifierJSON, len(ns)), Warnings: []string{}}
	for i, n := range ns {
		out.Notifiers[i] = notifierAnswer(n, statuses[n.ID], pending[n.ID])
	}
	return out, nil
}

// find returns the notifier that the request names.
func (a *API) find(r *http.Request) (n storage.Notifier, s storage.NotifierStatus, err error) {
	ns, statuses, err := a.opts.Store.Notifiers.ListNotifiers(r.Context())
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

// readNotifier reads and validates the body over what was there before.
func readNotifier(r *http.Request, before storage.Notifier) (storage.Notifier, error) {
	var body notifierBody
	if err := httpx.ReadJSON(r, maxBody, &body); err != nil {
		return storage.Notifier{}, err //nolint:wrapcheck // The client's own words.
	}
	n, err := body.notifier(before)
	if err != nil {
		return storage.Notifier{}, httpx.BadRequest("%v", err)
	}
	return n, nil
}

func (a *API) createNotifier(r *http.Request) (any, error) {
	n, err := readNotifier(r, storage.Notifier{ID: newID(""), CreatedAt: time.Now()})
	if err != nil {
		return nil, err
	}
	if err := a.opts.Store.Notifiers.PutNotifier(r.Context(), n); err != nil {
		return nil, catalogError(err)
	}
	a.notifiersChanged(r.Context())
	return notifierAnswer(n, storage.NotifierStatus{}, 0), nil
}

func (a *API) updateNotifier(r *http.Request) (any, error) {
	before, status, err := a.find(r)
	if err != nil {
		return nil, err
	}
	n, err := readNotifier(r, before)
	if err != nil {
		return nil, err
	}
	if err := a.opts.Store.Notifiers.PutNotifier(r.Context(), n); err != nil {
		return nil, catalogError(err)
	}
	if before.Enabled != n.Enabled {
		// Off: what waits would be old news once it is on again. On: a decision under way may have left something behind.
		purge(r.Context(), a.opts.Store.Queue, a.opts.Logger, n.ID, dropped{dropDisabled, a.counts})
	}
	a.notifiersChanged(r.Context())
	pending, err := a.opts.Store.Log.CountPending(r.Context())
	if err != nil {
		return nil, catalogError(err)
	}
	return notifierAnswer(n, status, pending[n.ID]), nil
}

func (a *API) deleteNotifier(r *http.Request) (any, error) {
	if err := a.opts.Store.Notifiers.DeleteNotifier(r.Context(), chi.URLParam(r, "id")); err != nil {
		return nil, catalogError(err)
	}
	a.notifiersChanged(r.Context())
	return nil, nil //nolint:nilnil // The answer has no body.
}

// testAnswer is how a test notification went.
type testAnswer struct {
	OK bool `json:"ok"`
	// Status is the receiver's HTTP status; 0 when it gave none.
	Status int    `json:"status"`
	Error  string `json:"error"`
}

// testNotifier sends a made-up alert once, past the queue, and says how it went.
func (a *API) testNotifier(r *http.Request) (any, error) {
	n, _, err := a.find(r)
	if err != nil {
		return nil, err
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
		return nil, fmt.Errorf("encode test notification: %w", err)
	}
	res := a.sender.Send(r.Context(), webhook.Target{URL: n.URL, Secret: n.Secret, AllowPrivate: n.AllowPrivate}, newID("msg_"), body)
	answer := testAnswer{OK: res.Err == nil, Status: res.Status}
	status := storage.NotifierStatus{OK: res.Err == nil}
	if res.Err != nil {
		answer.Error, status.Error = res.Err.Error(), res.Err.Error()
	}
	setStatus(r.Context(), a.opts.Store.Notifiers, a.opts.Logger, n, status)
	return answer, nil
}
