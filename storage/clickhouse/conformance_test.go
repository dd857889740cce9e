// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage/clickhouse/engine/supervise"
	"github.com/strata-apm/strata/storage/storagetest"
)

func harness(t *testing.T) storagetest.Harness {
	t.Helper()
	return harnessOf(openStore(t))
}

func harnessOf(s *Store, sup *supervise.Supervisor) storagetest.Harness {
	return storagetest.Harness{
		Store: s,
		Crash: func(t *testing.T) {
			t.Helper()
			killEngine(t, sup)
		},
		Running: func(t *testing.T) int {
			t.Helper()
			out, err := s.client.Send(t.Context(), url.Values{}, []byte("SELECT count() FROM system.processes WHERE query NOT LIKE '%system.processes%'"))
			require.NoError(t, err)
			n, err := strconv.Atoi(strings.TrimSpace(string(out)))
			require.NoError(t, err)
			return n
		},
	}
}

func TestLogs(t *testing.T)   { storagetest.RunLogs(t, harness) }
func TestTraces(t *testing.T) { storagetest.RunTraces(t, harness) }

func TestTenants(t *testing.T)        { storagetest.RunTenants(t, harness) }
func TestClusterTenants(t *testing.T) { storagetest.RunTenants(t, clusterHarness) }
