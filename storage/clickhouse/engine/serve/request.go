// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/strata-apm/strata/storage/clickhouse/engine/chdb"
)

// maxStatement bounds the text of one statement; data of an INSERT is not part of it.
const maxStatement = 16 << 20

// request is one statement as the HTTP interface carries it.
type request struct {
	statement string
	format    string // of the result, or of the inserted data
	database  string
	id        string
	settings  []setting
	params    []chdb.Param
	hello     uint64    // not 0: clickhouse-go's first query, to be answered at this protocol revision
	data      io.Reader // not nil: the rows of an INSERT
}

type setting struct{ name, value string }

// reserved are URL parameters of the HTTP interface that are not settings of the engine.
var reserved = []string{
	"query", "database", "default_format", "query_id", "client_protocol_version", "user", "password", "quota_key",
	"session_id", "session_timeout", "session_check", "role", "compress", "decompress", "wait_end_of_query", "buffer_size",
	"network_compression_method", "network_zstd_compression_level", "close_session", "stacktrace", "log_comment",
}

// helloQuery is what clickhouse-go asks before anything else.
const helloQuery = "SELECT displayName(), version(), revision(), timezone()"

var (
	insertForm = regexp.MustCompile(`(?is)^\s*INSERT\s+INTO\s`)
	// formatForm finds the FORMAT clause that ends an INSERT statement.
	formatForm   = regexp.MustCompile(`(?is)\sFORMAT\s+(\w+)\s*;?\s*$`)
	identifierRE = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)
)

func parseRequest(r *http.Request) (*request, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badArguments("the URL's query is malformed: " + err.Error())
	}
	if v := query.Get("compress"); v == "1" {
		return nil, badArguments("compress=1 is not supported over the socket")
	}
	if v := query.Get("decompress"); v == "1" {
		return nil, badArguments("decompress=1 is not supported over the socket")
	}
	req := &request{database: query.Get("database"), format: query.Get("default_format"), id: query.Get("query_id")}
	if req.format == "" {
		req.format = "TabSeparated"
	}
	if !identifierRE.MatchString(req.format) {
		return nil, badArguments("default_format is malformed")
	}
	if req.id == "" {
		if req.id, err = newID(); err != nil {
			return nil, err
		}
	}
	for name, values := range query {
		value := values[len(values)-1]
		switch {
		case strings.HasPrefix(name, "param_"):
			req.params = append(req.params, chdb.Param{Name: strings.TrimPrefix(name, "param_"), Value: value})
		case slices.Contains(reserved, name):
		case !identifierRE.MatchString(name):
			return nil, badArguments(fmt.Sprintf("the setting %q is malformed", name))
		default:
			req.settings = append(req.settings, setting{name, value})
		}
	}
	slices.SortFunc(req.settings, func(a, b setting) int { return strings.Compare(a.name, b.name) })
	if err := req.readStatement(r, query.Get("query")); err != nil {
		return nil, err
	}
	if req.statement == helloQuery {
		req.hello = parseUint(query.Get("client_protocol_version"))
	}
	return req, nil
}

// readStatement takes the statement from the URL, the body or both. The body of an INSERT with a FORMAT in the URL is its data.
func (req *request) readStatement(r *http.Request, inURL string) error {
	if insertForm.MatchString(inURL) {
		if m := formatForm.FindStringSubmatchIndex(inURL); m != nil {
			req.statement, req.format, req.data = inURL[:m[0]], inURL[m[2]:m[3]], r.Body
			return nil
		}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxStatement+1))
	if err != nil {
		return fmt.Errorf("read the statement: %w", err)
	}
	if len(body)+len(inURL) > maxStatement {
		return &chdb.Error{Message: "Code: 62. DB::Exception: the statement is longer than 16 MiB. (SYNTAX_ERROR)"}
	}
	req.statement = inURL
	if len(body) > 0 {
		if inURL != "" {
			req.statement += "\n"
		}
		req.statement += string(body)
	}
	if strings.TrimSpace(req.statement) == "" {
		return &chdb.Error{Message: "Code: 62. DB::Exception: Syntax error: empty query. (SYNTAX_ERROR)"}
	}
	return nil
}

// setStatement returns the SET that gives a fresh session the request's settings and its id.
func (req *request) setStatement() string {
	var b strings.Builder
	b.WriteString("SET log_comment = ")
	quote(&b, req.id)
	for _, s := range req.settings {
		b.WriteString(", ")
		b.WriteString(s.name)
		b.WriteString(" = ")
		quote(&b, s.value)
	}
	return b.String()
}

// quote writes a ClickHouse string literal.
func quote(b *strings.Builder, s string) {
	b.WriteByte('\'')
	for i := range len(s) {
		switch c := s[i]; c {
		case '\'', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case 0:
			b.WriteString(`\0`)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
}

// escapeParam writes a value the way the engine reads one: as a TSV field.
func escapeParam(s string) string {
	return strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`).Replace(s)
}

func newID() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("make a query id: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}

func parseUint(s string) uint64 {
	var n uint64
	for _, c := range s {
		if c < '0' || c > '9' || n > 1<<32 {
			return 0
		}
		n = n*10 + uint64(c-'0')
	}
	return n
}

func badArguments(message string) error {
	return &chdb.Error{Message: "Code: 36. DB::Exception: " + message + ". (BAD_ARGUMENTS)"}
}

// streamable reports whether the library can stream the statement's result; it refuses to for EXPLAIN, SHOW and the like.
func streamable(statement string) bool {
	switch firstWord(statement) {
	case "SELECT", "WITH":
		return true
	default:
		return false
	}
}

// firstWord returns the first keyword in upper case, skipping spaces, comments and opening parentheses.
func firstWord(s string) string {
	for {
		s = strings.TrimLeft(s, " \t\r\n(")
		switch {
		case strings.HasPrefix(s, "--"):
			_, rest, _ := strings.Cut(s, "\n")
			s = rest
		case strings.HasPrefix(s, "/*"):
			_, rest, _ := strings.Cut(s, "*/")
			s = rest
		default:
			end := strings.IndexFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
			if end < 0 {
				end = len(s)
			}
			return strings.ToUpper(s[:end])
		}
	}
}
