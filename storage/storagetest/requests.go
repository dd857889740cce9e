// SPDX-License-Identifier: Apache-2.0

package storagetest

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// Requests are export requests with the data, all of one tenant.
func Requests[T ptrace.Traces | plog.Logs](tb testing.TB, owner tenant.ID, data ...T) []storage.Owned[[]byte] {
	tb.Helper()
	out := make([]storage.Owned[[]byte], len(data))
	for i := range data {
		out[i].Tenant = owner
		var err error
		switch d := any(data[i]).(type) {
		case ptrace.Traces:
			out[i].Data, err = (&ptrace.ProtoMarshaler{}).MarshalTraces(d)
		case plog.Logs:
			out[i].Data, err = (&plog.ProtoMarshaler{}).MarshalLogs(d)
		}
		require.NoError(tb, err)
	}
	return out
}
