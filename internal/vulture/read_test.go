// SPDX-License-Identifier: Apache-2.0

package vulture

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func testRun(opts Options) *run {
	opts.Logger = slog.New(slog.DiscardHandler)
	return &run{id: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}, opts: opts}
}

// asking is an api that talks to a handler.
func asking(t *testing.T, handle http.HandlerFunc) *api {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	a := newAPI(testRun(Options{URL: s.URL + "/", ReadKey: "read"}))
	t.Cleanup(a.client.CloseIdleConnections)
	return a
}

func testWindow() *window {
	start := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	return &window{start: start, end: start.Add(10 * time.Second), sent: map[uint64]bool{}}
}

func write(t *testing.T, w http.ResponseWriter, v any) {
	t.Helper()
	if err := json.NewEncoder(w).Encode(v); err != nil {
		t.Error(err)
	}
}

type object = map[string]any

// TestReadTraces: pages are read to the end; a trace with another number of spans is read whole, and parts that were never written so are wrong.
func TestReadTraces(t *testing.T) {
	r := testRun(Options{})
	id := func(seq uint64) string { return r.traceID(seq).String() }
	var queries []url.Values
	a := asking(t, func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "Bearer read" {
			t.Error("no key")
		}
		switch req.URL.Path {
		case "/api/v1/traces":
			queries = append(queries, req.URL.Query())
			if req.URL.Query().Get("cursor") == "" {
				write(t, w, object{"traces": []object{{"trace_id": id(1), "span_count": perRequest}, {"trace_id": id(2), "span_count": 7}}, "next_cursor": "more"})
				return
			}
			write(t, w, object{"traces": []object{{"trace_id": id(3), "span_count": 2}, {"trace_id": "short", "span_count": perRequest}, {"trace_id": strings.Repeat("z", 32), "span_count": perRequest}}})
		case "/api/v1/traces/" + id(2):
			spans := []object{{"name": "step a"}, {"name": "step a"}, {"name": "step e"}, {"name": "step f"}, {"name": "step"}, {"name": "step bc"}, {"name": "other"}}
			write(t, w, object{"spans": spans})
		case "/api/v1/traces/" + id(3):
			write(t, w, object{"spans": []object{{"name": "step b"}, {"name": "step c"}}})
		default:
			t.Errorf("asked for %s", req.URL.Path)
		}
	})
	got, wrong, err := a.traces(t.Context(), testWindow())
	require.NoError(t, err)
	require.Equal(t, found{1: whole(1), 2: {2, 0, 0, 0, 1}, 3: {0, 1, 1, 0, 0}}, got)
	require.Equal(t, int64(4+2), wrong)
	require.Len(t, queries, 2)
	require.Equal(t, "service:strata-vulture attr.vulture.run:0102030405060708", queries[0].Get("query"))
	require.Equal(t, "2026-01-02T03:04:00Z", queries[0].Get("start"))
	require.Equal(t, "2026-01-02T03:04:10Z", queries[0].Get("end"))
	require.Equal(t, "more", queries[1].Get("cursor"))
}

// TestReadLogs: a record is known by its text, every letter of it.
func TestReadLogs(t *testing.T) {
	r := testRun(Options{})
	a := asking(t, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Query().Get("cursor") == "" {
			write(t, w, object{"logs": []object{{"body": r.body(1, 0)}, {"body": r.body(1, 4)}, {"body": r.body(1, 0)}}, "next_cursor": "more"})
			return
		}
		var bodies []object
		for _, body := range []string{"", "vulture", r.body(1, 5), r.body(2, 1) + " and more", "vulture other 1 1", "vulture 0102030405060708 -1 1", "vulture 0102030405060708 01 1", r.body(2, 3)} {
			bodies = append(bodies, object{"body": body})
		}
		write(t, w, object{"logs": bodies})
	})
	got, wrong, err := a.logs(t.Context(), testWindow())
	require.NoError(t, err)
	require.Equal(t, found{1: {2, 0, 0, 0, 1}, 2: {0, 0, 0, 1, 0}}, got)
	require.Equal(t, int64(7), wrong)
}

// TestReadSamples: the window's samples are asked for by time; an answer with warnings is asked for again.
func TestReadSamples(t *testing.T) {
	var warnings []string
	var query url.Values
	a := asking(t, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/prometheus/api/v1/query" {
			t.Errorf("asked for %s", req.URL.Path)
		}
		query = req.URL.Query()
		series := func(part, instance string, values ...string) object {
			var all [][2]any
			for i, v := range values {
				all = append(all, [2]any{float64(i), v})
			}
			return object{"metric": object{"part": part, "instance": instance}, "values": all}
		}
		write(t, w, object{"warnings": warnings, "data": object{"result": []object{
			series("0", "run-1", "1", "17", "33"), series("4", "run-2", "2", "2", "3"), series("5", "run-1", "1"), series("x", "run-1", "1"), series("1", "run-0", "-1", "1.5", "16"),
		}}})
	})
	got, wrong, err := a.samples(t.Context(), testWindow())
	require.NoError(t, err)
	require.Equal(t, found{1: {1}, 17: {1}, 33: {1}, 2: {0, 0, 0, 0, 2}, 16: {0, 1}}, got)
	require.Equal(t, int64(2+1+2), wrong, "parts that are none, a value of another instance, values that are no numbers")
	require.Equal(t, `vulture_sequence{run="0102030405060708"}[10000ms]`, query.Get("query"))
	require.Equal(t, fmt.Sprintf("%d.999", testWindow().end.Unix()-1), query.Get("time"))
	warnings = []string{"writer-2 does not answer"}
	_, _, err = a.samples(t.Context(), testWindow())
	require.ErrorIs(t, err, errPartial)
	require.ErrorContains(t, err, "writer-2")
}

// TestReadFails: the words of a server that has no answer are in the error, for every signal.
func TestReadFails(t *testing.T) {
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		want   string
	}{
		"refused": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no such key", http.StatusUnauthorized) }, "answered 401 Unauthorized: no such key"},
		"no JSON": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, "read the answer of"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9")
			_, _ = io.WriteString(w, "{")
		}, "read the answer of"},
		"breaks off": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "ask: "},
		"another one": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"traces":5,"logs":5,"data":5}`)
		}, "read the answer of"},
	} {
		a := asking(t, c.handle)
		for signal, read := range a.readers() {
			_, _, err := read(t.Context(), testWindow())
			require.ErrorContains(t, err, c.want, "%s, %s", name, signal)
		}
	}
	a := newAPI(testRun(Options{URL: "http://[bad"}))
	require.ErrorContains(t, a.get(t.Context(), "/x", nil, nil), "ask /x")
	id := testRun(Options{}).traceID(1).String()
	broken := asking(t, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/api/v1/traces" {
			write(t, w, object{"traces": []object{{"trace_id": id, "span_count": 1}}})
			return
		}
		w.WriteHeader(http.StatusNotFound)
	})
	_, _, err := broken.traces(t.Context(), testWindow())
	require.ErrorContains(t, err, "404", "a trace that is listed and cannot be read")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = broken.logs(ctx, testWindow())
	require.ErrorIs(t, err, context.Canceled)
}
