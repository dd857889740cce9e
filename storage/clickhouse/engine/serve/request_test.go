// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage/clickhouse/engine/chdb"
)

func post(query, body string) *http.Request {
	return httptest.NewRequest(http.MethodPost, "/?"+query, strings.NewReader(body))
}

func TestParseRequest(t *testing.T) {
	req, err := parseRequest(post("database=otel&query_id=q1&default_format=Native&param_a=1&max_threads=2&readonly=2&user=u&password=p&log_comment=x", "SELECT {a:UInt8}"))
	require.NoError(t, err)
	require.Equal(t, &request{
		statement: "SELECT {a:UInt8}", format: "Native", database: "otel", id: "q1", params: []chdb.Param{{Name: "a", Value: "1"}}, settings: []setting{{"max_threads", "2"}, {"readonly", "2"}},
	}, req)

	req, err = parseRequest(post("max_threads=1&max_threads=4", "SELECT 1"))
	require.NoError(t, err)
	require.Equal(t, []setting{{"max_threads", "4"}}, req.settings, "the last one counts")
	require.Equal(t, "TabSeparated", req.format)
	require.Len(t, req.id, 32)
	other, err := parseRequest(post("", "SELECT 1"))
	require.NoError(t, err)
	require.NotEqual(t, req.id, other.id)
}

func TestParseRequestStatement(t *testing.T) {
	for name, c := range map[string]struct {
		inURL, body string
		statement   string
		format      string
		data        string
	}{
		"body":               {"", "SELECT 1", "SELECT 1", "TabSeparated", ""},
		"URL":                {"SELECT 1", "", "SELECT 1", "TabSeparated", ""},
		"both":               {"SELECT", "1", "SELECT\n1", "TabSeparated", ""},
		"insert":             {"INSERT INTO t (a) FORMAT Native", "rows", "INSERT INTO t (a)", "Native", "rows"},
		"insert, lower case": {"  insert\ninto t format TSV ; ", "rows", "  insert\ninto t", "TSV", "rows"},
		"insert, no format":  {"INSERT INTO t VALUES", "(1)", "INSERT INTO t VALUES\n(1)", "TabSeparated", ""},
		"insert in the body": {"", "INSERT INTO t FORMAT TSV 1", "INSERT INTO t FORMAT TSV 1", "TabSeparated", ""},
		"insert of a select": {"INSERT INTO t SELECT 1 FORMAT Null", "", "INSERT INTO t SELECT 1", "Null", ""},
	} {
		req, err := parseRequest(post(url.Values{"query": {c.inURL}}.Encode(), c.body))
		require.NoError(t, err, name)
		require.Equal(t, c.statement, req.statement, name)
		require.Equal(t, c.format, req.format, name)
		if req.data == nil {
			require.Empty(t, c.data, name)
			continue
		}
		data, err := io.ReadAll(req.data)
		require.NoError(t, err)
		require.Equal(t, c.data, string(data), name)
	}
}

func TestParseRequestErrors(t *testing.T) {
	for query, want := range map[string]string{
		"a=%zz": "malformed", "compress=1": "compress=1 is not supported", "decompress=1": "decompress=1 is not supported", "default_format=Native%27": "default_format is malformed",
		"max_threads%27%3D=1": "is malformed", "a-b=1": "is malformed", "9=1": "is malformed", "": "empty query",
	} {
		body := "SELECT 1"
		if query == "" {
			body = " \n\t"
		}
		_, err := parseRequest(post(query, body))
		var e *chdb.Error
		require.ErrorAs(t, err, &e, query)
		require.ErrorContains(t, err, want, query)
	}
	_, err := parseRequest(post("", strings.Repeat("x", maxStatement+1)))
	require.ErrorContains(t, err, "longer than 16 MiB")
	_, err = parseRequest(httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader("SELECT"), failing{})))
	require.ErrorContains(t, err, "read the statement")
}

// failing is a body that was cut off.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("cut off") }

func TestHelloRequest(t *testing.T) {
	req, err := parseRequest(post("client_protocol_version=54460", helloQuery))
	require.NoError(t, err)
	require.Equal(t, uint64(54460), req.hello)
	req, err = parseRequest(post("client_protocol_version=54460", helloQuery+" "))
	require.NoError(t, err)
	require.Zero(t, req.hello, "any other query is the engine's")
	for s, want := range map[string]uint64{"": 0, "x": 0, "-1": 0, "1x": 0, "54460": 54460, strings.Repeat("9", 30): 0} {
		require.Equal(t, want, parseUint(s), s)
	}
}

// Values of settings and parameters are texts to the engine, whatever is in them.
func TestQuoting(t *testing.T) {
	req := request{id: `q'1\`, settings: []setting{{"a", "x"}, {"b", "'; DROP TABLE t; --"}, {"c", "n\x00\n\\'"}}}
	require.Equal(t, `SET log_comment = 'q\'1\\', a = 'x', b = '\'; DROP TABLE t; --', c = 'n\0`+"\n"+`\\\''`, req.setStatement())
	require.Equal(t, `a\tb\nc\\d\re\0f'`, escapeParam("a\tb\nc\\d\re\x00f'"))
}

func TestStreamable(t *testing.T) {
	for statement, want := range map[string]bool{
		"SELECT 1": true, "select 1": true, " \n\tSELECT 1": true, "((SELECT 1))": true, "WITH 1 AS x SELECT x": true, "-- a comment\nSELECT 1": true, "/* a\nb */ SELECT 1": true, "/* a */ -- b\n/* c */(SELECT 1)": true,
		"SELECT": true, "SHOW TABLES": false, "EXPLAIN SELECT 1": false, "INSERT INTO t SELECT 1": false, "": false, "--": false, "-- SELECT": false, "/* SELECT": false, "DESCRIBE t": false, "SELECTED": false, "1": false,
	} {
		require.Equal(t, want, streamable(statement), statement)
	}
}
