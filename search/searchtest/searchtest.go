// SPDX-License-Identifier: Apache-2.0

// Package searchtest has the cases that whatever executes searches has to fulfil: testdata/*.test, each of sections with records and the
// queries that find them.
//
//	== logs of a shop
//	record a
//	  body "Card declined"
//	  attr order {"id": 9007199254740993}
//	query card order.id>5 => a
//
// A record is a log record, or a span in sections that begin with "spans". Its lines are a field (see fill), for attributes and resources a
// key, and a value: a Go string in quotes, or JSON, in which a key may be there twice. A query has behind => the names of the records that
// it finds. Every query is asked negated too. A query in a Go string begins with quoted.
package searchtest

import (
	"embed"
	"io/fs"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/signal"
)

//go:embed testdata
var scripts embed.FS

// Section is records and what finds them.
type Section struct {
	Name   string
	Signal signal.Signal
	// Start is the time of the first record, which no other section has within a minute; the others are a second apart.
	Start time.Time
	// Logs has the records of SignalLogs in order, each with a resource and a scope of its own.
	Logs plog.Logs
	// Traces has the records of SignalTraces, likewise.
	Traces ptrace.Traces

	names []string
	cases []Case
}

// Case is a query and the names of the records that it finds, in order.
type Case struct {
	Query string
	Found []string
}

// Cases returns the queries of the section.
func (s *Section) Cases() []Case { return s.cases }

// Find returns the places of the records that a filter finds, in order.
type Find func(t *testing.T, f search.Filter) []int

// Run runs all cases. Load makes the records of a section findable.
func Run(t *testing.T, load func(t *testing.T, s *Section) Find) {
	t.Helper()
	for _, s := range Sections(t) {
		t.Run(s.Name, func(t *testing.T) {
			find := load(t, s)
			for _, c := range s.cases {
				t.Run(c.Query, func(t *testing.T) {
					f, err := search.Parse(s.Signal, c.Query)
					require.NoError(t, err)
					found := find(t, f)
					require.Equal(t, c.Found, s.named(found), search.Describe(f))
					require.Equal(t, s.named(s.others(found)), s.named(find(t, search.Not{Of: f})), "not %s", search.Describe(f))
				})
			}
		})
	}
}

func (s *Section) named(places []int) []string {
	out := []string{}
	for _, p := range places {
		out = append(out, s.names[p])
	}
	return out
}

func (s *Section) others(places []int) []int {
	var out []int
	for i := range s.names {
		if len(places) > 0 && places[0] == i {
			places = places[1:]
		} else {
			out = append(out, i)
		}
	}
	return out
}

// Sections returns the sections of all scripts.
func Sections(tb testing.TB) []*Section {
	tb.Helper()
	files, err := fs.Glob(scripts, "testdata/*.test")
	require.NoError(tb, err)
	var out []*Section
	start := time.Now().UTC().Truncate(time.Hour).Add(-24 * time.Hour)
	for _, file := range files {
		b, err := fs.ReadFile(scripts, file)
		require.NoError(tb, err)
		r := reader{start: start.Add(time.Duration(len(out)) * time.Minute)}
		n := 0
		for line := range strings.Lines(string(b)) {
			n++
			require.NoError(tb, r.line(strings.TrimRight(line, "\n")), "%s:%d: %s", file, n, line)
		}
		out = append(out, r.sections...)
	}
	return out
}

// cutQuery takes a line "query Q => a b" or "quoted "Q" => a b" apart.
func cutQuery(line string) (Case, error) {
	kind, rest, _ := strings.Cut(line, " ")
	at := strings.LastIndex(rest, "=>")
	if at < 0 {
		return Case{}, errNoArrow
	}
	c := Case{Query: strings.TrimSpace(rest[:at]), Found: []string{}}
	c.Found = append(c.Found, strings.Fields(rest[at+2:])...)
	if kind == "query" {
		return c, nil
	}
	var err error
	c.Query, err = strconv.Unquote(c.Query)
	return c, err
}
