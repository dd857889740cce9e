// SPDX-License-Identifier: Apache-2.0

package chdb

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"
)

// errClosed is returned by every call on a closed connection.
var errClosed = errors.New("connection is closed")

// Error is what the engine answered to a statement that did not work, in ClickHouse's own words ("Code: 60. DB::Exception: …").
type Error struct {
	Message string
}

func (e *Error) Error() string { return e.Message }

// Param is the value of a query parameter {name:Type}. The engine reads Value as escaped text, as in a TSV field.
type Param struct {
	Name  string
	Value string
}

// Stats counts what a statement read and wrote.
type Stats struct {
	ElapsedSeconds float64
	RowsRead       uint64
	BytesRead      uint64
	RowsWritten    uint64
	BytesWritten   uint64
}

// Conn is one session of the engine. It runs one statement at a time; the caller serialises its use.
type Conn struct {
	lib    *Library
	handle unsafe.Pointer // chdb_connection *, owned by the library
}

// Connect opens a session. args are "--name=value": server options such as --path and --config-file count in the first session of
// the process only, query settings such as --max_threads apply to this session alone.
func (l *Library) Connect(args ...string) (*Conn, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	argv := make([]unsafe.Pointer, 0, len(args)+2)
	for _, a := range append([]string{"strata"}, args...) {
		b := append([]byte(a), 0)
		pin.Pin(&b[0])
		argv = append(argv, unsafe.Pointer(&b[0])) //nolint:gosec // The library takes C pointers; this one is pinned.
	}
	argv = append(argv, nil)
	pin.Pin(&argv[0])
	handle := l.fn.connect(int32(len(argv)-1), unsafe.Pointer(&argv[0])) //nolint:gosec // a handful of arguments
	if handle == nil {
		return nil, errors.New("connect to the embedded engine: it refused the options or the data directory; its log names the reason")
	}
	return &Conn{lib: l, handle: handle}, nil
}

// Close ends the session; the last one of a process shuts the engine down. Closing twice does nothing.
func (c *Conn) Close() {
	if c.handle == nil {
		return
	}
	c.lib.fn.closeConn(c.handle)
	c.handle = nil
}

// raw returns the chdb_connection that the handle points to.
func (c *Conn) raw() uintptr { return *(*uintptr)(c.handle) }

// Exec runs one statement to its end and returns the whole result encoded in format.
func (c *Conn) Exec(query, format string, params ...Param) ([]byte, Stats, error) {
	if c.handle == nil {
		return nil, Stats{}, errClosed
	}
	result := c.call(c.lib.fn.query, query, format, params)
	defer c.lib.fn.destroyResult(result)
	if err := c.lib.resultErr(result); err != nil {
		return nil, Stats{}, err
	}
	return append([]byte(nil), c.lib.resultBytes(result)...), c.lib.resultStats(result), nil
}

type queryFunc func(conn uintptr, q unsafe.Pointer, qLen uintptr, f unsafe.Pointer, fLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, n uintptr) uintptr

// call pins everything the C side looks at for as long as the call lasts; the library copies what it keeps.
func (c *Conn) call(fn queryFunc, query, format string, params []Param) uintptr {
	var pin runtime.Pinner
	defer pin.Unpin()
	q, f := pinned(&pin, query), pinned(&pin, format)
	n := len(params)
	if n == 0 {
		return fn(c.raw(), q, uintptr(len(query)), f, uintptr(len(format)), nil, nil, nil, nil, 0)
	}
	names, values := make([]unsafe.Pointer, n), make([]unsafe.Pointer, n)
	nameLens, valueLens := make([]uintptr, n), make([]uintptr, n)
	for i, p := range params {
		names[i], nameLens[i] = pinned(&pin, p.Name), uintptr(len(p.Name))
		values[i], valueLens[i] = pinned(&pin, p.Value), uintptr(len(p.Value))
	}
	pin.Pin(&names[0])
	pin.Pin(&values[0])
	pin.Pin(&nameLens[0])
	pin.Pin(&valueLens[0])
	return fn(c.raw(), q, uintptr(len(query)), f, uintptr(len(format)),
		unsafe.Pointer(&names[0]), unsafe.Pointer(&nameLens[0]), unsafe.Pointer(&values[0]), unsafe.Pointer(&valueLens[0]), uintptr(n)) //nolint:gosec // The library takes C pointers; these are pinned.
}

// pinned returns a pointer to the bytes of s that stays valid until pin is released. It is never nil: the library refuses null values.
func pinned(pin *runtime.Pinner, s string) unsafe.Pointer {
	b := make([]byte, len(s)+1)
	copy(b, s)
	pin.Pin(&b[0])
	return unsafe.Pointer(&b[0]) //nolint:gosec // The library takes C pointers; this one is pinned.
}

func (l *Library) resultErr(result uintptr) error {
	if result == 0 {
		return &Error{Message: "the engine returned no result"}
	}
	if msg := l.fn.resultError(result); msg != "" {
		return &Error{Message: msg}
	}
	return nil
}

// resultBytes returns the buffer of a result, which is valid until the result is destroyed.
func (l *Library) resultBytes(result uintptr) []byte {
	n := l.fn.resultLength(result)
	buf := l.fn.resultBuffer(result)
	if n == 0 || buf == nil {
		return nil
	}
	return unsafe.Slice((*byte)(buf), int(n)) //nolint:gosec // the length of a buffer in memory fits an int
}

func (l *Library) resultStats(result uintptr) Stats {
	return Stats{
		ElapsedSeconds: l.fn.resultElapsed(result),
		RowsRead:       l.fn.storageRowsRead(result),
		BytesRead:      l.fn.storageBytesRead(result),
		RowsWritten:    l.fn.rowsWritten(result),
		BytesWritten:   l.fn.bytesWritten(result),
	}
}

// Stream runs a statement whose result is fetched piece by piece.
func (c *Conn) Stream(query, format string, params ...Param) (*Stream, error) {
	if c.handle == nil {
		return nil, errClosed
	}
	result := c.call(c.lib.fn.streamQuery, query, format, params)
	if err := c.lib.resultErr(result); err != nil {
		c.lib.fn.destroyResult(result)
		return nil, err
	}
	return &Stream{conn: c, handle: result}, nil
}

// Stream is the running result of one statement. The caller serialises its use and closes it before the connection is used again.
type Stream struct {
	conn   *Conn
	handle uintptr
	chunk  uintptr
	done   bool
	stats  Stats
}

// Next returns the next piece of the encoded result, valid until the following call, or nil at the end.
func (s *Stream) Next() ([]byte, error) {
	s.release()
	if s.done {
		return nil, nil
	}
	fn := &s.conn.lib.fn
	s.chunk = fn.streamFetch(s.conn.raw(), s.handle)
	if err := s.conn.lib.resultErr(s.chunk); err != nil {
		s.done = true
		return nil, err
	}
	data := s.conn.lib.resultBytes(s.chunk)
	s.stats = s.conn.lib.resultStats(s.chunk)
	if len(data) == 0 {
		s.done = true
	}
	return data, nil
}

// Stats returns what the statement has read up to the last piece.
func (s *Stream) Stats() Stats { return s.stats }

func (s *Stream) release() {
	if s.chunk != 0 {
		s.conn.lib.fn.destroyResult(s.chunk)
		s.chunk = 0
	}
}

// Close ends the statement, cancelling what is left of it. Closing twice does nothing.
func (s *Stream) Close() {
	if s.handle == 0 {
		return
	}
	s.release()
	if !s.done {
		s.conn.lib.fn.streamCancel(s.conn.raw(), s.handle)
	}
	s.conn.lib.fn.destroyResult(s.handle)
	s.handle = 0
}

// Insert starts "INSERT INTO t (…)", without FORMAT, whose rows are appended in format.
func (c *Conn) Insert(query, format string) (*Insert, error) {
	if c.handle == nil {
		return nil, errClosed
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	handle := c.lib.fn.insert(c.raw(), pinned(&pin, query), uintptr(len(query)), pinned(&pin, format), uintptr(len(format)))
	if handle == 0 {
		return nil, &Error{Message: "the engine returned no insert stream"}
	}
	if msg := c.lib.fn.insertError(handle); msg != "" {
		c.lib.fn.insertDestroy(handle)
		return nil, &Error{Message: msg}
	}
	return &Insert{conn: c, handle: handle}, nil
}

// Insert is a running INSERT. It must be ended by Done or Cancel.
type Insert struct {
	conn   *Conn
	handle uintptr
}

// Append hands over the next bytes; they may split a block anywhere. It blocks when the engine is behind. p is copied.
func (i *Insert) Append(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&p[0])
	if i.conn.lib.fn.insertAppend(i.handle, unsafe.Pointer(&p[0]), uintptr(len(p))) == 0 { //nolint:gosec // The library takes C pointers; this one is pinned.
		return nil
	}
	if msg := i.conn.lib.fn.insertError(i.handle); msg != "" {
		return &Error{Message: msg}
	}
	return &Error{Message: fmt.Sprintf("the engine refused %d bytes of an insert", len(p))}
}

// Done ends the input, waits until the rows are committed and frees the insert.
func (i *Insert) Done() (Stats, error) {
	fn := &i.conn.lib.fn
	defer i.destroy()
	result := fn.insertDone(i.handle)
	defer fn.destroyResult(result)
	if err := i.conn.lib.resultErr(result); err != nil {
		return Stats{}, err
	}
	return i.conn.lib.resultStats(result), nil
}

// Cancel ends the insert without committing what was not committed yet. Calling it after Done does nothing.
func (i *Insert) Cancel() {
	if i.handle == 0 {
		return
	}
	i.conn.lib.fn.insertCancel(i.handle)
	i.destroy()
}

func (i *Insert) destroy() {
	if i.handle != 0 {
		i.conn.lib.fn.insertDestroy(i.handle)
		i.handle = 0
	}
}
