// SPDX-License-Identifier: Apache-2.0

package search

import (
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/strata-apm/strata/severity"
	"github.com/strata-apm/strata/signal"
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
func Fields(of signal.Signal) []FieldInfo {
	common := []FieldInfo{
		{FieldService, TypeString},
		{FieldEnvironment, TypeString},
		{FieldHost, TypeString},
		{FieldTrace, TypeString},
		{FieldSpan, TypeString},
		{FieldScope, TypeString},
	}
	if of == signal.Logs {
		return append([]FieldInfo{{FieldLevel, TypeSeverity}, {FieldBody, TypeString}, {FieldEvent, TypeString}}, common...)
	}
	return append([]FieldInfo{
		{FieldName, TypeString},
		{FieldStatus, TypeString},
		{FieldDuration, TypeDuration},
		{"error", TypeString},
		{FieldKindOfSpan, TypeString},
		{FieldHTTPStatus, TypeNumber},
		{FieldMethod, TypeString},
		{FieldRoute, TypeString},
		{FieldURL, TypeString},
		{FieldDB, TypeString},
		{FieldRPC, TypeString},
		{FieldMessaging, TypeString},
		{FieldPeer, TypeString},
		{FieldRoot, TypeString},
		{FieldEvent, TypeString},
	}, common...)
}

// ResolveField finds the field that a name in a query means.
func ResolveField(of signal.Signal, name string) (Field, error) {
	return resolve(of, name, 0)
}

func resolve(of signal.Signal, name string, position int) (Field, error) {
	if key, ok := strings.CutPrefix(name, "attr."); ok && key != "" {
		return Field{Kind: FieldAttribute, Name: key}, nil
	}
	if key, ok := strings.CutPrefix(name, "resource."); ok && key != "" {
		return Field{Kind: FieldResource, Name: key}, nil
	}
	switch name { // the semantic conventions' names of builtins
	case "service.name":
		name = FieldService
	case "host.name":
		name = FieldHost
	case "deployment.environment.name", "deployment.environment", "environment":
		name = FieldEnvironment
	case "trace_id", "span_id":
		name = strings.TrimSuffix(name, "_id")
	case "severity":
		name = FieldLevel
	case "event.name", "event_name":
		name = FieldEvent
	}
	has := func(s signal.Signal) bool {
		return slices.ContainsFunc(Fields(s), func(f FieldInfo) bool { return f.Name == name })
	}
	other := map[signal.Signal]signal.Signal{signal.Logs: signal.Traces, signal.Traces: signal.Logs}[of]
	switch {
	case has(of):
		return Field{Kind: FieldBuiltin, Name: name}, nil
	case strings.Contains(name, "."):
		return Field{Kind: FieldAnywhere, Name: name}, nil
	case has(other):
		return Field{}, errorAt(position, "%s is a field of %s, not of %s", name, other, of)
	default:
		return Field{}, errorAt(position, "there is no field %q; for an attribute write attr.%s, for a text put it in quotes", name, name)
	}
}

// term makes the condition of a word or of a field with values.
func (p *parser) term(tok token) (Filter, error) {
	if tok.kind == tokenText {
		return p.text(tok.values[0])
	}
	field, err := resolve(p.of, tok.field, tok.position)
	if err != nil {
		return nil, err
	}
	switch tok.op {
	case ":", "=":
		return p.equal(field, tok.values)
	case "!=":
		f, err := p.equal(field, tok.values)
		return Not{Of: f}, err
	default:
		return p.compare(field, CompareOp(tok.op), tok.values[0])
	}
}

func (p *parser) text(v value) (Filter, error) {
	if v.text == "" {
		return nil, errorAt(v.position, "an empty text is found everywhere; remove it")
	}
	pattern := v.pattern()
	if len(pattern) == 1 {
		return Contains{Text: pattern[0]}, nil
	}
	name := FieldBody
	if p.of == signal.Traces {
		name = FieldName
	}
	around := slices.Clone(pattern)
	if around[0] != "" {
		around = slices.Insert(around, 0, "")
	}
	if around[len(around)-1] != "" {
		around = append(around, "")
	}
	return Equals{Field: Field{Name: name}, Values: []Pattern{around}, Fold: true}, nil
}

func (p *parser) equal(field Field, values []value) (Filter, error) {
	if len(values) == 1 && !values[0].quoted && values[0].text == "*" {
		if field.Kind == FieldBuiltin && (field.Name == "error" || field.Name == FieldRoot) {
			return All{}, nil
		}
		return Exists{Field: field}, nil
	}
	if field.Kind != FieldBuiltin {
		return exact(field, values), nil
	}
	switch field.Name {
	case FieldStatus:
		return p.status(values)
	case "error":
		return p.boolean(values, equals(FieldStatus, "error"))
	case FieldRoot:
		return p.boolean(values, equals(FieldRoot, "true"))
	case FieldDuration:
		return p.each(values, func(v value) (Filter, error) {
			ns, err := duration(v)
			return All{Of: []Filter{
				Compare{Field: field, Op: GreaterOrEqual, Value: ns}, Compare{Field: field, Op: LessOrEqual, Value: ns},
			}}, err
		})
	case FieldLevel:
		return p.levels(field, values)
	case FieldKindOfSpan, FieldTrace, FieldSpan:
		for i := range values {
			values[i].text = strings.ToLower(values[i].text)
		}
		return exact(field, values), nil
	default:
		return exact(field, values), nil
	}
}

func exact(field Field, values []value) Filter {
	e := Equals{Field: field}
	for _, v := range values {
		e.Values = append(e.Values, v.pattern())
	}
	return e
}

func equals(name, v string) Filter {
	return Equals{Field: Field{Name: name}, Values: []Pattern{{v}}}
}

// each joins the conditions of several values by or.
func (p *parser) each(values []value, make func(value) (Filter, error)) (Filter, error) {
	var parts []Filter
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
	return Any{Of: parts}, nil
}

// status is the span's own status for ok, error and unset, and HTTP's for numbers.
func (p *parser) status(values []value) (Filter, error) {
	field := Field{Name: FieldHTTPStatus}
	return p.each(values, func(v value) (Filter, error) {
		text := strings.ToLower(v.text)
		switch {
		case text == "ok" || text == "error" || text == "unset":
			return equals(FieldStatus, text), nil
		case len(text) == 3 && strings.HasSuffix(text, "xx") && text[0] >= '1' && text[0] <= '5':
			low := float64(text[0]-'0') * 100
			return All{Of: []Filter{
				Compare{Field: field, Op: GreaterOrEqual, Value: low}, Compare{Field: field, Op: Less, Value: low + 100},
			}}, nil
		}
		if _, err := strconv.ParseUint(strings.ReplaceAll(text, "*", ""), 10, 16); err != nil {
			return nil, errorAt(v.position, "%q is no status; use ok, error, unset, an HTTP status such as 503, or 5xx", v.text)
		}
		return Equals{Field: field, Values: []Pattern{v.pattern()}}, nil
	})
}

func (p *parser) boolean(values []value, yes Filter) (Filter, error) {
	return p.each(values, func(v value) (Filter, error) {
		switch strings.ToLower(v.text) {
		case "true", "yes", "1":
			return yes, nil
		case "false", "no", "0":
			return Not{Of: yes}, nil
		default:
			return nil, errorAt(v.position, "%q is neither true nor false", v.text)
		}
	})
}

// levels are matched by name; numbers are OpenTelemetry's severity numbers.
func (p *parser) levels(field Field, values []value) (Filter, error) {
	return p.each(values, func(v value) (Filter, error) {
		if len(v.pattern()) > 1 {
			return exact(field, []value{{text: strings.ToLower(v.text)}}), nil
		}
		low, high, err := severityRange(v)
		if err != nil {
			return nil, err
		}
		if name := severity.Name(low); high-low == 3 {
			return equals(FieldLevel, name), nil
		}
		return All{Of: []Filter{
			Compare{Field: field, Op: GreaterOrEqual, Value: float64(low)}, Compare{Field: field, Op: LessOrEqual, Value: float64(high)},
		}}, nil
	})
}

// severityRange returns the first and last severity number of a level.
func severityRange(v value) (low, high int, err error) {
	if n := int(severity.Number(v.text)); n%4 == 1 {
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
func (p *parser) compare(field Field, op CompareOp, v value) (Filter, error) {
	if field.Kind != FieldBuiltin {
		n, err := number(v)
		return Compare{Field: field, Op: op, Value: n, Integer: wholeBound(v.text, n, op)}, err
	}
	switch field.Name {
	case FieldDuration:
		ns, err := duration(v)
		return Compare{Field: field, Op: op, Value: ns}, err
	case FieldStatus, FieldHTTPStatus:
		n, err := strconv.ParseUint(v.text, 10, 16)
		if err != nil {
			return nil, errorAt(v.position, "%q is no HTTP status", v.text)
		}
		return Compare{Field: Field{Name: FieldHTTPStatus}, Op: op, Value: float64(n)}, nil
	case FieldLevel:
		low, high, err := severityRange(v)
		if op == Greater || op == LessOrEqual {
			low = high
		}
		return Compare{Field: field, Op: op, Value: float64(low)}, err
	default:
		return nil, errorAt(v.position, "%s is no number and cannot be compared with %s; use :", field.Name, op)
	}
}

// maxExact is 2^53, up to which every whole number is a float64.
const maxExact = 1 << 53

// wholeBound returns the bound for whole numbers of a comparison with the number that text is, n in coarse; "" where n itself will do.
// A whole number is above a fraction exactly when it is above the whole number below it, and so on.
func wholeBound(text string, n float64, op CompareOp) string {
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
	if !r.IsInt() && (op == GreaterOrEqual || op == Less) {
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
