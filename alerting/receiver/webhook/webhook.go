// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/strata-apm/strata/alerting/receiver"
	"github.com/strata-apm/strata/alerting/receiver/httpsend"
)

// Config is what a webhook needs.
type Config struct {
	URL          string `json:"url" doc:"where notifications are posted, http or https"`
	Secret       string `json:"secret,omitempty" writeOnly:"true" doc:"signs requests (Standard Webhooks): whsec_ and base64 of 24 to 64 bytes, or any text of 8 to 128 bytes; empty for none"`
	SecretSet    bool   `json:"secret_set,omitempty" readOnly:"true"`
	AllowPrivate bool   `json:"allow_private" required:"false" doc:"permits loopback, private and link-local addresses"`
}

// Type returns the type "webhook", whose requests client makes.
func Type(client *httpsend.Client) receiver.Type {
	return receiver.TypeOf("webhook", func(c Config) (receiver.Notifier, error) {
		if err := httpsend.ValidateURL(c.URL, c.AllowPrivate); err != nil {
			return nil, err
		}
		if err := validateSecret(c.Secret); err != nil {
			return nil, err
		}
		return &notifier{config: c, client: client, now: time.Now}, nil
	})
}

type notifier struct {
	config Config
	client *httpsend.Client
	now    func() time.Time
}

// Notify implements receiver.Notifier. The answer 410 means that the receiver is gone.
func (w *notifier) Notify(ctx context.Context, n receiver.Notification) error {
	body, err := json.Marshal(n.Message)
	if err != nil {
		return fmt.Errorf("encode notification: %w", err)
	}
	timestamp := strconv.FormatInt(w.now().Unix(), 10)
	h := http.Header{}
	h.Set(headerID, n.ID)
	h.Set(headerTimestamp, timestamp)
	if w.config.Secret != "" {
		h.Set(headerSignature, sign(w.config.Secret, n.ID, timestamp, body))
	}
	err = w.client.Post(ctx, httpsend.Request{URL: w.config.URL, Header: h, Body: body, AllowPrivate: w.config.AllowPrivate})
	if answer, ok := errors.AsType[*receiver.Error](err); ok {
		answer.Gone = answer.Status == http.StatusGone
	}
	return err
}
