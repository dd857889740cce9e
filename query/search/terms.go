// SPDX-License-Identifier: Apache-2.0

package search

import (
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	words "github.com/strata-apm/strata/severity"
	"github.com/strata-apm/strata/storage"
)

// FieldType says how the values of a field are compared.
type FieldType string

// The field types.
const (
	TypeString   FieldType = "string"
	TypeNumber   FieldType = "number"
	TypeDuration FieldType = "duration"
	TypeSeverity FieldType = "severity"
)

// FieldInfo describes a builtin field for completion.
type FieldInfo struct {
	Name string
	Type FieldType
}

// Fields returns the builtin fields of a signal, in the order in which they are worth offering.
func Fields(signal storage.Signal) []FieldInfo {
	common := []FieldInfo{
		{storage.FieldService, TypeString},
		{storage.FieldEnvironment, TypeString},
		{storage.FieldHost, TypeString},
		{storage.FieldTrace, TypeString},
		{storage.FieldSpan, TypeString},
		{storage.FieldScope, TypeString},
	}
	if signal == storage.SignalLogs {
		return append([]FieldInfo{{storage.FieldLevel, TypeSeverity}, {storage.FieldBody, TypeString}, {storage.FieldEvent, TypeString}}, common...)
	}
	return append([]FieldInfo{
		{storage.FieldName, TypeString},
		{storage.FieldStatus, TypeString},
		{storage.FieldDuration, TypeDuration},
		{"error", TypeString},
		{storage.FieldKindOfSpan, TypeString},
		{storage.FieldHTTPStatus, TypeNumber},
		{storage.FieldMethod, TypeString},
		{storage.FieldRoute, TypeString},
		{storage.FieldURL, TypeString},
		{storage.FieldDB, TypeString},
		{storage.FieldRPC, TypeString},
		{storage.FieldMessaging, TypeString},
		{storage.FieldPeer, TypeString},
		{storage.FieldRoot, TypeString},
		{storage.FieldEvent, TypeString},
	}, common...)
}

// ResolveField finds the field that a name in a query means.
func ResolveField(signal storage.Signal, name string) (storage.Field, error) {
	return resolve(signal, name, 0)
}

func resolve(signal storage.Signal, name string, position int) (storage.Field, error) {
	if key, ok := strings.CutPrefix(name, "attr."); ok && key != "" {
		return storage.Field{Kind: storage.FieldAttribute, Name: key}, nil
	}
	if key, ok := strings.CutPrefix(name, "resource."); ok && key != "" {
		return storage.Field{Kind: storage.FieldResource, Name: key}, nil
	}
	switch name { // the semantic conventions' names of builtins
	case "service.name":
		name = storage.FieldService
	case "host.name":
		name = storage.FieldHost
	case "deployment.environment.name", "deployment.environment", "environment":
		name = storage.FieldEnvironment
	case "trace_id", "span_id":
		name = strings.TrimSuffix(name, "_id")
	case "severity":
		name = storage.FieldLevel
	case "event.name", "event_name":
		name = storage.FieldEvent
	}
	has := func(s storage.Signal) bool {
		return slices.ContainsFunc(Fields(s), func(f FieldInfo) bool { return f.Name == name })
	}
	other := map[storage.Signal]storage.Signal{storage.SignalLogs: storage.SignalTraces, storage.SignalTraces: storage.SignalLogs}[signal]
	switch {
	case has(signal):
		return storage.Field{Kind: storage.FieldBuiltin, Name: name}, nil
	case strings.Contains(name, "."):
		return storage.Field{Kind: storage.FieldAnywhere, Name: name}, nil
	case has(other):
		return storage.Field{}, errorAt(position, "%s is a field of %s, not of %s", name, other, signal)
	default:
		return storage.Field{}, errorAt(position, "there is no field %q; for an attribute write attr.%s, for a text put it in quotes", name, name)
	}
}

// term makes the condition of a word or of a field with values.
func (p *parser) term(tok token) (storage.Filter, error) {
	if tok.kind == tokenText {
		return p.text(tok.values[0])
	}
	field, err := resolve(p.signal, tok.field, tok.position)
	if err != nil {
		return nil, err
	}
	switch tok.op {
	case ":", "=":
		return p.equal(field, tok.values)
	case "!=":
		f, err := p.equal(field, tok.values)
		return storage.Not{Of: f}, err
	default:
		return p.compare(field, storage.CompareOp(tok.op), tok.values[0])
	}
}

func (p *parser) text(v value) (storage.Filter, error) {
	if v.text == "" {
		return nil, errorAt(v.position, "an empty text is found everywhere; remove it")
	}
	pattern := v.pattern()
	if len(pattern) == 1 {
		return storage.Contains{Text: pattern[0]}, nil
	}
	name := storage.FieldBody
	if p.signal == storage.SignalTraces {
		name = storage.FieldName
	}
	around := slices.Clone(pattern)
	if around[0] != "" {
		around = slices.Insert(around, 0, "")
	}
	if around[len(around)-1] != "" {
		around = append(around, "")
	}
	return storage.Equals{Field: storage.Field{Name: name}, Values: []storage.Pattern{around}, Fold: true}, nil
}

func (p *parser) equal(field storage.Field, values []value) (storage.Filter, error) {
	if len(values) == 1 && !values[0].quoted && values[0].text == "*" {
		if field.Kind == storage.FieldBuiltin && (field.Name == "error" || field.Name == storage.FieldRoot) {
			return storage.All{}, nil
		}
		return storage.Exists{Field: field}, nil
	}
	if field.Kind != storage.FieldBuiltin {
		return exact(field, values), nil
	}
	switch field.Name {
	case storage.FieldStatus:
		return p.status(values)
	case "error":
		return p.boolean(values, equals(storage.FieldStatus, "error"))
	case storage.FieldRoot:
		return p.boolean(values, equals(storage.FieldRoot, "true"))
	case storage.FieldDuration:
		return p.each(values, func(v value) (storage.Filter, error) {
			ns, err := duration(v)
			return storage.All{Of: []storage.Filter{
				storage.Compare{Field: field, Op: storage.GreaterOrEqual, Value: ns}, storage.Compare{Field: field, Op: storage.LessOrEqual, Value: ns},
			}}, err
		})
	case storage.FieldLevel:
		return p.levels(field, values)
	case storage.FieldKindOfSpan, storage.FieldTrace, storage.FieldSpan:
		for i := range values {
			values[i].text = strings.ToLower(values[i].text)
		}
		return exact(field, values), nil
	default:
		return exact(field, values), nil
	}
}

func exact(field storage.Field, values []value) storage.Filter {
	e := storage.Equals{Field: field}
	for _, v := range values {
		e.Values = append(e.Values, v.pattern())
	}
	return e
}

func equals(name, v string) storage.Filter {
	return storage.Equals{Field: storage.Field{Name: name}, Values: []storage.Pattern{{v}}}
}

// each joins the conditions of several values by or.
func (p *parser) each(values []value, make func(value) (storage.Filter, error)) (storage.Filter, error) {
	var parts []storage.Filter
	for _, v := range values {
		f, err := make(v)
		if err != nil {
			return nil, err
		}
		parts = append(parts, f)
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return storage.Any{Of: parts}, nil
}

// status is the span's own status for ok, error and unset, and HTTP's for numbers.
func (p *parser) status(values []value) (storage.Filter, error) {
	field := storage.Field{Name: storage.FieldHTTPStatus}
	return p.each(values, func(v value) (storage.Filter, error) {
		text := strings.ToLower(v.text)
		switch {
		case text == "ok" || text == "error" || text == "unset":
			return equals(storage.FieldStatus, text), nil
		case len(text) == 3 && strings.HasSuffix(text, "xx") && text[0] >= '1' && text[0] <= '5':
			low := float64(text[0]-'0') * 100
			return storage.All{Of: []storage.Filter{
				storage.Compare{Field: field, Op: storage.GreaterOrEqual, Value: low}, storage.Compare{Field: field, Op: storage.Less, Value: low + 100},
			}}, nil
		}
		if _, err := strconv.ParseUint(strings.ReplaceAll(text, "*", ""), 10, 16); err != nil {
			return nil, errorAt(v.position, "%q is no status; use ok, error, unset, an HTTP status such as 503, or 5xx", v.text)
		}
		return storage.Equals{Field: field, Values: []storage.Pattern{v.pattern()}}, nil
	})
}

func (p *parser) boolean(values []value, yes storage.Filter) (storage.Filter, error) {
	return p.each(values, func(v value) (storage.Filter, error) {
		switch strings.ToLower(v.text) {
		case "true", "yes", "1":
			return yes, nil
		case "false", "no", "0":
			return storage.Not{Of: yes}, nil
		default:
			return nil, errorAt(v.position, "%q is neither true nor false", v.text)
		}
	})
}

// levels are matched by name; numbers are OpenTelemetry's severity numbers.
func (p *parser) levels(field storage.Field, values []value) (storage.Filter, error) {
	return p.each(values, func(v value) (storage.Filter, error) {
		if len(v.pattern()) > 1 {
			return exact(field, []value{{text: strings.ToLower(v.text)}}), nil
		}
		low, high, err := severity(v)
		if err != nil {
			return nil, err
		}
		if name := storage.Level(low); high-low == 3 {
			return equals(storage.FieldLevel, name), nil
		}
		return storage.All{Of: []storage.Filter{
			storage.Compare{Field: field, Op: storage.GreaterOrEqual, Value: float64(low)}, storage.Compare{Field: field, Op: storage.LessOrEqual, Value: float64(high)},
		}}, nil
	})
}

// severity returns the first and last severity number of a level.
func severity(v value) (low, high int, err error) {
	if n := int(words.Number(v.text)); n%4 == 1 {
		return n, n + 3, nil
	} else if n > 0 {
		return n, n, nil
	}
	if n, err := strconv.Atoi(v.text); err == nil && n >= 1 && n <= 24 {
		return n, n, nil
	}
	return 0, 0, errorAt(v.position, "%q is no level; use trace, debug, info, warn, error, fatal or a number from 1 to 24", v.text)
}

// compare makes an order relation. A level is a stretch of severity numbers: above it begins behind its end.
func (p *parser) compare(field storage.Field, op storage.CompareOp, v value) (storage.Filter, error) {
	if field.Kind != storage.FieldBuiltin {
		n, err := number(v)
		return storage.Compare{Field: field, Op: op, Value: n, Integer: wholeBound(v.text, n, op)}, err
	}
	switch field.Name {
	case storage.FieldDuration:
		ns, err := duration(v)
		return storage.Compare{Field: field, Op: op, Value: ns}, err
	case storage.FieldStatus, storage.FieldHTTPStatus:
		n, err := strconv.ParseUint(v.text, 10, 16)
		if err != nil {
			return nil, errorAt(v.position, "%q is no HTTP status", v.text)
		}
		return storage.Compare{Field: storage.Field{Name: storage.FieldHTTPStatus}, Op: op, Value: float64(n)}, nil
	case storage.FieldLevel:
		low, high, err := severity(v)
		if op == storage.Greater || op == storage.LessOrEqual {
			low = high
		}
		return storage.Compare{Field: field, Op: op, Value: float64(low)}, err
	default:
		return nil, errorAt(v.position, "%s is no number and cannot be compared with %s; use :", field.Name, op)
	}
}

// maxExact is 2^53, up to which every whole number is a float64.
const maxExact = 1 << 53

// wholeBound returns the bound for whole numbers of a comparison with the number that text is, n in coarse; "" where n itself will do.
// A whole number is above a fraction exactly when it is above the whole number below it, and so on.
func wholeBound(text string, n float64, op storage.CompareOp) string {
	const digits = 76 // what 256 bits hold
	if math.Abs(n) < maxExact || math.Abs(n) >= 1e76 || len(text) > digits {
		return ""
	}
	if strings.Trim(text, "+-.0123456789") != "" { // With an exponent: the number is whole.
		whole, _ := big.NewFloat(n).Int(nil)
		return whole.String()
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return ""
	}
	floor := new(big.Int).Div(r.Num(), r.Denom()) // Euclidean: downwards, as the denominator is positive
	if !r.IsInt() && (op == storage.GreaterOrEqual || op == storage.Less) {
		floor.Add(floor, big.NewInt(1))
	}
	return floor.String()
}

// number reads a plain number, or a duration as nanoseconds.
func number(v value) (float64, error) {
	if n, err := strconv.ParseFloat(v.text, 64); err == nil && n == n && n-n == 0 { // neither NaN nor infinite
		return n, nil
	}
	if d, err := time.ParseDuration(v.text); err == nil {
		return float64(d), nil
	}
	return 0, errorAt(v.position, "%q is neither a number nor a duration", v.text)
}

func duration(v value) (float64, error) {
	d, err := time.ParseDuration(v.text)
	if err != nil || d < 0 {
		return 0, errorAt(v.position, "%q is no duration; write a number with a unit, as in 500ms or 2s", v.text)
	}
	return float64(d), nil
}
