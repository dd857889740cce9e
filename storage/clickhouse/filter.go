// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"fmt"
	"slices"
	"strings"

	"github.com/strata-apm/strata/storage"
)

// maxFilterDepth bounds nesting: ClickHouse's parser has a limit of its own, and its message names things the user never typed.
const maxFilterDepth = 100

// compiler turns a filter into a condition of one table.
type compiler struct {
	st      *statement
	columns map[string]string // builtin field → expression of type String or UInt
	numeric map[string]bool   // builtins whose expression is a number
	attrs   string            // the record's attribute map
	text    string            // what Contains looks into
	indexed bool              // whether the words of text have an index, and a text begins and ends with whole words
}

func traceCompiler(st *statement) *compiler {
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
			storage.FieldRoot:      "if(ParentSpanId = '', 'true', 'false')",
		},
	}
}

func logCompiler(st *statement) *compiler {
	return &compiler{
		st: st, attrs: "LogAttributes", text: "Body", indexed: true,
		numeric: map[string]bool{storage.FieldLevel: true},
		columns: map[string]string{
			storage.FieldService: "ServiceName", storage.FieldHost: "HostName", storage.FieldEnvironment: "Environment",
			storage.FieldTrace: "TraceId", storage.FieldSpan: "SpanId", storage.FieldScope: "ScopeName",
			storage.FieldLevel: "SeverityNumber", storage.FieldBody: "Body",
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

// expression returns the SQL of a field's value and whether it is a number.
func (c *compiler) expression(f storage.Field) (sql string, number bool, err error) {
	switch f.Kind {
	case storage.FieldBuiltin:
		col, ok := c.columns[f.Name]
		if !ok {
			return "", false, fmt.Errorf("%w: there is no field %q here", storage.ErrBadQuery, f.Name)
		}
		return col, c.numeric[f.Name], nil
	case storage.FieldAttribute:
		return c.attrs + "[" + c.st.str(f.Name) + "]", false, nil
	case storage.FieldResource:
		return "ResourceAttributes[" + c.st.str(f.Name) + "]", false, nil
	case storage.FieldAnywhere:
		key := c.st.str(f.Name)
		return "if(mapContains(" + c.attrs + ", " + key + "), " + c.attrs + "[" + key + "], ResourceAttributes[" + key + "])", false, nil
	default:
		return "", false, fmt.Errorf("%w: unknown kind of field", storage.ErrBadQuery)
	}
}

func (c *compiler) equals(f storage.Equals) (string, error) {
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
		alternatives = append(alternatives, sql+like+c.st.str(likePattern(p)))
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
// attribute that may be in either map is asked for in each.
func (c *compiler) anyOf(f storage.Field, sql string, values []string) string {
	if f.Kind == storage.FieldBuiltin && (f.Name == storage.FieldTrace || f.Name == storage.FieldSpan) {
		for i := range values {
			values[i] = strings.ToLower(values[i])
		}
	}
	relation := " IN " + c.st.strs(values)
	if len(values) == 1 {
		relation = " = " + c.st.str(values[0])
	}
	condition := sql + relation
	if f.Kind == storage.FieldAnywhere && !slices.Contains(values, "") {
		key := c.st.str(f.Name)
		condition = "(" + c.attrs + "[" + key + "]" + relation + " OR ResourceAttributes[" + key + "]" + relation +
			" AND NOT mapContains(" + c.attrs + ", " + key + "))"
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
	case storage.FieldAttribute:
		return "mapContains(" + c.attrs + ", " + c.st.str(f.Name) + ")", nil
	case storage.FieldResource:
		return "mapContains(ResourceAttributes, " + c.st.str(f.Name) + ")", nil
	case storage.FieldAnywhere:
		key := c.st.str(f.Name)
		return "mapContains(" + c.attrs + ", " + key + ") OR mapContains(ResourceAttributes, " + key + ")", nil
	case storage.FieldBuiltin:
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
		return "ifNull(toFloat64OrNull(" + sql + ") " + string(f.Op) + " " + c.st.float(f.Value) + ", 0)", nil
	}
	condition := sql + " " + string(f.Op) + " " + c.st.float(f.Value)
	if f.Field.Name == storage.FieldLevel || f.Field.Name == storage.FieldHTTPStatus {
		condition = sql + " != 0 AND " + condition // 0 is the absence of one
	}
	return condition, nil
}
