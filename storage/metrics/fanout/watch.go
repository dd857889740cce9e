// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/strata-apm/strata/tenant"
)

// watcher is a RoundTripper that tells a slow writer from a dead one. While a request waits for bytes longer than ProbeAfter, the
// writer is asked on another connection whether it is alive; a process that was stopped or a host that is gone still holds its
// connections open and would otherwise hold the query until its deadline. A dead one is left alone for Cooldown.
type watcher struct {
	next   http.RoundTripper
	health string
	opts   Options

	mu      sync.Mutex
	dead    error     // why, nil while it is thought alive
	until   time.Time // when a dead one is tried again
	probing bool
}

func newWatcher(next http.RoundTripper, health string, opts Options) *watcher {
	return &watcher{next: next, health: health, opts: opts}
}

// errDead is the cause of a request that was given up.
var errDead = errors.New("the writer gives no sign of life")

// RoundTrip implements http.RoundTripper. An answer other than 2xx is an error of type *statusError.
func (w *watcher) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := w.admit(req.Context()); err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	req = req.Clone(ctx)
	if w.opts.Bearer != "" {
		req.Header.Set("Authorization", "Bearer "+w.opts.Bearer)
	}
	if owner := tenant.FromContext(ctx); owner != "" && w.opts.TenantHeader != "" {
		req.Header.Set(w.opts.TenantHeader, string(owner))
	}
	// Every request only reads, so that one that meets a connection which the writer closed may be sent again. Not sent itself.
	req.Header["X-Idempotency-Key"] = nil
	wait := &waiting{watcher: w, ctx: ctx, cancel: cancel}
	wait.begin()
	resp, err := w.next.RoundTrip(req)
	wait.end()
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		cancel(nil)
		return nil, err // Named by the caller.
	}
	if resp.StatusCode/100 != 2 {
		err := newStatusError(resp)
		cancel(nil)
		return nil, err
	}
	resp.Body = &watchedBody{ReadCloser: resp.Body, wait: wait}
	return resp, nil
}

// admit refuses at once while the writer is known to be dead; past Cooldown one caller asks it first.
func (w *watcher) admit(ctx context.Context) error {
	w.mu.Lock()
	if w.dead == nil {
		w.mu.Unlock()
		return nil
	}
	if w.probing || w.opts.now().Before(w.until) {
		err := w.dead
		w.mu.Unlock()
		return err
	}
	w.probing = true
	w.mu.Unlock()
	err := w.probe(ctx)
	w.mu.Lock()
	w.probing = false
	w.mu.Unlock()
	return err
}

// probe asks whether the writer is alive and notes the answer. Any HTTP answer is a sign of life.
func (w *watcher) probe(ctx context.Context) error {
	probeCtx, cancel := context.WithTimeout(ctx, w.opts.Config.ConnectTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(probeCtx, http.MethodGet, w.health, http.NoBody)
	if err != nil {
		return fmt.Errorf("build request: %w", err)
	}
	resp, err := w.next.RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	if ctx.Err() != nil {
		return ctx.Err() // The query ended; that says nothing about the writer.
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead = nil; err != nil {
		w.dead = fmt.Errorf("%w: %s", errDead, reason(err))
		w.until = w.opts.now().Add(w.opts.Config.Cooldown)
	}
	return w.dead
}

// waiting is one request between its begin and its end, or one read of its body.
type waiting struct {
	*watcher
	ctx    context.Context // It is the request's own.
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	timer *time.Timer // nil when nothing is waited for
	waits int         // tells one wait from the next
}

func (w *waiting) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waits++
	wait := w.waits
	w.timer = time.AfterFunc(w.opts.Config.ProbeAfter, func() { w.silent(wait) })
}

func (w *waiting) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
	w.timer = nil
}

// silent is called when nothing came for a while.
func (w *waiting) silent(wait int) {
	err := w.probe(w.ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.timer == nil || w.waits != wait: // It came after all.
	case err != nil:
		w.cancel(err)
	default:
		w.timer.Reset(w.opts.Config.ProbeAfter)
	}
}

// watchedBody watches each read.
type watchedBody struct {
	io.ReadCloser
	wait *waiting
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.wait.begin()
	n, err := b.ReadCloser.Read(p)
	b.wait.end()
	if err != nil && !errors.Is(err, io.EOF) {
		if cause := context.Cause(b.wait.ctx); cause != nil {
			err = cause
		}
	}
	return n, err // io.EOF must stay what it is.
}

func (b *watchedBody) Close() error {
	err := b.ReadCloser.Close()
	b.wait.cancel(nil)
	return err // Named by the caller.
}
