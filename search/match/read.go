// SPDX-License-Identifier: Apache-2.0

package match

import (
	"encoding/hex"
	"math"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/search/wire"
	"github.com/strata-apm/strata/signal"
)

// Record is a record on the wire, for several filters and fields to be asked of it. It is valid until the next one is told; texts of it share the body's memory.
type Record struct{ record *record }

// Records tells of every record of a body in the order of the decoded request. The body must have passed wire.Check. An error is that of tell, which ends it,
// or wraps wire.ErrMalformed.
func Records(of signal.Signal, body []byte, tell func(Record) error) error {
	r := record{signal: of, onWire: true}
	for origin := wire.Of(body); origin.Next(); {
		if origin.Number != 1 {
			continue
		}
		r.raw.setOrigin(origin.Bytes)
		r.origin++
		for scope := wire.Of(origin.Bytes); scope.Next(); {
			if scope.Number != 2 {
				continue
			}
			r.raw.setScope(scope.Bytes)
			for f := wire.Of(scope.Bytes); f.Next(); {
				if f.Number != 2 {
					continue
				}
				r.raw.setRecord(f.Bytes)
				r.hasHead, r.hasSpan = false, false
				if err := tell(Record{&r}); err != nil {
					return err
				}
				if r.raw.err != nil {
					return r.raw.err
				}
			}
		}
	}
	return nil
}

// Origin is a number that records of one resource have in common, from 1.
func (r Record) Origin() int { return r.record.origin }

// Holds reports whether the filter holds for a log record.
func (m *Logs) Holds(r Record) bool { return m.root.holds(r.record) }

// Holds reports whether the filter holds for a span.
func (m *Spans) Holds(r Record) bool { return m.root.holds(r.record) }

// Time is when a span started or a log record was made, or where it does not say, observed: nanoseconds since 1970.
func (r Record) Time() uint64 {
	if r.record.signal == signal.Traces {
		return r.record.readHead().start
	}
	var at, observed uint64
	for f := wire.Of(r.record.raw.record); f.Next(); {
		switch f.Number {
		case 1:
			at = f.Bits
		case 11:
			observed = f.Bits
		}
	}
	if at == 0 {
		return observed
	}
	return at
}

// Text is the text of a field as a store has it, "" where the record does not have the field. Of the events of a span it is the first one's name.
func (r Record) Text(f search.Field) string {
	if f.Kind != search.FieldBuiltin {
		v := r.record.attribute(f)
		return v.text()
	}
	switch f.Name {
	case search.FieldBody:
		v := r.record.body()
		return v.text()
	case search.FieldTrace:
		if id := r.record.readHead().trace; !id.IsEmpty() {
			return hex.EncodeToString(id[:])
		}
		return ""
	case search.FieldSpan:
		if id := r.record.readHead().id; !id.IsEmpty() {
			return hex.EncodeToString(id[:])
		}
		return ""
	case search.FieldDuration:
		return strconv.FormatUint(r.record.number(f.Name), 10)
	case search.FieldHTTPStatus:
		if n := r.record.number(f.Name); n != 0 {
			return strconv.FormatUint(n, 10)
		}
		return ""
	case search.FieldEvent:
		return r.event()
	default:
		return r.record.text(f.Name)
	}
}

func (r Record) event() string {
	if r.record.signal == signal.Logs {
		if name := r.record.readHead().event; name != "" {
			return name
		}
		v := r.record.last("event.name")
		return v.text()
	}
	name, _ := r.record.firstEvent()
	return name
}

// Number is the value of a field as a number: durations in nanoseconds, levels by their number, texts that read like one. It reports false where there is none,
// for what is no number, and for infinities.
func (r Record) Number(f search.Field) (float64, bool) {
	if f.Kind == search.FieldBuiltin {
		if isNumber(f.Name) {
			n := r.record.number(f.Name)
			return float64(n), n != 0 || f.Name == search.FieldDuration
		}
		return parse(r.Text(f))
	}
	v := r.record.attribute(f)
	if !v.there {
		return 0, false
	}
	switch v.kind {
	case pcommon.ValueTypeInt:
		return float64(v.number), true
	case pcommon.ValueTypeDouble:
		return v.double, !math.IsNaN(v.double) && !math.IsInf(v.double, 0)
	case pcommon.ValueTypeStr:
		return parse(v.str)
	default:
		return 0, false
	}
}

func parse(s string) (float64, bool) {
	if s == "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
}
