// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		err        error
		write      error
		read       error
		writeFatal bool
	}{
		{err: newException(500, "Code: 241. DB::Exception: memory"), write: storage.ErrUnavailable, read: storage.ErrLimit},
		{err: newException(500, "Code: 252. DB::Exception: Too many parts"), write: storage.ErrUnavailable},
		{err: newException(500, "Code: 252. DB::Exception: Too many partitions for single INSERT block"), writeFatal: true},
		{err: newException(502, "bad gateway"), write: storage.ErrUnavailable},
		{err: newException(400, "Code: 62. DB::Exception: syntax"), write: storage.ErrUnavailable},
		{err: newException(500, "Code: 107. DB::Exception: File does not exist"), write: storage.ErrUnavailable},
		{err: newException(500, "Code: 9999. DB::Exception: nobody knows"), write: storage.ErrUnavailable},
		{err: newException(500, "Code: 6. DB::Exception: cannot parse"), writeFatal: true},
		{err: newException(500, "Code: 75. DB::ErrnoException: Cannot write to file: errno: 28, No space left on device"), write: storage.ErrUnavailable},
		{err: newException(500, "Code: 1001. DB::Exception: std::filesystem: No space left on device"), write: storage.ErrUnavailable},
		{err: newException(403, "Code: 516. DB::Exception: strata: Authentication failed"), write: storage.ErrUnavailable},
		{err: newException(404, "Code: 60. DB::Exception: Table strata.otel_logs does not exist"), write: storage.ErrUnavailable},
		{err: newException(500, "Code: 279. DB::NetException: All connection tries failed. Log: Code: 210."), write: storage.ErrUnavailable, read: storage.ErrUnavailable},
		{err: newException(500, "Code: 577. DB::Exception: Shard id"), write: storage.ErrUnavailable},
		{err: errors.New("connection refused"), write: storage.ErrUnavailable, read: storage.ErrUnavailable},
		{err: newException(408, "Code: 159. DB::Exception: timeout"), write: storage.ErrUnavailable, read: storage.ErrLimit},
		{err: &clickhouse.Exception{Code: 158}, read: storage.ErrLimit, write: storage.ErrUnavailable},
		{err: &clickhouse.Exception{Code: 202}, read: storage.ErrUnavailable, write: storage.ErrUnavailable},
	} {
		if c.write != nil {
			require.ErrorIs(t, writeError(c.err), c.write)
		}
		if c.writeFatal {
			require.NotErrorIs(t, writeError(c.err), storage.ErrUnavailable)
		}
		if c.read != nil {
			require.ErrorIs(t, readError(t.Context(), c.err), c.read)
		}
	}
}
