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
		Merge: func(t *testing.T) {
			t.Helper()
			out, err := s.client.Send(t.Context(), url.Values{}, []byte("SELECT name FROM system.tables WHERE name LIKE 'strata_rollups%' AND engine LIKE '%MergeTree'"))
			require.NoError(t, err)
			for table := range strings.FieldsSeq(string(out)) {
				require.NoError(t, s.client.Exec(t.Context(), "OPTIMIZE TABLE strata."+table+" FINAL"))
			}
		},
	}
}

func TestLogs(t *testing.T)   { storagetest.RunLogs(t, harness) }
func TestTraces(t *testing.T) { storagetest.RunTraces(t, harness) }

func TestRollups(t *testing.T)        { storagetest.RunRollups(t, harness) }
func TestClusterRollups(t *testing.T) { storagetest.RunRollups(t, clusterHarness) }

func TestTenants(t *testing.T)        { storagetest.RunTenants(t, harness) }
func TestClusterTenants(t *testing.T) { storagetest.RunTenants(t, clusterHarness) }
