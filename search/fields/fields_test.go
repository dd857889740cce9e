// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// attributes makes a map of pairs of a key and a value as JSON; a key may be there twice, which only a decoder makes.
func attributes(t *testing.T, pairs ...string) pcommon.Map {
	t.Helper()
	list := make([]string, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		key, err := json.Marshal(pairs[i])
		require.NoError(t, err)
		list = append(list, `{"key":`+string(key)+`,"value":`+anyValue(t, pairs[i+1])+`}`)
	}
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces([]byte(`{"resourceSpans":[{"resource":{"attributes":[` + strings.Join(list, ",") + `]}}]}`))
	require.NoError(t, err)
	return td.ResourceSpans().At(0).Resource().Attributes()
}

// anyValue is OTLP's JSON of a value: a text in single quotes, a number, true, or [key value ...] for a map.
func anyValue(t *testing.T, v string) string {
	t.Helper()
	switch {
	case v == "":
		return "{}"
	case v == "true":
		return `{"boolValue":true}`
	case strings.HasPrefix(v, "["):
		var list []string
		require.NoError(t, json.Unmarshal([]byte(v), &list))
		var out []string
		for i := 0; i < len(list); i += 2 {
			out = append(out, `{"key":`+strconv.Quote(list[i])+`,"value":`+anyValue(t, list[i+1])+`}`)
		}
		return `{"kvlistValue":{"values":[` + strings.Join(out, ",") + `]}}`
	case strings.HasPrefix(v, "'"):
		return `{"stringValue":` + strconv.Quote(strings.Trim(v, "'")) + `}`
	case strings.Contains(v, "."):
		return `{"doubleValue":` + v + `}`
	default:
		return `{"intValue":"` + v + `"}`
	}
}

func TestService(t *testing.T) {
	for _, c := range []struct {
		want  string
		attrs []string
	}{
		{"unknown_service", nil},
		{"shop", []string{"service.name", "'shop'"}},
		{" shop ", []string{"service.name", "' shop '"}},
		{"unknown_service", []string{"service.name", "' \t '"}},
		{"42", []string{"service.name", "42"}},
		{"b", []string{"service.name", "'a'", "service.name", "'b'"}},
		{"unknown_service", []string{"service.name", "'a'", "service.name", "''"}},
		{"unknown_service:java", []string{"process.executable.name", "'java'"}},
		{"unknown_service:java", []string{"process.executable.name", "' java '"}},
		{"unknown_service:java", []string{"process.executable.path", "'/usr/bin/java'"}},
		{"unknown_service:java.exe", []string{"process.executable.path", `'C:\jdk\java.exe'`}},
		{"unknown_service:java", []string{"process.executable.path", "'java'"}},
		{"unknown_service", []string{"process.executable.path", "'/usr/bin/'"}},
		{"unknown_service:name", []string{"process.executable.path", "'/bin/path'", "process.executable.name", "'name'"}},
		{"unknown_service:path", []string{"process.executable.path", "'/bin/path'", "process.executable.name", "' '"}},
		{"shop", []string{"process.executable.name", "'java'", "service.name", "'shop'"}},
	} {
		require.Equal(t, c.want, Service(attributes(t, c.attrs...)), c.attrs)
	}
}

func TestEnvironmentAndHost(t *testing.T) {
	require.Empty(t, Environment(attributes(t)))
	require.Equal(t, "new", Environment(attributes(t, "deployment.environment", "'old'", "deployment.environment.name", "'new'")))
	require.Equal(t, "old", Environment(attributes(t, "deployment.environment", "'old'")))
	require.Empty(t, Environment(attributes(t, "deployment.environment", "'old'", "deployment.environment.name", "''")), "the new name is there, and empty")
	require.Empty(t, Host(attributes(t)))
	require.Equal(t, "h2", Host(attributes(t, "host.name", "'h1'", "host.name", "'h2'")))
}

func TestTextAndLast(t *testing.T) {
	m := attributes(t, "a", "'1'", "b", "2", "a", "true", "c", "1.5", "d", "")
	require.Equal(t, "true", Text(m, "a"))
	require.Equal(t, "2", Text(m, "x", "b", "a"))
	require.Equal(t, "1.5", Text(m, "c"))
	require.Empty(t, Text(m, "d", "b"), "an attribute without a value is there")
	require.Empty(t, Text(m))
	v, ok := Last(m, "a")
	require.True(t, ok)
	require.Equal(t, pcommon.ValueTypeBool, v.Type())
	_, ok = Last(m, "A")
	require.False(t, ok)
}

func TestSeverity(t *testing.T) {
	for _, c := range []struct {
		number int32
		text   string
		want   uint8
	}{
		{0, "", 0}, {17, "", 17}, {0, "warn", 13}, {0, "\x1b[33mWARN\x1b[0m", 13}, {9, "error", 9}, {0, "loud", 0}, {24, "", 24}, {0, "ERROR2", 18}, {300, "", 44}, {-1, "", 255},
	} {
		rec := plog.NewLogRecord()
		rec.SetSeverityNumber(plog.SeverityNumber(c.number))
		rec.SetSeverityText(c.text)
		require.Equal(t, c.want, Severity(rec), "%d %q", c.number, c.text)
		require.Equal(t, c.want, SeverityOf(c.number, c.text))
	}
}

func TestByPath(t *testing.T) {
	const none = "-"
	for name, c := range map[string]struct {
		record []string
		path   string
		want   string
	}{
		"not there":                  {[]string{"a", "'x'"}, "a.b", none},
		"in a map":                   {[]string{"a", `["b","'x'"]`}, "a.b", "x"},
		"no map":                     {[]string{"a", "'x'"}, "a", none},
		"attribute itself":           {[]string{"a.b", "'x'"}, "a.b", none}, // found by its key
		"two maps deep":              {[]string{"a", `["b","[\"c\",\"7\"]"]`}, "a.b.c", "7"},
		"key with a dot":             {[]string{"a", `["b.c","'x'"]`}, "a.b.c", "x"},
		"attribute with a dot":       {[]string{"a.b", `["c","'x'"]`}, "a.b.c", "x"},
		"last attribute counts":      {[]string{"a", `["b","'x'"]`, "a", `["b","'y'"]`}, "a.b", "y"},
		"last that has it":           {[]string{"a", `["b","'x'"]`, "a", `["c","'y'"]`}, "a.b", "x"},
		"key twice in a map":         {[]string{"a", `["b","'x'","b","'y'"]`}, "a.b", "y"},
		"key in a map, then a map":   {[]string{"a", `["b.c","'x'","b","[\"c\",\"'y'\"]"]`}, "a.b.c", "y"},
		"map, then key in it":        {[]string{"a", `["b","[\"c\",\"'y'\"]","b.c","'x'"]`}, "a.b.c", "x"},
		"empty key":                  {[]string{"a", `["","'x'"]`}, "a.", "x"},
		"attribute of no name":       {[]string{"", `["b","'x'"]`}, ".b", "x"},
		"a prefix that ends no name": {[]string{"ab", `["c","'x'"]`}, "a.c", none},
		"map in an attribute":        {[]string{"a", `["b","[\"c\",\"1\"]"]`}, "a.b", `{"c":1}`},
	} {
		n, ok := ByPath(attributes(t, c.record...), pcommon.NewMap(), false, c.path)
		if c.want == none {
			require.False(t, ok, name)
			continue
		}
		require.True(t, ok, name)
		require.Equal(t, c.want, n.Value.AsString(), name)
	}
}

func TestByPathUntold(t *testing.T) {
	m := attributes(t, "a", `["b","[\"c\",\"[\\\"d\\\",\\\"1\\\"]\"]"]`)
	for path, untold := range map[string]bool{"a.b": false, "a.b.c": true, "a.b.c.d": false} {
		n, ok := ByPath(m, pcommon.NewMap(), false, path)
		require.True(t, ok, path)
		require.Equal(t, untold, n.Untold, path)
	}
}

func TestByPathOfTheResource(t *testing.T) {
	record, res := attributes(t, "a", `["b","'record'"]`), attributes(t, "a", `["b","'resource'"]`)
	n, ok := ByPath(record, res, true, "a.b")
	require.True(t, ok)
	require.Equal(t, "resource", n.Value.Str())
	n, ok = ByPath(record, res, false, "a.b")
	require.True(t, ok)
	require.Equal(t, "record", n.Value.Str())
}

// Values are counted from the last attribute on, a record's before its resource's, and none past MaxPaths is found.
func TestByPathPastTheBound(t *testing.T) {
	many := func(n int) pcommon.Map {
		m := pcommon.NewMap()
		inner := m.PutEmptyMap("first")
		inner.PutStr("x", "y")
		inner = m.PutEmptyMap("many")
		for i := range n {
			inner.PutInt("k"+strconv.Itoa(i), int64(i))
		}
		return m
	}
	for n, want := range map[int]bool{0: true, MaxPaths - 1: true, MaxPaths: false, MaxPaths + 1: false} {
		_, ok := ByPath(many(n), pcommon.NewMap(), false, "first.x")
		require.Equal(t, want, ok, n)
	}
	_, ok := ByPath(many(MaxPaths+1), pcommon.NewMap(), false, "many.k0")
	require.False(t, ok, "the first within a map is the last that counts")
	_, ok = ByPath(many(MaxPaths+1), pcommon.NewMap(), false, "many.k1")
	require.True(t, ok)
	res := attributes(t, "a", `["b","'x'"]`)
	_, ok = ByPath(many(MaxPaths-2), res, true, "a.b") // and first.x
	require.True(t, ok)
	_, ok = ByPath(many(MaxPaths-1), res, true, "a.b")
	require.False(t, ok)
}

func TestByPathTooDeep(t *testing.T) {
	deep := func(n int) (pcommon.Map, string) {
		m := pcommon.NewMap()
		at, path := m.PutEmptyMap("a"), "a"
		for range n - 1 {
			at, path = at.PutEmptyMap("a"), path+".a"
		}
		at.PutStr("x", "y")
		return m, path + ".x"
	}
	for n, want := range map[int]bool{1: true, MaxDepth: true, MaxDepth + 1: false, MaxDepth + 5: false} {
		m, path := deep(n)
		_, ok := ByPath(m, pcommon.NewMap(), false, path)
		require.Equal(t, want, ok, n)
	}
}
