// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"fmt"
	"slices"
	"strings"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
)

// maxFilterDepth bounds nesting: ClickHouse's parser has a limit of its own, and its message names things the user never typed.
const maxFilterDepth = 100

// compiler turns a filter into a condition of one table.
type compiler struct {
	st      *client.Statement
	columns map[string]string // builtin field → expression of type String or UInt
	numeric map[string]bool   // builtins whose expression is a number
	attrs   string            // the record's attribute map
	text    string            // what Contains looks into
	indexed bool              // whether the words of text have an index, and a text begins and ends with whole words
}

func traceCompiler(st *client.Statement) *compiler {
	return &compiler{
		st: st, attrs: "SpanAttributes", text: "SpanName",
		numeric: map[string]bool{storage.FieldDuration: true, storage.FieldHTTPStatus: true},
		columns: map[string]string{
			storage.FieldService: "ServiceName", storage.FieldHost: "HostName", storage.FieldEnvironment: "Environment",
			storage.FieldTrace: "TraceId", storage.FieldSpan: "SpanId", storage.FieldScope: "ScopeName",
			storage.FieldName: "SpanName", storage.FieldKindOfSpan: "lower(SpanKind)", storage.FieldDuration: "Duration",
			storage.FieldStatus: "lower(StatusCode)", storage.FieldHTTPStatus: "HttpStatusCode",
			storage.FieldMethod: "HttpMethod", storage.FieldRoute: "HttpRoute",
			storage.FieldURL:       "coalesce(nullIf(SpanAttributes['url.full'], ''), nullIf(SpanAttributes['http.url'], ''), nullIf(SpanAttributes['url.path'], ''), SpanAttributes['http.target'])",
			storage.FieldDB:        "if(TargetType = 'db', TargetSystem, '')",
			storage.FieldRPC:       "if(TargetType = 'rpc', TargetSystem, '')",
			storage.FieldMessaging: "if(TargetType = 'messaging', TargetSystem, '')",
			storage.FieldPeer:      "Target",
			storage.FieldEvent:     "arrayElement(Events.Name, 1)",
			storage.FieldRoot:      "if(ParentSpanId = '', 'true', 'false')",
		},
	}
}

func logCompiler(st *client.Statement) *compiler {
	return &compiler{
		st: st, attrs: "LogAttributes", text: "Body", indexed: true,
		numeric: map[string]bool{storage.FieldLevel: true},
		columns: map[string]string{
			storage.FieldService: "ServiceName", storage.FieldHost: "HostName", storage.FieldEnvironment: "Environment",
			storage.FieldTrace: "TraceId", storage.FieldSpan: "SpanId", storage.FieldScope: "ScopeName",
			storage.FieldLevel: "SeverityNumber", storage.FieldBody: "Body",
			storage.FieldEvent: "if(EventName != '', toString(EventName), LogAttributes['event.name'])",
		},
	}
}

// compile returns the condition, "1" for a nil filter.
func (c *compiler) compile(f storage.Filter) (string, error) { return c.node(f, 0) }

func (c *compiler) node(f storage.Filter, depth int) (string, error) {
	if depth > maxFilterDepth {
		return "", fmt.Errorf("%w: the search is nested deeper than %d", storage.ErrBadQuery, maxFilterDepth)
	}
	switch f := f.(type) {
	case nil:
		return "1", nil
	case storage.All:
		return c.join(f.Of, " AND ", "1", depth)
	case storage.Any:
		return c.join(f.Of, " OR ", "0", depth)
	case storage.Not:
		inner, err := c.node(f.Of, depth+1)
		return "NOT (" + inner + ")", err
	case storage.Contains:
		return c.contains(f.Text), nil
	case storage.Equals:
		return c.equals(f)
	case storage.Exists:
		return c.exists(f.Field)
	case storage.Compare:
		return c.compare(f)
	default:
		return "", fmt.Errorf("%w: unknown condition %T", storage.ErrBadQuery, f)
	}
}

func (c *compiler) join(parts []storage.Filter, op, empty string, depth int) (string, error) {
	if len(parts) == 0 {
		return empty, nil
	}
	out := make([]string, len(parts))
	for i, p := range parts {
		s, err := c.node(p, depth+1)
		if err != nil {
			return "", err
		}
		out[i] = "(" + s + ")"
	}
	return strings.Join(out, op), nil
}

// place is where an attribute may be: a key of a map.
type place struct{ column, key string }

func (p place) value() string { return p.column + "[" + p.key + "]" }
func (p place) there() string { return "mapContains(" + p.column + ", " + p.key + ")" }

// places are where an attribute may be, in the order in which they count. A name with a dot may be a path into a map.
func (c *compiler) places(f storage.Field) []place {
	var out []place
	key, path := c.st.Str(f.Name), strings.Contains(f.Name, ".")
	if f.Kind != storage.FieldResource {
		out = append(out, place{c.attrs, key})
		if path {
			out = append(out, place{"NestedAttributes", c.st.Str("attr." + f.Name)})
		}
	}
	if f.Kind != storage.FieldAttribute {
		out = append(out, place{"ResourceAttributes", key})
		if path {
			out = append(out, place{"NestedAttributes", c.st.Str("resource." + f.Name)})
		}
	}
	return out
}

// expression returns the SQL of a field's value and whether it is a number.
func (c *compiler) expression(f storage.Field) (sql string, number bool, err error) {
	switch f.Kind {
	case storage.FieldBuiltin:
		col, ok := c.columns[f.Name]
		if !ok {
			return "", false, fmt.Errorf("%w: there is no field %q here", storage.ErrBadQuery, f.Name)
		}
		return col, c.numeric[f.Name], nil
	case storage.FieldAttribute, storage.FieldResource, storage.FieldAnywhere:
		places := c.places(f)
		value := places[len(places)-1].value()
		for _, p := range slices.Backward(places[:len(places)-1]) {
			value = "if(" + p.there() + ", " + p.value() + ", " + value + ")"
		}
		return value, false, nil
	default:
		return "", false, fmt.Errorf("%w: unknown kind of field", storage.ErrBadQuery)
	}
}

// ofSpanEvents reports whether a field is the names of a span's events, of which one has to fit.
func (c *compiler) ofSpanEvents(f storage.Field) bool {
	return c.attrs == "SpanAttributes" && f.Kind == storage.FieldBuiltin && f.Name == storage.FieldEvent
}

func (c *compiler) equals(f storage.Equals) (string, error) {
	if c.ofSpanEvents(f.Field) {
		one, err := (&compiler{st: c.st, columns: map[string]string{storage.FieldEvent: "e"}}).equals(f)
		return "arrayExists(e -> " + one + ", Events.Name)", err
	}
	sql, number, err := c.expression(f.Field)
	if err != nil {
		return "", err
	}
	if f.Field.Kind == storage.FieldBuiltin && f.Field.Name == storage.FieldLevel {
		return c.level(f.Values), nil
	}
	if f.Field.Kind == storage.FieldBuiltin && f.Field.Name == storage.FieldService {
		f.Values = withUnnamed(f.Values)
	}
	if number {
		sql = "toString(" + sql + ")"
	}
	exact, alternatives := make([]string, 0, len(f.Values)), make([]string, 0, len(f.Values))
	for _, p := range f.Values {
		if len(p) == 1 {
			exact = append(exact, p[0])
			continue
		}
		like := " LIKE "
		if f.Fold {
			like = " ILIKE "
		}
		alternatives = append(alternatives, sql+like+c.st.Str(likePattern(p)))
	}
	if len(exact) > 0 {
		alternatives = append(alternatives, c.anyOf(f.Field, sql, exact))
	}
	if len(alternatives) == 0 {
		return "0", nil
	}
	return "(" + strings.Join(alternatives, " OR ") + ")", nil
}

// anyOf compares with exact values. The index on an attribute map's values answers it when the key is compared directly, so an
// attribute that may be in several maps is asked for in each.
func (c *compiler) anyOf(f storage.Field, sql string, values []string) string {
	if f.Kind == storage.FieldBuiltin && (f.Name == storage.FieldTrace || f.Name == storage.FieldSpan) {
		digits := storage.TraceIDDigits
		if f.Name == storage.FieldSpan {
			digits = storage.SpanIDDigits
		}
		for i := range values {
			values[i], _ = storage.NormalID(values[i], digits)
		}
	}
	relation := " IN " + c.st.Strs(values)
	if len(values) == 1 {
		relation = " = " + c.st.Str(values[0])
	}
	condition := sql + relation
	if f.Kind != storage.FieldBuiltin && !slices.Contains(values, "") {
		places := c.places(f)
		condition = places[len(places)-1].value() + relation
		for _, p := range slices.Backward(places[:len(places)-1]) {
			condition = "(" + p.value() + relation + " OR NOT " + p.there() + " AND " + condition + ")"
		}
	}
	return condition
}

// level matches names of levels; an unknown name matches nothing.
func (c *compiler) level(values []storage.Pattern) string {
	var out []string
	for i := 0; i < 24; i += 4 {
		name := storage.Level(i + 1)
		for _, p := range values {
			if matches(p, name) {
				out = append(out, fmt.Sprintf("SeverityNumber BETWEEN %d AND %d", i+1, i+4))
				break
			}
		}
	}
	if len(out) == 0 {
		return "0"
	}
	return "(" + strings.Join(out, " OR ") + ")"
}

func matches(p storage.Pattern, s string) bool {
	if len(p) == 1 {
		return strings.EqualFold(p[0], s)
	}
	if !strings.HasPrefix(s, p[0]) {
		return false
	}
	s = s[len(p[0]):]
	for _, part := range p[1 : len(p)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, p[len(p)-1])
}

// likePattern escapes what LIKE would take for wildcards.
func likePattern(p storage.Pattern) string {
	escape := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)
	parts := make([]string, len(p))
	for i, s := range p {
		parts[i] = escape.Replace(s)
	}
	return strings.Join(parts, "%")
}

func (c *compiler) exists(f storage.Field) (string, error) {
	switch f.Kind {
	case storage.FieldAttribute, storage.FieldResource, storage.FieldAnywhere:
		places := c.places(f)
		there := make([]string, len(places))
		for i, p := range places {
			there[i] = p.there()
		}
		return strings.Join(there, " OR "), nil
	case storage.FieldBuiltin:
		if c.ofSpanEvents(f) {
			return "notEmpty(Events.Name)", nil
		}
	}
	sql, number, err := c.expression(f)
	if number {
		return sql + " != 0", err
	}
	return sql + " != ''", err
}

func (c *compiler) compare(f storage.Compare) (string, error) {
	switch f.Op {
	case storage.Less, storage.LessOrEqual, storage.Greater, storage.GreaterOrEqual:
	default:
		return "", fmt.Errorf("%w: unknown comparison %q", storage.ErrBadQuery, f.Op)
	}
	sql, number, err := c.expression(f.Field)
	if err != nil {
		return "", err
	}
	if !number {
		// A value that is no number compares as NULL, which is not true.
		coarse := "ifNull(toFloat64OrNull(" + sql + ") " + string(f.Op) + " " + c.st.Float(f.Value) + ", 0)"
		if f.Integer != "" { // 76 digits are what the type holds; it does not say when there are more.
			return "if(match(" + sql + ", '^[+-]?[0-9]{1,76}$'), ifNull(toInt256OrNull(" + sql + ") " + string(f.Op) + " toInt256(" +
				c.st.Str(f.Integer) + "), 0), " + coarse + ")", nil
		}
		return coarse, nil
	}
	condition := sql + " " + string(f.Op) + " " + c.st.Float(f.Value)
	if f.Field.Name == storage.FieldLevel || f.Field.Name == storage.FieldHTTPStatus {
		condition = sql + " != 0 AND " + condition // 0 is the absence of one
	}
	return condition, nil
}
