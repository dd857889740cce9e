// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"hash/fnv"

	"github.com/strata-apm/strata/search/fields"
	"github.com/strata-apm/strata/search/wire"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/native"
	"github.com/strata-apm/strata/storage/clickhouse/requests"
)

// block builds the block of one batch of log records.
type block struct {
	native.Block

	timestamp, observed, rowID      native.Fixed
	traceFlags, severityNumber      native.Fixed
	traceID, spanID, body           native.String
	tenant, severityText, eventName native.LowCardinality
	attributes                      native.Map
	shared                          requests.Shared

	seed uint64 // of the batch's row ids
	rec  record // being read
}

// record is what is read of a log record.
type record struct {
	timestamp, observed uint64
	severity            int32
	flags               uint32
	severityText, event []byte
	traceID, spanID     []byte
	body                wire.Value
	attributes          requests.Attributes
}

func newBlock() *block {
	b := &block{}
	b.timestamp.Type, b.observed.Type, b.rowID.Type = native.DateTime64, native.DateTime64, "UInt64"
	b.traceFlags.Type, b.severityNumber.Type = "UInt8", "UInt8"
	b.Add("TenantId", &b.tenant)
	b.Add("Timestamp", &b.timestamp)
	b.Add("ObservedTimestamp", &b.observed)
	b.Add("RowId", &b.rowID)
	b.Add("TraceId", &b.traceID)
	b.Add("SpanId", &b.spanID)
	b.Add("TraceFlags", &b.traceFlags)
	b.Add("SeverityText", &b.severityText)
	b.Add("SeverityNumber", &b.severityNumber)
	b.Add("ServiceName", &b.shared.Service)
	b.Add("Body", &b.body)
	b.Add("ResourceSchemaUrl", &b.shared.ResourceSchema)
	b.Add("ResourceAttributes", &b.shared.ResourceAttributes)
	b.Add("ScopeSchemaUrl", &b.shared.ScopeSchema)
	b.Add("ScopeName", &b.shared.ScopeName)
	b.Add("ScopeVersion", &b.shared.ScopeVersion)
	b.Add("ScopeAttributes", &b.shared.ScopeAttributes)
	b.Add("LogAttributes", &b.attributes)
	b.Add("EventName", &b.eventName)
	b.Add("Environment", &b.shared.Environment)
	b.Add("HostName", &b.shared.Host)
	b.Add("NestedAttributes", &b.shared.Nested)
	return b
}

// batchSeed starts the row ids of a batch. They depend on the batch's id alone, so that a replay has the same ones.
func batchSeed(id storage.BatchID) uint64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return uint64(h.Sum32()) << 32
}

// reset forgets the rows and keeps the memory.
func (b *block) reset() {
	b.shared.Forget()
	b.Reset()
}

// fill adds the records of export requests. It refuses those of no tenant: the error wraps storage.ErrInvalid.
func (b *block) fill(id storage.BatchID, batch []storage.Owned[[]byte]) error {
	b.seed = batchSeed(id)
	each := requests.Each{Resource: b.shared.Resource, Scope: b.shared.Scope, Record: b.record}
	for _, r := range batch {
		if r.Tenant == "" {
			return fmt.Errorf("%w: log records of no tenant", storage.ErrInvalid)
		}
		if err := wire.Check(signal.Logs, r.Data); err != nil {
			return fmt.Errorf("%w: %w", storage.ErrInvalid, err)
		}
		before := b.Rows
		if err := each.Of(r.Data); err != nil {
			return fmt.Errorf("%w: %w", storage.ErrInvalid, err)
		}
		b.tenant.AppendN(string(r.Tenant), b.Rows-before)
	}
	return nil
}

// record adds one record.
func (b *block) record(message []byte) error {
	r := &b.rec
	r.read(message)
	row, err := r.attributes.Append(&b.attributes)
	if err != nil {
		return err // It names the record's part.
	}
	if err := b.shared.Row(r.attributes, row.Maps); err != nil {
		return err // As above.
	}
	if err := requests.AppendValue(&b.body, &r.body); err != nil {
		return err // As above.
	}
	when := r.timestamp
	if when == 0 {
		when = r.observed
	}
	b.timestamp.Nano(when)
	b.observed.Nano(r.observed)
	b.rowID.Uint64(b.seed + uint64(b.Rows)) //nolint:gosec // a count
	b.traceID.AppendHex(r.traceID)
	b.spanID.AppendHex(r.spanID)
	b.traceFlags.Uint8(uint8(r.flags & 0xff))
	b.severityText.AppendBytes(r.severityText)
	b.severityNumber.Uint8(fields.SeverityOf(r.severity, wire.Text(r.severityText)))
	b.eventName.AppendBytes(r.event)
	b.Rows++
	return nil
}

// Numbers of the fields of LogRecord (opentelemetry/proto/logs/v1/logs.proto).
const (
	fieldTime         = 1
	fieldSeverity     = 2
	fieldSeverityText = 3
	fieldBody         = 5
	fieldAttribute    = 6
	fieldFlags        = 8
	fieldTraceID      = 9
	fieldSpanID       = 10
	fieldObserved     = 11
	fieldEvent        = 12
)

func (r *record) read(message []byte) {
	*r = record{attributes: r.attributes[:0]}
	for f := wire.Of(message); f.Next(); {
		switch f.Number {
		case fieldTime:
			r.timestamp = f.Bits
		case fieldObserved:
			r.observed = f.Bits
		case fieldSeverity:
			r.severity = int32(f.Bits) //nolint:gosec // As the decoder has it.
		case fieldSeverityText:
			r.severityText = f.Bytes
		case fieldBody:
			r.body.Set(f.Bytes)
		case fieldAttribute:
			r.attributes = append(r.attributes, f.Bytes)
		case fieldFlags:
			r.flags = uint32(f.Bits) //nolint:gosec // fixed32.
		case fieldTraceID:
			r.traceID = f.Bytes
		case fieldSpanID:
			r.spanID = f.Bytes
		case fieldEvent:
			r.event = f.Bytes
		}
	}
}
