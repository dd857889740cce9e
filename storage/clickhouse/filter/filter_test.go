// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/tenant"
)

// logs and spans are tables such as the store has, with columns of one letter.
func logs() Table {
	return Table{
		Attributes: "A", Text: "Body", Words: true, Numeric: map[string]bool{search.FieldLevel: true},
		Columns: map[string]string{
			search.FieldService: "S", search.FieldHost: "H", search.FieldEnvironment: "E", search.FieldTrace: "T", search.FieldSpan: "I", search.FieldScope: "L", search.FieldLevel: "N",
			search.FieldBody: "Body", search.FieldEvent: "V",
		},
	}
}

func spans() Table {
	t := logs()
	t.Text, t.Words, t.Events = "Name", false, "Events.Name"
	t.Columns = map[string]string{
		search.FieldService: "S", search.FieldTrace: "T", search.FieldSpan: "I", search.FieldName: "Name", search.FieldDuration: "D", search.FieldHTTPStatus: "C", search.FieldStatus: "O", search.FieldEvent: "F",
		search.FieldRoot: "R",
	}
	t.Numeric = map[string]bool{search.FieldDuration: true, search.FieldHTTPStatus: true}
	return t
}

// sql compiles a query and returns the condition, with each parameter replaced by its value in ‹›, so that what is bound is seen to be bound.
func sql(t *testing.T, table Table, f search.Filter) string {
	t.Helper()
	st := client.For(tenant.Default)
	got, err := New(st, table).Compile(f)
	require.NoError(t, err)
	return shown(t, st, got)
}

func shown(t *testing.T, st *client.Statement, condition string) string {
	t.Helper()
	values := map[string]string{}
	// The values of a statement are its own; their printed form is {p0 value}.
	for _, m := range regexp.MustCompile(`(?s)\{(p[0-9]+) (.*?)\}(?:\]| \{p)`).FindAllStringSubmatch(strings.ReplaceAll(fmt.Sprintf("%v", *st), "} {p", "} {p} {p"), -1) {
		values[m[1]] = m[2]
	}
	return regexp.MustCompile(`\{(p[0-9]+):([A-Za-z0-9()]+)\}`).ReplaceAllStringFunc(condition, func(p string) string {
		name, typ, _ := strings.Cut(strings.Trim(p, "{}"), ":")
		value, ok := values[name]
		require.True(t, ok, "%s of %v", name, values)
		if typ == "String" {
			return "‹" + value + "›"
		}
		return "‹" + value + ":" + typ + "›"
	})
}

func parse(t *testing.T, of signal.Signal, query string) search.Filter {
	t.Helper()
	f, err := search.Parse(of, query)
	require.NoError(t, err, query)
	return f
}

func TestConditionsOfLogs(t *testing.T) {
	for query, want := range map[string]string{
		"":                        "1",
		"service:a":               "(S = ‹a›)",
		"service:a,b":             "(S IN ‹[a b]:Array(String)›)",
		"service:a,b*":            "(S LIKE ‹b%› OR S = ‹a›)",
		"-service:a":              "NOT ((S = ‹a›))",
		"host:a env:b":            "((H = ‹a›)) AND ((E = ‹b›))",
		"host:a OR env:b":         "((H = ‹a›)) OR ((E = ‹b›))",
		"host:*":                  "H != ''",
		`host:""`:                 "(H = ‹›)",
		"host:a%b_c*":             `(H LIKE ‹a\%b\_c%›)`,
		`host:a\b*`:               `(H LIKE ‹a\\b%›)`,
		"host:a*b*c":              "(H LIKE ‹a%b%c›)",
		"level:warn":              "(N BETWEEN 13 AND 16)",
		"level:w*":                "(N BETWEEN 13 AND 16)",
		"level:*r*":               "(N BETWEEN 1 AND 4 OR N BETWEEN 13 AND 16 OR N BETWEEN 17 AND 20)",
		"level:x*":                "0",
		"level>=warn":             "N != 0 AND N >= ‹13:Float64›",
		"level:*":                 "N != 0",
		"trace:AB":                "(T = ‹000000000000000000000000000000ab›)",
		"trace:ab,cd":             "(T IN ‹[000000000000000000000000000000ab 000000000000000000000000000000cd]:Array(String)›)",
		"trace:zz":                "(T = ‹zz›)",
		"trace:ab*":               "(T LIKE ‹ab%›)",
		"span:1":                  "(I = ‹0000000000000001›)",
		"attr.k:v":                "(A[‹k›] = ‹v›)",
		"attr.k:*":                "mapContains(A, ‹k›)",
		"attr.k>5":                "ifNull(toFloat64OrNull(A[‹k›]) > ‹5:Float64›, 0)",
		"attr.k:v*":               "(A[‹k›] LIKE ‹v%›)",
		"resource.k:v":            "(ResourceAttributes[‹k›] = ‹v›)",
		"resource.k:*":            "mapContains(ResourceAttributes, ‹k›)",
		"attr.k>9007199254740993": "if(match(A[‹k›], '^[+-]?[0-9]{1,76}$'), ifNull(toInt256OrNull(A[‹k›]) > toInt256(‹9007199254740993›), 0), ifNull(toFloat64OrNull(A[‹k›]) > ‹9.007199254740992e+15:Float64›, 0))",
		"event:x":                 "(V = ‹x›)",
		"event:*":                 "V != ''",
		"body:a*":                 "(Body LIKE ‹a%›)",
		"car*":                    "(Body ILIKE ‹%car%›)",
		"登*":                      "(match(Body, ‹(?s)^(?i:).*(?i:登).*(?i:)$›))",
		`"--"`:                    "positionCaseInsensitive(Body, ‹--›) > 0",
		"登录":                      "position(Body, ‹登录›) > 0",
		"NOT (host:a OR -env:b)":  "NOT (((H = ‹a›)) OR (NOT ((E = ‹b›))))",
	} {
		require.Equal(t, want, sql(t, logs(), parse(t, signal.Logs, query)), query)
	}
}

// An attribute with a dot may be a path into a map, and one without a place named may be of the resource: in the order in which they count.
func TestConditionsOfPaths(t *testing.T) {
	for query, want := range map[string]string{
		"attr.a.b:v": "((A[‹a.b›] = ‹v› OR NOT mapContains(A, ‹a.b›) AND NestedAttributes[‹attr.a.b›] = ‹v›))",
		"a.b:v": "((A[‹a.b›] = ‹v› OR NOT mapContains(A, ‹a.b›) AND (NestedAttributes[‹attr.a.b›] = ‹v› OR NOT mapContains(NestedAttributes, ‹attr.a.b›) AND " +
			"(ResourceAttributes[‹a.b›] = ‹v› OR NOT mapContains(ResourceAttributes, ‹a.b›) AND NestedAttributes[‹resource.a.b›] = ‹v›))))",
		`resource.a.b:""`: "(if(mapContains(ResourceAttributes, ‹a.b›), ResourceAttributes[‹a.b›], NestedAttributes[‹resource.a.b›]) = ‹›)",
		"resource.a.b:*":  "mapContains(ResourceAttributes, ‹a.b›) OR mapContains(NestedAttributes, ‹resource.a.b›)",
		"attr.a.b>1":      "ifNull(toFloat64OrNull(if(mapContains(A, ‹a.b›), A[‹a.b›], NestedAttributes[‹attr.a.b›])) > ‹1:Float64›, 0)",
		"attr.a.b:x*":     "(if(mapContains(A, ‹a.b›), A[‹a.b›], NestedAttributes[‹attr.a.b›]) LIKE ‹x%›)",
	} {
		require.Equal(t, want, sql(t, logs(), parse(t, signal.Logs, query)), query)
	}
}

func TestConditionsOfSpans(t *testing.T) {
	for query, want := range map[string]string{
		"duration>1ms":            "D > ‹1e+06:Float64›",
		"duration:*":              "D != 0",
		"status:5xx":              "(C != 0 AND C >= ‹500:Float64›) AND (C != 0 AND C < ‹600:Float64›)",
		"status:503":              "(toString(C) = ‹503›)",
		"status:50*":              "(toString(C) LIKE ‹50%›)",
		"status:error":            "(O = ‹error›)",
		"root:false":              "NOT ((R = ‹true›))",
		"event:exception":         "arrayExists(e -> (e = ‹exception›), Events.Name)",
		"event:a,b*":              "arrayExists(e -> (e LIKE ‹b%› OR e = ‹a›), Events.Name)",
		"event:*":                 "notEmpty(Events.Name)",
		"GET":                     "positionCaseInsensitive(Name, ‹GET›) > 0",
		"service:unknown_*":       "(S LIKE ‹unknown\\_%› OR S = ‹›)",
		"service:*":               "S != ''",
		"service:unknown_service": "(S IN ‹[unknown_service ]:Array(String)›)",
	} {
		require.Equal(t, want, sql(t, spans(), parse(t, signal.Traces, query)), query)
	}
}

func TestConditionsOfTrees(t *testing.T) {
	for want, f := range map[string]search.Filter{
		"1":           search.All{},
		"0":           search.Any{},
		"NOT (1)":     search.Not{},
		"(1) AND (0)": search.All{Of: []search.Filter{nil, search.Any{}}},
		"(S = ‹a›)":   search.Equals{Field: search.Field{Name: search.FieldService}, Values: []search.Pattern{{"a"}}},
		"(Body = ‹›)": search.Equals{Field: search.Field{Name: search.FieldBody}, Values: []search.Pattern{{""}}},
	} {
		require.Equal(t, want, sql(t, logs(), f))
	}
	require.Equal(t, "0", sql(t, logs(), search.Equals{Field: search.Field{Name: search.FieldHost}}), "of no value")
}

func TestErrors(t *testing.T) {
	deep := func(n int) search.Filter {
		var f search.Filter
		for range n {
			f = search.Not{Of: f}
		}
		return f
	}
	for name, f := range map[string]search.Filter{
		"no such field":         search.Equals{Field: search.Field{Name: "nope"}, Values: []search.Pattern{{"x"}}},
		"no such field, exists": search.Exists{Field: search.Field{Name: "nope"}},
		"no such field, number": search.Compare{Field: search.Field{Name: "nope"}, Op: search.Less},
		"unknown kind":          search.Equals{Field: search.Field{Kind: 9, Name: "x"}, Values: []search.Pattern{{"x"}}},
		"unknown comparison":    search.Compare{Field: search.Field{Name: search.FieldLevel}, Op: "; DROP TABLE"},
		"too deep":              deep(maxFilterDepth + 1),
		"within":                search.All{Of: []search.Filter{search.Any{Of: []search.Filter{search.Not{Of: search.Exists{Field: search.Field{Name: "nope"}}}}}}},
	} {
		_, err := New(client.For(tenant.Default), logs()).Compile(f)
		require.ErrorIs(t, err, storage.ErrBadQuery, name)
	}
	_, err := New(client.For(tenant.Default), logs()).Compile(deep(maxFilterDepth))
	require.NoError(t, err)
}

func TestExpression(t *testing.T) {
	for _, c := range []struct {
		field  search.Field
		want   string
		number bool
	}{
		{search.Field{Name: search.FieldLevel}, "N", true},
		{search.Field{Name: search.FieldHost}, "H", false},
		{search.Field{Kind: search.FieldAttribute, Name: "k"}, "A[‹k›]", false},
		{search.Field{Kind: search.FieldAnywhere, Name: "k"}, "if(mapContains(A, ‹k›), A[‹k›], ResourceAttributes[‹k›])", false},
	} {
		st := client.For(tenant.Default)
		got, number, err := New(st, logs()).Expression(c.field)
		require.NoError(t, err)
		require.Equal(t, c.want, shown(t, st, got))
		require.Equal(t, c.number, number)
	}
}

// Whatever is asked for, nothing of it is in the SQL: not names of attributes, not values, not texts.
func TestInjection(t *testing.T) {
	for _, evil := range []string{
		`') OR 1=1 --`, `'; DROP TABLE otel_logs; --`, `\') OR 1=1 --`, `"] OR 1=1 --`, "{p0:String}", "{p1:Identifier}", "\x00'", "a' UNION SELECT 1", "`x`", "%' OR '%'='", `\`, `'`, "登'录", "$$x$$", "/* */", "?",
	} {
		attribute := search.Field{Kind: search.FieldAttribute, Name: "k" + evil}
		anywhere := search.Field{Kind: search.FieldAnywhere, Name: "k." + evil}
		for _, table := range []Table{logs(), spans()} {
			var all []search.Filter
			for _, field := range []search.Field{attribute, anywhere, {Kind: search.FieldResource, Name: evil}, {Name: search.FieldService}, {Name: search.FieldTrace}, {Name: search.FieldEvent}} {
				all = append(all,
					search.Equals{Field: field, Values: []search.Pattern{{evil}}},
					search.Equals{Field: field, Values: []search.Pattern{{evil}, {evil + "2"}}},
					search.Equals{Field: field, Values: []search.Pattern{{evil, evil}}},
					search.Equals{Field: field, Values: []search.Pattern{{evil, ""}}, Fold: true},
					search.Exists{Field: field},
				)
			}
			for _, field := range []search.Field{attribute, anywhere} {
				all = append(all, search.Compare{Field: field, Op: search.Less, Value: 1}, search.Compare{Field: field, Op: search.Less, Value: 1, Integer: evil})
			}
			all = append(all, search.Contains{Text: evil}, search.Contains{Text: "card" + evil + "ö"})
			sane, err := New(client.For(tenant.Default), table).Compile(benign(search.All{Of: all}))
			require.NoError(t, err)
			got, err := New(client.For(tenant.Default), table).Compile(search.All{Of: all})
			require.NoError(t, err)
			require.NotContains(t, got, "DROP")
			require.NotContains(t, got, "UNION")
			require.NotContains(t, got, "1=1")
			literals := regexp.MustCompile(`'(?:[^'\\]|\\.|'')*'`)
			require.Subset(t, unique(literals.FindAllString(sane, -1)), unique(literals.FindAllString(got, -1)), "the only texts in quotes are the program's own: %s", evil)
			require.Equal(t, strings.Count(got, "("), strings.Count(got, ")"))
		}
	}
}

// benign is the same tree with harmless texts of every form that has an SQL of its own.
func benign(f search.All) search.All {
	return search.All{Of: append([]search.Filter{
		search.Contains{Text: "card"},
		search.Contains{Text: "card declined"},
		search.Contains{Text: "--"},
		search.Contains{Text: "größe"},
		search.Contains{Text: "登录"},
		search.Contains{Text: "ö\x00"},
		search.Compare{Field: search.Field{Kind: search.FieldAttribute, Name: "k"}, Op: search.Less, Integer: "1"},
		search.Exists{Field: search.Field{Name: search.FieldService}},
	}, search.Equals{Field: search.Field{Name: search.FieldService}, Values: []search.Pattern{{"a"}}})}
}

func unique(list []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}
