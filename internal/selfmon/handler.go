// SPDX-License-Identifier: Apache-2.0

package selfmon

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
)

// Handler writes records as text to w and, once Tee was called, to a second handler as well.
type Handler struct {
	slog.Handler
	second *teed
}

// teed holds the second handler, which comes later than the first logger: the server's own port must listen before it is sent to.
type teed struct{ p atomic.Pointer[slog.Handler] }

func newTeed(h slog.Handler) *teed {
	t := &teed{}
	t.p.Store(&h)
	return t
}

func (t *teed) get() slog.Handler { return *t.p.Load() }

// NewHandler returns a handler for records of at least level.
func NewHandler(w io.Writer, level slog.Leveler) *Handler {
	return &Handler{Handler: slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}), second: newTeed(slog.DiscardHandler)}
}

// Tee sends every record to second too.
func (h *Handler) Tee(second slog.Handler) {
	second = readable{second}
	h.second.p.Store(&second)
}

// Handle implements slog.Handler.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if h.second.get().Enabled(ctx, r.Level) {
		err = errors.Join(err, h.second.get().Handle(ctx, r.Clone()))
	}
	return err
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Handler{Handler: h.Handler.WithAttrs(attrs), second: newTeed(lazy{h.second, func(s slog.Handler) slog.Handler { return s.WithAttrs(attrs) }})}
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{Handler: h.Handler.WithGroup(name), second: newTeed(lazy{h.second, func(s slog.Handler) slog.Handler { return s.WithGroup(name) }})}
}

// lazy applies attributes to whatever Tee sets later on the handler it was derived from.
type lazy struct {
	of   *teed
	with func(slog.Handler) slog.Handler
}

func (l lazy) Enabled(ctx context.Context, level slog.Level) bool {
	return l.of.get().Enabled(ctx, level)
}

func (l lazy) Handle(ctx context.Context, r slog.Record) error {
	return l.with(l.of.get()).Handle(ctx, r)
}

func (l lazy) WithAttrs(attrs []slog.Attr) slog.Handler {
	return lazy{l.of, func(s slog.Handler) slog.Handler { return l.with(s).WithAttrs(attrs) }}
}

func (l lazy) WithGroup(name string) slog.Handler {
	return lazy{l.of, func(s slog.Handler) slog.Handler { return l.with(s).WithGroup(name) }}
}
