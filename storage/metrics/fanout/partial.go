// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/strata-apm/strata/storage"
)

// ErrPartial says that a strict reader got no answer because a writer did not give its part.
var ErrPartial = errors.New("the answer would be partial")

// unavailable is an error that Prometheus's API answers with 503.
type unavailable struct {
	kind error
	text string
}

func (e *unavailable) Error() string { return e.text }
func (e *unavailable) Unwrap() []error {
	return []error{e.kind, storage.ErrUnavailable, tsdb.ErrNotReady}
}

// failure is a writer that did not answer.
type failure struct {
	writer Writer
	err    error
}

// warning says which part of the answer is missing and why. It must be the same text for each selector of a query.
func (f failure) warning() error {
	return fmt.Errorf("%s did not answer: %s; the result is partial", f.writer, reason(f.err))
}

// ask calls fn for every writer at once and returns what they answered. Writers that do not answer become warnings, unless all of
// them do not or strict is set. An answer that is a refusal (a limit, a bad query, no access) is an error and ends the others.
func ask[T any](ctx context.Context, clients []*client, strict bool, fn func(context.Context, *client) (T, error)) ([]T, annotations.Annotations, error) {
	if len(clients) == 0 {
		return nil, nil, &unavailable{storage.ErrUnavailable, "no writer of metrics is known"}
	}
	parent := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	values, errs := make([]T, len(clients)), make([]error, len(clients))
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() {
			if errs[i] = c.acquire(ctx); errs[i] == nil {
				values[i], errs[i] = fn(ctx, c)
				c.release()
			}
			if errs[i] != nil && refused(errs[i]) {
				cancel() // No answer of another writer can mend it.
			}
		})
	}
	wg.Wait()
	if err := ended(parent); err != nil {
		return nil, nil, err
	}
	answered := make([]T, 0, len(clients))
	var failures []failure
	for i, c := range clients {
		switch {
		case errs[i] == nil:
			answered = append(answered, values[i])
		case refused(errs[i]):
			return nil, nil, fmt.Errorf("%s refused: %w", c.writer, unwrapURL(errs[i]))
		default:
			failures = append(failures, failure{c.writer, errs[i]})
		}
	}
	if len(answered) == 0 {
		return nil, nil, &unavailable{storage.ErrUnavailable, "no writer of metrics answered: " + describe(failures)}
	}
	if strict && !complete(clients, failures) {
		return nil, nil, &unavailable{ErrPartial, ErrPartial.Error() + ": " + describe(failures)}
	}
	var warnings annotations.Annotations
	for _, f := range failures {
		warnings.Add(f.warning())
	}
	return answered, warnings, nil
}

// refused says whether an error is the writer's answer, which is the same however often it is asked.
func refused(err error) bool {
	if status, ok := errors.AsType[*statusError](err); ok {
		return status.code < 500
	}
	return errors.Is(err, storage.ErrLimit)
}

// complete says whether some group of writers has answered as a whole: groups are replicas of each other.
func complete(clients []*client, failures []failure) bool {
	missing := map[string]bool{}
	for _, f := range failures {
		missing[f.writer.Group] = true
	}
	for _, c := range clients {
		if !missing[c.writer.Group] {
			return true
		}
	}
	return false
}

// ended tells the end of a query as the engine does.
func ended(ctx context.Context) error {
	switch err := ctx.Err(); {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", promql.ErrQueryTimeout("read from the writers"), err)
	default:
		return fmt.Errorf("%w: %w", promql.ErrQueryCanceled("read from the writers"), err)
	}
}

func describe(failures []failure) string {
	parts := make([]string, 0, len(failures))
	for _, f := range failures {
		parts = append(parts, f.writer.String()+": "+reason(f.err))
	}
	return strings.Join(parts, "; ")
}

// unwrapURL drops the "Post http://…" that http.Client puts before an error: the writer is named already.
func unwrapURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// reason is a short text that does not change from request to request, as port numbers do.
func reason(err error) string {
	err = unwrapURL(err)
	var op *net.OpError
	switch {
	case errors.As(err, &op):
		return op.Op + ": " + op.Err.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection ended before the answer did"
	default:
		return err.Error()
	}
}
