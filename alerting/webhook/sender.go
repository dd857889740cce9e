// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

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
)

// Target is where a message goes.
type Target struct {
	URL          string
	Secret       string
	AllowPrivate bool
}

// Result is how an attempt went. Err is nil after a 2xx.
type Result struct {
	// Status is the HTTP status, 0 when there was no answer.
	Status int
	Err    error
	// RetryAfter is how long the receiver asked us to wait, 0 when it did not.
	RetryAfter time.Duration
}

// Gone says that the receiver wants nothing any more.
func (r Result) Gone() bool { return r.Status == http.StatusGone }

// Sender sends messages. Safe for concurrent use.
type Sender struct {
	open, guarded *http.Client
	userAgent     string
	now           func() time.Time
}

// NewSender returns a sender. Close ends its idle connections.
func NewSender(version string) *Sender {
	return &Sender{open: safedial.NewClient(timeout, true), guarded: safedial.NewClient(timeout, false), userAgent: "strata/" + version, now: time.Now}
}

// Close ends idle connections.
func (s *Sender) Close() {
	s.open.CloseIdleConnections()
	s.guarded.CloseIdleConnections()
}

// Send makes one attempt. The id is the same for every attempt of one notification.
func (s *Sender) Send(ctx context.Context, t Target, id string, body []byte) Result {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL, strings.NewReader(string(body)))
	if err != nil {
		return Result{Err: fmt.Errorf("make request: %w", err)}
	}
	timestamp := strconv.FormatInt(s.now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", s.userAgent)
	req.Header.Set(headerID, id)
	req.Header.Set(headerTimestamp, timestamp)
	if t.Secret != "" {
		req.Header.Set(headerSignature, Sign(t.Secret, id, timestamp, body))
	}
	client := s.guarded
	if t.AllowPrivate {
		client = s.open
	}
	resp, err := client.Do(req)
	if err != nil {
		return Result{Err: describe(err)}
	}
	reply, readErr := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	// Closing a body that is not read to its end ends the connection, which is what a receiver that does not stop deserves.
	_ = resp.Body.Close()
	r := Result{Status: resp.StatusCode}
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return r // Whatever became of the body, the receiver has taken the message.
	}
	r.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), s.now())
	r.Err = fmt.Errorf("receiver answered %d%s", resp.StatusCode, shown(reply))
	if readErr != nil {
		r.Err = fmt.Errorf("receiver answered %d", resp.StatusCode)
	}
	return r
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
