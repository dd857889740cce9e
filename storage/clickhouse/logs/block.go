// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"hash/fnv"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/search/fields"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/native"
	"github.com/strata-apm/strata/storage/clickhouse/nested"
	"github.com/strata-apm/strata/storage/clickhouse/resource"
)

// block builds the block of one batch of log records.
type block struct {
	native.Block

	timestamp, observed, rowID    native.Fixed
	traceFlags, severityNumber    native.Fixed
	traceID, spanID, body         native.String
	tenant, severityText, service native.LowCardinality
	resourceURL, scopeURL         native.LowCardinality
	scopeName, scopeVersion       native.LowCardinality
	eventName, environment, host  native.LowCardinality
	resource, scopeAttrs, logAttr native.Map
	nested                        native.Map
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
	b.Add("ServiceName", &b.service)
	b.Add("Body", &b.body)
	b.Add("ResourceSchemaUrl", &b.resourceURL)
	b.Add("ResourceAttributes", &b.resource)
	b.Add("ScopeSchemaUrl", &b.scopeURL)
	b.Add("ScopeName", &b.scopeName)
	b.Add("ScopeVersion", &b.scopeVersion)
	b.Add("ScopeAttributes", &b.scopeAttrs)
	b.Add("LogAttributes", &b.logAttr)
	b.Add("EventName", &b.eventName)
	b.Add("Environment", &b.environment)
	b.Add("HostName", &b.host)
	b.Add("NestedAttributes", &b.nested)
	return b
}

// batchSeed starts the row ids of a batch. They depend on the batch's id alone, so that a replay has the same ones.
func batchSeed(id storage.BatchID) uint64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return uint64(h.Sum32()) << 32
}

// fill adds the records. It refuses those of no tenant: the error wraps storage.ErrInvalid.
func (b *block) fill(id storage.BatchID, batches []storage.Owned[plog.Logs]) error {
	seed := batchSeed(id)
	for _, ld := range batches {
		if ld.Tenant == "" {
			return fmt.Errorf("%w: log records of no tenant", storage.ErrInvalid)
		}
		before := b.Rows
		for _, rl := range ld.Data.ResourceLogs().All() {
			res := rl.Resource().Attributes()
			b.resourceRecords(seed, rl, resource.Read(res))
		}
		b.tenant.AppendN(string(ld.Tenant), b.Rows-before)
	}
	return nil
}

func (b *block) resourceRecords(seed uint64, rl plog.ResourceLogs, res resource.Resource) {
	var shared, scopeShared native.Mark
	haveResource := false
	for _, sl := range rl.ScopeLogs().All() {
		scope := sl.Scope()
		scopeName, scopeVersion := scope.Name(), scope.Version()
		haveScope := false
		for _, rec := range sl.LogRecords().All() {
			if haveResource {
				b.resource.AppendCopy(shared)
			} else {
				shared, haveResource = b.resource.AppendMarked(rl.Resource().Attributes()), true
			}
			if haveScope {
				b.scopeAttrs.AppendCopy(scopeShared)
			} else {
				scopeShared, haveScope = b.scopeAttrs.AppendMarked(scope.Attributes()), true
			}
			b.resourceURL.Append(rl.SchemaUrl())
			b.scopeURL.Append(sl.SchemaUrl())
			b.scopeName.Append(scopeName)
			b.scopeVersion.Append(scopeVersion)
			b.service.Append(res.Service)
			b.environment.Append(res.Environment)
			b.host.Append(res.Host)
			nested.Append(&b.nested, rec.Attributes(), rl.Resource().Attributes())
			b.record(seed, rec)
		}
	}
}

func (b *block) record(seed uint64, rec plog.LogRecord) {
	when := rec.Timestamp()
	if when == 0 {
		when = rec.ObservedTimestamp()
	}
	b.timestamp.Time(when)
	b.observed.Time(rec.ObservedTimestamp())
	b.rowID.Uint64(seed + uint64(b.Rows)) //nolint:gosec // a count
	traceID, spanID := rec.TraceID(), rec.SpanID()
	b.traceID.AppendHex(traceID[:])
	b.spanID.AppendHex(spanID[:])
	b.traceFlags.Uint8(uint8(rec.Flags() & 0xff))
	b.severityText.Append(rec.SeverityText())
	b.severityNumber.Uint8(fields.Severity(rec))
	b.body.AppendValue(rec.Body())
	b.logAttr.Append(rec.Attributes())
	b.eventName.Append(rec.EventName())
	b.Rows++
}
