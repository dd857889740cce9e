// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/strata-apm/strata/storage/clickhouse/engine/chdb"
)

const (
	// queueTimeout is how long a statement waits for a free slot before it is refused.
	queueTimeout = 10 * time.Second
	// insertChunk is how much of an insert's body is handed over at once.
	insertChunk = 1 << 20
)

var codeForm = regexp.MustCompile(`Code: (\d+)\.`)

// ServeHTTP answers /ping and, on every other path, statements.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/ping" || r.URL.Path == "/replicas_status" {
		w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		_, _ = io.WriteString(w, "Ok.\n")
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "Code: 36. DB::Exception: only GET and POST are supported. (BAD_ARGUMENTS)", http.StatusMethodNotAllowed)
		return
	}
	req, err := parseRequest(r)
	if err != nil {
		writeError(w, err)
		return
	}
	if r.Method == http.MethodGet {
		// As in ClickHouse: a GET changes nothing.
		req.settings = append(req.settings, setting{"readonly", "2"})
	}
	release, err := s.admit(r.Context(), req.id)
	if err != nil {
		writeError(w, err)
		return
	}
	defer release()
	s.answer(w, r, req)
}

// admit registers the statement's id and takes a slot.
func (s *server) admit(ctx context.Context, id string) (func(), error) {
	timeout := time.NewTimer(queueTimeout)
	defer timeout.Stop()
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timeout.C:
		return nil, &chdb.Error{Message: "Code: 202. DB::Exception: Too many simultaneous queries. (TOO_MANY_SIMULTANEOUS_QUERIES)"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, dup := s.running[id]; dup {
		<-s.slots
		return nil, &chdb.Error{Message: "Code: 216. DB::Exception: Query with id = " + id + " is already running. (QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING)"}
	}
	s.running[id] = struct{}{}
	return func() {
		s.mu.Lock()
		delete(s.running, id)
		s.mu.Unlock()
		<-s.slots
	}, nil
}

func (s *server) answer(w http.ResponseWriter, r *http.Request, req *request) {
	conn, err := s.open(req)
	if err != nil {
		writeError(w, err)
		return
	}
	defer conn.Close()
	// The watcher must have ended before the session closes and the id may be used again.
	stop := s.killWhenGone(r.Context(), req.id)
	defer stop()

	w.Header().Set("X-ClickHouse-Query-Id", req.id)
	w.Header().Set("X-ClickHouse-Format", req.format)
	w.Header().Set("X-ClickHouse-Server-Display-Name", "strata-engine")
	w.Header().Set("X-ClickHouse-Timezone", timezone())
	switch {
	case req.hello != 0:
		s.answerHello(w, req, conn)
	case req.data != nil:
		s.insert(w, req, conn)
	case streamable(req.statement):
		s.stream(w, req, conn)
	default:
		out, stats, err := conn.Exec(req.statement, req.format, req.params...)
		if err != nil {
			writeError(w, err)
			return
		}
		w.Header().Set("X-ClickHouse-Summary", summary(stats))
		w.Header().Set("Content-Length", strconv.Itoa(len(out)))
		_, _ = w.Write(out) //nolint:gosec // Read by the server over its own socket, never by a browser.
	}
}

// open makes the session of one request: its id, settings and database.
func (s *server) open(req *request) (*chdb.Conn, error) {
	conn, err := s.lib.Connect("--path=" + s.opts.DataDir)
	if err != nil {
		return nil, err
	}
	if req.database != "" && req.database != "default" {
		if _, _, err := conn.Exec("USE `"+strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(req.database)+"`", "Null"); err != nil {
			conn.Close()
			return nil, err
		}
	}
	if _, _, err := conn.Exec(req.setStatement(), "Null"); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// killWhenGone kills the statement, again and again until it has ended, once ctx is done. The returned function ends the watch.
func (s *server) killWhenGone(ctx context.Context, id string) func() {
	ended := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ended:
			return
		case <-ctx.Done():
		}
		for {
			s.kill(id)
			select {
			case <-ended:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() {
		close(ended)
		<-watched
	}
}

func (s *server) stream(w http.ResponseWriter, req *request, conn *chdb.Conn) {
	stream, err := conn.Stream(req.statement, req.format, req.params...)
	if err != nil {
		writeError(w, err)
		return
	}
	defer stream.Close()
	tag := req.id[:min(16, len(req.id))]
	w.Header().Set("X-ClickHouse-Exception-Tag", tag)
	flusher := http.NewResponseController(w)
	started := false
	for {
		chunk, err := stream.Next()
		if err != nil {
			if !started {
				writeError(w, err)
				return
			}
			// The status is gone, so the error travels in the body, framed as ClickHouse does, and the response is cut short.
			_, _ = fmt.Fprintf(w, "\r\n__exception__\r\n%s\r\n%s\n%d %s\r\n__exception__\r\n", tag, err.Error(), len(err.Error())+1, tag) //nolint:gosec // Read by the server over its own socket, never by a browser.
			_ = flusher.Flush()
			panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's way to end a response that must not look whole
		}
		if chunk == nil {
			if !started {
				w.Header().Set("X-ClickHouse-Summary", summary(stream.Stats()))
			}
			return
		}
		if !started {
			w.Header().Set("X-ClickHouse-Summary", summary(stream.Stats()))
		}
		started = true
		if _, err := w.Write(chunk); err != nil { //nolint:gosec // Read by the server over its own socket, never by a browser.
			return // The client left; Close cancels the rest.
		}
		if len(chunk) > 64<<10 {
			_ = flusher.Flush()
		}
	}
}

func (s *server) insert(w http.ResponseWriter, req *request, conn *chdb.Conn) {
	ins, err := conn.Insert(req.statement, req.format)
	if err != nil {
		writeError(w, err)
		return
	}
	defer ins.Cancel()
	if err := appendAll(ins, req.data); err != nil {
		writeError(w, err)
		return
	}
	stats, err := ins.Done()
	if err != nil {
		writeError(w, err)
		return
	}
	w.Header().Set("X-ClickHouse-Summary", summary(stats))
	w.WriteHeader(http.StatusOK)
}

// appendAll hands the body over in large pieces, since each one costs a call into the library and a copy there.
func appendAll(ins *chdb.Insert, body io.Reader) error {
	buf := make([]byte, insertChunk)
	for {
		n, end, err := fill(body, buf)
		if err != nil {
			return &chdb.Error{Message: "Code: 33. DB::Exception: Cannot read all data: " + err.Error() + ". (CANNOT_READ_ALL_DATA)"}
		}
		if err := ins.Append(buf[:n]); err != nil {
			return err
		}
		if end {
			return nil
		}
	}
}

// fill reads until buf is full or the body ends. Unlike io.ReadFull it keeps a body that was cut off apart from a short last piece.
func fill(body io.Reader, buf []byte) (n int, end bool, err error) {
	for n < len(buf) {
		m, err := body.Read(buf[n:])
		n += m
		if errors.Is(err, io.EOF) {
			return n, true, nil
		}
		if err != nil {
			return n, false, err
		}
	}
	return n, false, nil
}

func summary(st chdb.Stats) string {
	b, err := json.Marshal(map[string]string{
		"read_rows": strconv.FormatUint(st.RowsRead, 10), "read_bytes": strconv.FormatUint(st.BytesRead, 10),
		"written_rows": strconv.FormatUint(st.RowsWritten, 10), "written_bytes": strconv.FormatUint(st.BytesWritten, 10),
		"elapsed_ns": strconv.FormatInt(int64(st.ElapsedSeconds*1e9), 10),
	})
	if err != nil {
		return "{}"
	}
	return string(b)
}

func timezone() string {
	if tz := os.Getenv("TZ"); tz != "" {
		return tz
	}
	return "UTC"
}

// writeError answers as ClickHouse does: the exception in words, its code in a header and an HTTP status for its kind.
func writeError(w http.ResponseWriter, err error) {
	message := err.Error()
	code := 1002 // UNKNOWN_EXCEPTION
	if m := codeForm.FindStringSubmatch(message); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			code = n
		}
	} else {
		message = "Code: 1002. DB::Exception: " + message + ". (UNKNOWN_EXCEPTION)"
	}
	w.Header().Set("X-ClickHouse-Exception-Code", strconv.Itoa(code))
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.WriteHeader(httpStatus(code))
	_, _ = io.WriteString(w, message+"\n") //nolint:gosec // Read by the server over its own socket, never by a browser.
}

// httpStatus is ClickHouse's own mapping, shortened to the codes that occur here.
func httpStatus(code int) int {
	switch code {
	case 6, 26, 27, 36, 38, 41, 42, 43, 44, 45, 46, 47, 48, 50, 53, 62, 69, 70, 72, 115, 130, 158, 307, 396, 456, 457:
		return http.StatusBadRequest
	case 60, 81:
		return http.StatusNotFound
	case 164, 497:
		return http.StatusForbidden
	case 159:
		return http.StatusRequestTimeout
	case 202:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}
