// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage/storagetest"
)

func harness(t *testing.T) storagetest.Harness {
	t.Helper()
	s, sup := openStore(t)
	return storagetest.Harness{
		Store: s,
		Crash: func(t *testing.T) {
			t.Helper()
			pid := sup.State().PID
			if pid == 0 {
				return // It is down already, and kill(0) would be the test itself.
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				t.Errorf("kill %d: %v", pid, err)
			}
		},
		Running: func(t *testing.T) int {
			t.Helper()
			out, err := s.sender.send(t.Context(), url.Values{}, []byte("SELECT count() FROM system.processes WHERE query NOT LIKE '%system.processes%'"))
			require.NoError(t, err)
			n, err := strconv.Atoi(strings.TrimSpace(string(out)))
			require.NoError(t, err)
			return n
		},
	}
}

func TestLogs(t *testing.T)   { storagetest.RunLogs(t, harness) }
func TestTraces(t *testing.T) { storagetest.RunTraces(t, harness) }
