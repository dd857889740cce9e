// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/strata-apm/strata/ingest/bus"
)

// Answer is how a protocol says an error.
type Answer struct {
	HTTP int
	GRPC codes.Code
	// RetryAfter is 0 for what must not be sent again.
	RetryAfter time.Duration
}

// SetRetryAfter tells a client over HTTP when to try again, in whole seconds.
func (a Answer) SetRetryAfter(h http.Header) {
	if a.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(a.RetryAfter.Seconds()))))
	}
}

// ThrottledError says that one sender sends more than it may, while others are served.
type ThrottledError struct{ After time.Duration }

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many requests; try again in %s", e.After.Round(time.Millisecond))
}

// AnswerOf is the one table from errors to statuses, as the OTLP specification has it ("Failures", "OTLP/HTTP Throttling").
func AnswerOf(err error) Answer {
	var throttled *ThrottledError
	switch {
	case errors.As(err, &throttled):
		return Answer{HTTP: http.StatusTooManyRequests, GRPC: codes.ResourceExhausted, RetryAfter: throttled.After}
	case errors.Is(err, ErrMalformed):
		return Answer{HTTP: http.StatusBadRequest, GRPC: codes.InvalidArgument}
	case errors.Is(err, ErrTooLarge), errors.Is(err, bus.ErrTooLarge):
		return Answer{HTTP: http.StatusRequestEntityTooLarge, GRPC: codes.ResourceExhausted}
	case errors.Is(err, ErrUnsupported):
		return Answer{HTTP: http.StatusUnsupportedMediaType, GRPC: codes.InvalidArgument}
	case errors.Is(err, bus.ErrFull):
		return Answer{HTTP: http.StatusTooManyRequests, GRPC: codes.ResourceExhausted, RetryAfter: RetryAfter}
	case errors.Is(err, context.Canceled):
		return Answer{HTTP: http.StatusServiceUnavailable, GRPC: codes.Canceled, RetryAfter: RetryAfter}
	case errors.Is(err, context.DeadlineExceeded):
		return Answer{HTTP: http.StatusServiceUnavailable, GRPC: codes.DeadlineExceeded, RetryAfter: RetryAfter}
	default: // Busy, the bus unavailable or failed, and anything unforeseen: the sender keeps its data and tries again.
		return Answer{HTTP: http.StatusServiceUnavailable, GRPC: codes.Unavailable, RetryAfter: RetryAfter}
	}
}

// Status is the google.rpc.Status of err, with RetryInfo where it may be sent again.
func Status(err error) *status.Status {
	a := AnswerOf(err)
	st := status.New(a.GRPC, err.Error())
	if a.RetryAfter == 0 {
		return st
	}
	if with, derr := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(a.RetryAfter)}); derr == nil {
		return with
	}
	return st
}
