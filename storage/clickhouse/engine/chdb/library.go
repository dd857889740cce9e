// SPDX-License-Identifier: Apache-2.0

package chdb

import (
	"fmt"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Library is a loaded libchdb. Safe for concurrent use.
type Library struct {
	path string
	fn   functions
}

// functions are the C entry points. Handles that only travel back into C are uintptr, so that the garbage collector never looks at them.
type functions struct {
	version           func() string
	setSignalHandlers func(enabled int32)
	connect           func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	closeConn         func(conn unsafe.Pointer)
	query             func(conn uintptr, q unsafe.Pointer, qLen uintptr, f unsafe.Pointer, fLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, n uintptr) uintptr
	streamQuery       func(conn uintptr, q unsafe.Pointer, qLen uintptr, f unsafe.Pointer, fLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, n uintptr) uintptr
	streamFetch       func(conn, stream uintptr) uintptr
	streamCancel      func(conn, stream uintptr)
	destroyResult     func(result uintptr)
	resultBuffer      func(result uintptr) unsafe.Pointer
	resultLength      func(result uintptr) uintptr
	resultError       func(result uintptr) string
	resultElapsed     func(result uintptr) float64
	storageRowsRead   func(result uintptr) uint64
	storageBytesRead  func(result uintptr) uint64
	rowsWritten       func(result uintptr) uint64
	bytesWritten      func(result uintptr) uint64
	insert            func(conn uintptr, q unsafe.Pointer, qLen uintptr, f unsafe.Pointer, fLen uintptr) uintptr
	insertAppend      func(stream uintptr, data unsafe.Pointer, n uintptr) int32
	insertDone        func(stream uintptr) uintptr
	insertCancel      func(stream uintptr)
	insertError       func(stream uintptr) string
	insertDestroy     func(stream uintptr)
}

// Load opens the shared library at path and binds the functions this package needs. It turns the library's own signal handlers off:
// Go's runtime needs SIGSEGV, SIGURG and the like for itself.
func Load(path string) (*Library, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	l := &Library{path: path}
	symbols := []struct {
		fn   any
		name string
	}{
		{&l.fn.version, "chdb_version"},
		{&l.fn.setSignalHandlers, "chdb_set_signal_handlers_enabled"},
		{&l.fn.connect, "chdb_connect"},
		{&l.fn.closeConn, "chdb_close_conn"},
		{&l.fn.query, "chdb_query_with_params_n"},
		{&l.fn.streamQuery, "chdb_stream_query_with_params_n"},
		{&l.fn.streamFetch, "chdb_stream_fetch_result"},
		{&l.fn.streamCancel, "chdb_stream_cancel_query"},
		{&l.fn.destroyResult, "chdb_destroy_query_result"},
		{&l.fn.resultBuffer, "chdb_result_buffer"},
		{&l.fn.resultLength, "chdb_result_length"},
		{&l.fn.resultError, "chdb_result_error"},
		{&l.fn.resultElapsed, "chdb_result_elapsed"},
		{&l.fn.storageRowsRead, "chdb_result_storage_rows_read"},
		{&l.fn.storageBytesRead, "chdb_result_storage_bytes_read"},
		{&l.fn.rowsWritten, "chdb_result_rows_written"},
		{&l.fn.bytesWritten, "chdb_result_bytes_written"},
		{&l.fn.insert, "chdb_stream_insert_n"},
		{&l.fn.insertAppend, "chdb_stream_append"},
		{&l.fn.insertDone, "chdb_stream_done"},
		{&l.fn.insertCancel, "chdb_stream_cancel_insert"},
		{&l.fn.insertError, "chdb_stream_insert_error"},
		{&l.fn.insertDestroy, "chdb_destroy_insert_stream"},
	}
	for _, s := range symbols {
		addr, err := purego.Dlsym(handle, s.name)
		if err != nil {
			return nil, fmt.Errorf("load %s: it has no function %s, so it is another version: %w", path, s.name, err)
		}
		purego.RegisterFunc(s.fn, addr)
	}
	l.fn.setSignalHandlers(0)
	return l, nil
}

// Version returns the library's own version.
func (l *Library) Version() string { return l.fn.version() }

// Path returns the file the library was loaded from.
func (l *Library) Path() string { return l.path }
