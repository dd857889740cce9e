// SPDX-License-Identifier: Apache-2.0

// Package httpsend makes one request to an address that a user entered, for the types of notifiers that speak HTTP.
//
// The address is checked at the moment of dialling, after every resolution, so that a name that resolves to something else the second
// time, an address in an unusual notation, or a redirect reaches nothing it should not. The answer is read only as far as it is shown.
package httpsend

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/strata-apm/strata/alerting/receiver"
	"github.com/strata-apm/strata/internal/safedial"
)

const (
	// timeout bounds one attempt, from dialling to the last byte that is read.
	timeout = 15 * time.Second
	// maxReply is how much of an answer is read. It is only shown to the owner of the notifier.
	maxReply = 4 << 10
	// shownReply is how much of that is kept.
	shownReply = 200
	// maxRetryAfter bounds how long a receiver may put us off.
	maxRetryAfter = time.Hour
	maxURLLength  = 2048
)

// Request is one POST to an address that a user entered.
type Request struct {
	URL    string
	Header http.Header
	Body   []byte
	// AllowPrivate permits loopback, private and link-local addresses.
	AllowPrivate bool
}

// Client makes requests, all notifiers together. Safe for concurrent use.
type Client struct {
	open, guarded *http.Client
	userAgent     string
	now           func() time.Time
}

// New returns a client that calls itself strata/version. Close ends its idle connections.
func New(version string) *Client {
	return &Client{open: safedial.NewClient(timeout, true), guarded: safedial.NewClient(timeout, false), userAgent: "strata/" + version, now: time.Now}
}

// Close ends idle connections.
func (c *Client) Close() error {
	c.open.CloseIdleConnections()
	c.guarded.CloseIdleConnections()
	return nil
}

// ValidateURL refuses an address that can never be delivered to. Names are looked up when they are dialled, not here.
func ValidateURL(address string, allowPrivate bool) error {
	switch {
	case address == "":
		return errors.New("url: missing")
	case len(address) > maxURLLength:
		return fmt.Errorf("url: more than %d bytes", maxURLLength)
	}
	err := safedial.ValidateURL(address, allowPrivate)
	if errors.Is(err, safedial.ErrForbiddenAddress) {
		return fmt.Errorf("%w; allow_private permits loopback, private and link-local addresses", err)
	}
	return err
}

// Post makes one attempt. It returns nil after a 2xx, an *receiver.Error after another answer, and another error where there was none.
func (c *Client) Post(ctx context.Context, r Request) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return fmt.Errorf("make request: %w", describe(err))
	}
	maps.Copy(req.Header, r.Header)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", c.userAgent)
	client := c.guarded
	if r.AllowPrivate {
		client = c.open
	}
	resp, err := client.Do(req)
	if err != nil {
		return describe(err)
	}
	reply, readErr := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	// Closing a body that is not read to its end ends the connection, which is what a receiver that does not stop deserves.
	_ = resp.Body.Close()
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil // The receiver has taken the message, though its answer cannot be read.
	}
	if readErr != nil {
		reply = nil
	}
	return &receiver.Error{
		Err:        fmt.Errorf("receiver answered %d%s", resp.StatusCode, shown(reply)),
		Status:     resp.StatusCode,
		RetryAfter: retryAfter(resp.Header.Get("Retry-After"), c.now()),
	}
}

// describe drops the method and URL that the client puts in front of every error: the URL can hold a token.
func describe(err error) error {
	if u := errors.Unwrap(err); u != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("no answer within %s", timeout)
		}
		return u
	}
	return err
}

// shown is the beginning of a reply as one line.
func shown(reply []byte) string {
	if len(reply) == 0 || !utf8.Valid(reply) {
		return ""
	}
	text := strings.Join(strings.Fields(string(reply)), " ")
	if len(text) > shownReply {
		text = strings.ToValidUTF8(text[:shownReply], "") + "…"
	}
	return ": " + text
}

// retryAfter reads seconds or a date.
func retryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	d := time.Duration(0)
	if n, err := strconv.ParseInt(value, 10, 32); err == nil {
		d = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}
