// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"errors"
	"time"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/tenant"
)

// Errors every engine returns wrapped, so that callers decide with errors.Is.
var (
	// ErrNotFound says that the named thing does not exist.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that the thing exists already or was changed in between.
	ErrConflict = errors.New("conflict")
	// ErrUnavailable says that the store cannot answer now and that the same call may succeed later.
	ErrUnavailable = errors.New("store unavailable")
	// ErrBroken says that what the store has in memory is not what it has on disk: it takes nothing until it is opened again.
	ErrBroken = errors.New("store must be opened again")
	// ErrLimit says that a guard (time, memory, rows) stopped the query; the message names which.
	ErrLimit = errors.New("query limit exceeded")
	// ErrInvalid says that the store can never take what it was given: an id that is none, a text that it cannot hold.
	ErrInvalid = errors.New("invalid")
	// ErrBadQuery says that the query can never succeed as it is.
	ErrBadQuery = search.ErrBadQuery
)

// BatchID names one contiguous range of one bus partition: "topic-partition-first-last".
// A store that has seen the id stores nothing a second time, also when the process died in between.
type BatchID string

// Block is the id of a further block that is made of the same batch and stored beside its records: one name, one block.
func (id BatchID) Block(name string) BatchID { return id + "+" + BatchID(name) }

// Owned is data of a tenant. The zero tenant is refused with ErrInvalid.
type Owned[T any] struct {
	Tenant tenant.ID
	Data   T
}

// TraceAppender stores spans. Safe for concurrent use.
type TraceAppender interface {
	// AppendTraces stores all spans of a batch of export requests (OTLP in protobuf), in the order given and each for its tenant, and
	// returns when they are fsynced and visible to queries. A request that OTLP's decoder would not take is an error that wraps ErrInvalid.
	// An error that wraps ErrUnavailable may be retried with the same id and the same batch; any other error is permanent. Returns the
	// number of spans of the batch, also when the id was seen before.
	AppendTraces(ctx context.Context, id BatchID, batch []Owned[[]byte]) (int, error)
}

// LogAppender stores log records. Safe for concurrent use.
type LogAppender interface {
	// AppendLogs is AppendTraces for log records.
	AppendLogs(ctx context.Context, id BatchID, batch []Owned[[]byte]) (int, error)
}

// TimeRange is a half-open interval [Start, End).
type TimeRange struct {
	Start time.Time
	End   time.Time
}
