// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"hash/fnv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/ansi"
	"github.com/strata-apm/strata/severity"
	"github.com/strata-apm/strata/storage"
)

// logBlock builds the block of one batch of log records.
type logBlock struct {
	rows int

	timestamp, observed, rowID    fixedColumn
	traceFlags, severityNumber    fixedColumn
	traceID, spanID, body         stringColumn
	severityText, service         lowCardColumn
	resourceURL, scopeURL         lowCardColumn
	scopeName, scopeVersion       lowCardColumn
	eventName, environment, host  lowCardColumn
	resource, scopeAttrs, logAttr mapColumn
	nested                        mapColumn

	columns []named
}

func newLogBlock() *logBlock {
	b := &logBlock{}
	b.timestamp.name, b.observed.name, b.rowID.name = dateTime64, dateTime64, "UInt64"
	b.traceFlags.name, b.severityNumber.name = "UInt8", "UInt8"
	b.columns = []named{
		{"Timestamp", &b.timestamp},
		{"ObservedTimestamp", &b.observed},
		{"RowId", &b.rowID},
		{"TraceId", &b.traceID},
		{"SpanId", &b.spanID},
		{"TraceFlags", &b.traceFlags},
		{"SeverityText", &b.severityText},
		{"SeverityNumber", &b.severityNumber},
		{"ServiceName", &b.service},
		{"Body", &b.body},
		{"ResourceSchemaUrl", &b.resourceURL},
		{"ResourceAttributes", &b.resource},
		{"ScopeSchemaUrl", &b.scopeURL},
		{"ScopeName", &b.scopeName},
		{"ScopeVersion", &b.scopeVersion},
		{"ScopeAttributes", &b.scopeAttrs},
		{"LogAttributes", &b.logAttr},
		{"EventName", &b.eventName},
		{"Environment", &b.environment},
		{"HostName", &b.host},
		{"NestedAttributes", &b.nested},
	}
	return b
}

func (b *logBlock) reset() {
	b.rows = 0
	for _, c := range b.columns {
		c.reset()
	}
}

// resourceOf is what every record of one resource shares.
type resourceOf struct {
	service, environment, host, language string
}

func readResource(attrs pcommon.Map) resourceOf {
	var r resourceOf
	r.service = serviceOf(attrs)
	r.environment = text(attrs, "deployment.environment.name", "deployment.environment")
	r.host = text(attrs, "host.name")
	r.language = text(attrs, "telemetry.sdk.language")
	return r
}

// text returns the first of keys that is there, as text; of a key that is there twice, the last.
func text(attrs pcommon.Map, keys ...string) string {
	for _, key := range keys {
		out, found := "", false
		for k, v := range attrs.All() {
			if k == key {
				out, found = v.AsString(), true
			}
		}
		if found {
			return out
		}
	}
	return ""
}

// batchSeed starts the row ids of a batch. They depend on the batch's id alone, so that a replay has the same ones.
func batchSeed(id storage.BatchID) uint64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return uint64(h.Sum32()) << 32
}

func (b *logBlock) fill(id storage.BatchID, batches []plog.Logs) {
	seed := batchSeed(id)
	for _, ld := range batches {
		for _, rl := range ld.ResourceLogs().All() {
			res := rl.Resource().Attributes()
			b.resourceRecords(seed, rl, readResource(res))
		}
	}
}

func (b *logBlock) resourceRecords(seed uint64, rl plog.ResourceLogs, res resourceOf) {
	var shared, scopeShared [2]mark
	haveResource := false
	for _, sl := range rl.ScopeLogs().All() {
		scope := sl.Scope()
		scopeName, scopeVersion := scope.Name(), scope.Version()
		haveScope := false
		for _, rec := range sl.LogRecords().All() {
			if haveResource {
				b.resource.appendCopy(shared)
			} else {
				shared, haveResource = b.resource.appendMarked(rl.Resource().Attributes()), true
			}
			if haveScope {
				b.scopeAttrs.appendCopy(scopeShared)
			} else {
				scopeShared, haveScope = b.scopeAttrs.appendMarked(scope.Attributes()), true
			}
			b.resourceURL.append(rl.SchemaUrl())
			b.scopeURL.append(sl.SchemaUrl())
			b.scopeName.append(scopeName)
			b.scopeVersion.append(scopeVersion)
			b.service.append(res.service)
			b.environment.append(res.environment)
			b.host.append(res.host)
			b.nested.appendNested(rec.Attributes(), rl.Resource().Attributes())
			b.record(seed, rec)
		}
	}
}

func (b *logBlock) record(seed uint64, rec plog.LogRecord) {
	when := rec.Timestamp()
	if when == 0 {
		when = rec.ObservedTimestamp()
	}
	b.timestamp.time(when)
	b.observed.time(rec.ObservedTimestamp())
	b.rowID.u64(seed + uint64(b.rows)) //nolint:gosec // a count
	traceID, spanID := rec.TraceID(), rec.SpanID()
	b.traceID.appendHex(traceID[:])
	b.spanID.appendHex(spanID[:])
	b.traceFlags.u8(uint8(rec.Flags() & 0xff))
	b.severityText.append(rec.SeverityText())
	number := rec.SeverityNumber()
	if number == plog.SeverityNumberUnspecified {
		number = plog.SeverityNumber(severity.Number(ansi.Strip(rec.SeverityText()))) // So that level filters work for such senders too.
	}
	b.severityNumber.u8(uint8(number)) //nolint:gosec // 0 to 24
	b.body.appendValue(rec.Body())
	b.logAttr.append(rec.Attributes())
	b.eventName.append(rec.EventName())
	b.rows++
}
