// SPDX-License-Identifier: Apache-2.0

package match

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/strata-apm/strata/search/wire"
	"github.com/strata-apm/strata/signal"
)

// resourceAttributes decodes the resource, once for all of its records.
func (w *raw) resourceAttributes() pcommon.Map {
	if w.hasResource {
		return w.resource
	}
	w.hasResource = true
	var origin []byte
	for f := wire.Of(w.origin); f.Next(); {
		if f.Number == 1 {
			origin = wrap(origin, 1, f.Bytes)
		}
	}
	ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(wrap(nil, 1, origin)) // Resources of spans are the same.
	if err != nil {
		w.fail("resource", err)
		w.resource = pcommon.NewMap()
		return w.resource
	}
	w.resource = ld.ResourceLogs().At(0).Resource().Attributes()
	return w.resource
}

func (w *raw) attributes(of signal.Signal) pcommon.Map { return w.decode(of).attributes }

// decode decodes the record, for conditions on what only the decoder reads.
func (w *raw) decode(of signal.Signal) decoded {
	if w.hasDecoded {
		return w.decoded
	}
	w.hasDecoded = true
	body := wrap(nil, 1, wrap(nil, 2, wrap(nil, 2, w.record)))
	if of == signal.Logs {
		ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(body)
		if err != nil {
			w.fail("log record", err)
			w.decoded = decoded{pcommon.NewMap(), pcommon.NewValueEmpty()}
			return w.decoded
		}
		rec := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
		w.decoded = decoded{rec.Attributes(), rec.Body()}
		return w.decoded
	}
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(body)
	if err != nil {
		w.fail("span", err)
		w.decoded = decoded{attributes: pcommon.NewMap()}
		return w.decoded
	}
	w.decoded = decoded{attributes: td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes()}
	return w.decoded
}

func (w *raw) fail(what string, err error) {
	if w.err == nil {
		w.err = fmt.Errorf("decode a %s: %w: %w", what, wire.ErrMalformed, err)
	}
}

// wrap appends a message as a field of the one around it.
func wrap(around []byte, number protowire.Number, message []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(around, number, protowire.BytesType), message)
}
