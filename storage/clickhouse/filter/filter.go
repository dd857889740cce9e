// SPDX-License-Identifier: Apache-2.0

// Package filter turns the conditions of a search, the tree of search.Filter, into the SQL condition of one table. Every text of a user
// becomes a bound parameter.
package filter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/search/text"
	"github.com/strata-apm/strata/severity"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/nested"
	"github.com/strata-apm/strata/storage/clickhouse/words"
)

// maxFilterDepth bounds nesting: ClickHouse's parser has a limit of its own, and its message names things the user never typed.
const maxFilterDepth = 100

// Table says how the fields of a search are read from a table.
type Table struct {
	// Columns has for every builtin field of the table the expression of its value, of type String or UInt.
	Columns map[string]string
	// Numeric are the builtin fields whose expression is a number.
	Numeric map[string]bool
	// Attributes is the map of a record's own attributes.
	Attributes string
	// Text is what search.Contains looks into.
	Text string
	// Words says that Text is the column with the index of words, so that a text begins and ends with whole words.
	Words bool
	// Events is the array of the names of a record's events, of which one has to fit where the field is search.FieldEvent. Empty where a
	// record is no more than one event.
	Events string
}

// Compiler makes conditions of one table for one statement.
type Compiler struct {
	st    *client.Statement
	table Table
}

// New returns a compiler that binds values to st.
func New(st *client.Statement, t Table) *Compiler { return &Compiler{st: st, table: t} }

// Compile returns the condition of a filter, "1" for a nil filter. A field that the table does not have, and what cannot be asked, is an
// error that wraps storage.ErrBadQuery.
func (c *Compiler) Compile(f search.Filter) (string, error) { return c.node(f, 0) }

func (c *Compiler) node(f search.Filter, depth int) (string, error) {
	if depth > maxFilterDepth {
		return "", fmt.Errorf("%w: the search is nested deeper than %d", storage.ErrBadQuery, maxFilterDepth)
	}
	switch f := f.(type) {
	case nil:
		return "1", nil
	case search.All:
		return c.join(f.Of, " AND ", "1", depth)
	case search.Any:
		return c.join(f.Of, " OR ", "0", depth)
	case search.Not:
		inner, err := c.node(f.Of, depth+1)
		return "NOT (" + inner + ")", err
	case search.Contains:
		if c.table.Words {
			return words.Contains(c.st, f.Text), nil
		}
		return words.Within(c.st, c.table.Text, f.Text), nil
	case search.Equals:
		return c.equals(f)
	case search.Exists:
		return c.exists(f.Field)
	case search.Compare:
		return c.compare(f)
	default:
		return "", fmt.Errorf("%w: unknown condition %T", storage.ErrBadQuery, f)
	}
}

func (c *Compiler) join(parts []search.Filter, op, empty string, depth int) (string, error) {
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
func (c *Compiler) places(f search.Field) []place {
	var out []place
	key, path := c.st.Str(f.Name), strings.Contains(f.Name, ".")
	if f.Kind != search.FieldResource {
		out = append(out, place{c.table.Attributes, key})
		if path {
			out = append(out, place{nested.Column, c.st.Str(nested.RecordPrefix + f.Name)})
		}
	}
	if f.Kind != search.FieldAttribute {
		out = append(out, place{"ResourceAttributes", key})
		if path {
			out = append(out, place{nested.Column, c.st.Str(nested.ResourcePrefix + f.Name)})
		}
	}
	return out
}

// Expression returns the SQL of a field's value and whether it is a number. A field that the table does not have is an error that wraps
// storage.ErrBadQuery.
func (c *Compiler) Expression(f search.Field) (sql string, number bool, err error) {
	switch f.Kind {
	case search.FieldBuiltin:
		col, ok := c.table.Columns[f.Name]
		if !ok {
			return "", false, fmt.Errorf("%w: there is no field %q here", storage.ErrBadQuery, f.Name)
		}
		return col, c.table.Numeric[f.Name], nil
	case search.FieldAttribute, search.FieldResource, search.FieldAnywhere:
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

// ofEvents reports whether a field is the names of a record's events, of which one has to fit.
func (c *Compiler) ofEvents(f search.Field) bool {
	return c.table.Events != "" && f.Kind == search.FieldBuiltin && f.Name == search.FieldEvent
}

func (c *Compiler) equals(f search.Equals) (string, error) {
	if c.ofEvents(f.Field) {
		one, err := New(c.st, Table{Columns: map[string]string{search.FieldEvent: "e"}}).equals(f)
		return "arrayExists(e -> " + one + ", " + c.table.Events + ")", err
	}
	sql, number, err := c.Expression(f.Field)
	if err != nil {
		return "", err
	}
	if f.Field.Kind == search.FieldBuiltin && f.Field.Name == search.FieldLevel {
		return level(sql, f.Values), nil
	}
	if f.Field.Kind == search.FieldBuiltin && f.Field.Name == search.FieldService {
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
		alternatives = append(alternatives, c.like(sql, p, f.Fold))
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
func (c *Compiler) anyOf(f search.Field, sql string, values []string) string {
	if f.Kind == search.FieldBuiltin && (f.Name == search.FieldTrace || f.Name == search.FieldSpan) {
		digits := search.TraceIDDigits
		if f.Name == search.FieldSpan {
			digits = search.SpanIDDigits
		}
		for i := range values {
			values[i], _ = search.NormalID(values[i], digits)
		}
	}
	relation := " IN " + c.st.Strs(values)
	if len(values) == 1 {
		relation = " = " + c.st.Str(values[0])
	}
	condition := sql + relation
	if f.Kind != search.FieldBuiltin && !slices.Contains(values, "") {
		places := c.places(f)
		condition = places[len(places)-1].value() + relation
		for _, p := range slices.Backward(places[:len(places)-1]) {
			condition = "(" + p.value() + relation + " OR NOT " + p.there() + " AND " + condition + ")"
		}
	}
	return condition
}

// level matches names of levels; an unknown name matches nothing.
func level(sql string, values []search.Pattern) string {
	var out []string
	for i := 0; i < 24; i += 4 {
		name := severity.Name(i + 1)
		for _, p := range values {
			if p.MatchLevel(name) {
				out = append(out, fmt.Sprintf("%s BETWEEN %d AND %d", sql, i+1, i+4))
				break
			}
		}
	}
	if len(out) == 0 {
		return "0"
	}
	return "(" + strings.Join(out, " OR ") + ")"
}

// like is the condition that a text fits a pattern with wildcards. ILIKE does not know every case of letters beyond ASCII.
func (c *Compiler) like(sql string, p search.Pattern, fold bool) string {
	switch expression, ok := text.Wildcards(p); {
	case !fold:
		return sql + " LIKE " + c.st.Str(likePattern(p))
	case ok:
		return "match(" + sql + ", " + c.st.Str(expression) + ")"
	default:
		return sql + " ILIKE " + c.st.Str(likePattern(p))
	}
}

// likePattern escapes what LIKE would take for wildcards.
func likePattern(p search.Pattern) string {
	escape := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)
	parts := make([]string, len(p))
	for i, s := range p {
		parts[i] = escape.Replace(s)
	}
	return strings.Join(parts, "%")
}

func (c *Compiler) exists(f search.Field) (string, error) {
	switch f.Kind {
	case search.FieldAttribute, search.FieldResource, search.FieldAnywhere:
		places := c.places(f)
		there := make([]string, len(places))
		for i, p := range places {
			there[i] = p.there()
		}
		return strings.Join(there, " OR "), nil
	case search.FieldBuiltin:
		if c.ofEvents(f) {
			return "notEmpty(" + c.table.Events + ")", nil
		}
	}
	sql, number, err := c.Expression(f)
	if number {
		return sql + " != 0", err
	}
	return sql + " != ''", err
}

func (c *Compiler) compare(f search.Compare) (string, error) {
	switch f.Op {
	case search.Less, search.LessOrEqual, search.Greater, search.GreaterOrEqual:
	default:
		return "", fmt.Errorf("%w: unknown comparison %q", storage.ErrBadQuery, f.Op)
	}
	sql, number, err := c.Expression(f.Field)
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
	if f.Field.Name == search.FieldLevel || f.Field.Name == search.FieldHTTPStatus {
		condition = sql + " != 0 AND " + condition // 0 is the absence of one
	}
	return condition, nil
}

// withUnnamed adds the empty name to patterns that match what is shown in its place.
func withUnnamed(values []search.Pattern) []search.Pattern {
	for _, p := range values {
		if p.Match(storage.UnknownService) {
			return append(slices.Clone(values), search.Pattern{""})
		}
	}
	return values
}
