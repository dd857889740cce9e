// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/storage"
)

const maxNameLength = 100

// notifierBody is a notifier as it is written. A missing key has its default, for a change as for a new one, except secrets, which stay.
type notifierBody struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// Config has the keys of the type.
	Config       json.RawMessage `json:"config"`
	SendResolved *bool           `json:"send_resolved,omitempty"`
	Enabled      *bool           `json:"enabled,omitempty"`

	// The fields that are only read are accepted and ignored, so that an answer can be edited and sent back.
	ID          string     `json:"id,omitempty"`
	LastAttempt *time.Time `json:"last_attempt,omitempty"`
	LastStatus  string     `json:"last_status,omitempty"`
	LastError   string     `json:"last_error,omitempty"`
	Pending     int        `json:"pending,omitempty"`
}

// readNotifier reads and validates the body over what was there before.
func (a *API) readNotifier(r *http.Request, before storage.Notifier) (storage.Notifier, error) {
	var raw json.RawMessage
	if err := httpx.ReadJSON(r, maxBody, &raw); err != nil {
		return storage.Notifier{}, err
	}
	if err := refuseOldForm(raw); err != nil {
		return storage.Notifier{}, err
	}
	var body notifierBody
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&body); err != nil {
		return storage.Notifier{}, httpx.BadRequest("body: %v", err)
	}
	n := storage.Notifier{ID: before.ID, CreatedAt: before.CreatedAt, Name: body.Name, Type: body.Type, SendResolved: true, Enabled: true}
	if body.SendResolved != nil {
		n.SendResolved = *body.SendResolved
	}
	if body.Enabled != nil {
		n.Enabled = *body.Enabled
	}
	var err error
	if n.Config, err = a.readConfig(body, before); err != nil {
		return storage.Notifier{}, err
	}
	return n, nil
}

// readConfig checks name, type and config and returns the config as it is stored.
func (a *API) readConfig(body notifierBody, before storage.Notifier) (string, error) {
	if l := utf8.RuneCountInString(body.Name); l == 0 || l > maxNameLength || strings.TrimSpace(body.Name) != body.Name {
		return "", badField("name: must have 1 to %d characters and no space around it", maxNameLength)
	}
	types := strings.Join(a.opts.Types.Names(), ", ")
	switch {
	case body.Type == "":
		return "", badField("type: missing; the types are %s", types)
	case !slices.Contains(a.opts.Types.Names(), body.Type):
		return "", badField("type: unknown; the types are %s", types)
	case body.Config == nil:
		return "", badField("config: missing")
	}
	kept := before.Config
	if before.Type != body.Type {
		kept = "" // Secrets of another type are none of this one.
	}
	stored, err := a.opts.Types.Accept(body.Type, body.Config, kept)
	if err != nil {
		return "", badField("%v", err)
	}
	return stored, nil
}

// badField refuses a field. The message begins with the field's name, which the answer's details have as well.
func badField(format string, args ...any) *httpx.Error {
	bad := httpx.BadRequest(format, args...)
	field, _, _ := strings.Cut(bad.Message, ":")
	bad.Details = map[string]any{"field": field}
	return bad
}

// refuseOldForm tells whoever writes a webhook as it was written before there were types where its keys are now.
func refuseOldForm(body []byte) error {
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(body, &fields) // The decoder finds better words.
	var moved []string
	for _, key := range []string{"url", "secret", "secret_set", "allow_private"} {
		if _, ok := fields[key]; ok {
			moved = append(moved, key)
		}
	}
	if len(moved) == 0 {
		return nil
	}
	return httpx.BadRequest(`%s: moved into config: {"name": …, "type": "webhook", "config": {"url": …, "secret": …, "allow_private": …}}`, strings.Join(moved, ", "))
}
