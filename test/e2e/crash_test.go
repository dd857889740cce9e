// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

// kills is how often a process is killed, and seed decides when; STRATA_TEST_SEED repeats a run.
func kills(t *testing.T) (int, *rand.Rand) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("STRATA_TEST_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
		seed = n
	}
	t.Logf("STRATA_TEST_SEED=%d", seed)
	n := 5
	if long() {
		n = 20
	}
	return n, rand.New(rand.NewPCG(seed, 0))
}

func quiet() []string { return []string{"STRATA_SELF_ENABLED=false"} }

func TestKilledServerKeepsWhatItAcknowledgedOnce(t *testing.T) {
	t.Parallel()
	s := start(t, quiet()...)
	n, random := kills(t)
	l := startLoad(t, s.run.OTLPGRPC, 2*time.Millisecond)
	for range n {
		l.more(t, 100+random.IntN(500))
		s.kill()
		s.restart()
	}
	l.more(t, 100)
	l.finish()
	l.check(t, s)
	for _, tot := range s.waitStored().Totals {
		require.True(t, tot.Balanced, "%+v", tot)
		require.Equal(t, tot.Accepted, tot.Stored+tot.Rejected, "%+v", tot)
		require.Zero(t, tot.Rejected)
	}
}

func TestKilledEngineLosesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, quiet()...)
	n, random := kills(t)
	l := startLoad(t, s.run.OTLPGRPC, 2*time.Millisecond)
	for range n {
		l.more(t, 100+random.IntN(500))
		require.NoError(t, syscall.Kill(s.enginePID(), syscall.SIGKILL))
	}
	l.more(t, 100)
	l.finish()
	s.waitReady()
	l.check(t, s)
	// The engine's end must not have been the client's: every request was acknowledged.
	require.Len(t, l.logs.acked, len(l.logs.tried))
}

func TestTerminatedServerDrains(t *testing.T) {
	t.Parallel()
	s := start(t, quiet()...)
	l := startLoad(t, s.run.OTLPGRPC, 0)
	l.more(t, 1000)
	require.Less(t, s.terminate(), 30*time.Second)
	l.finish()
	s.restart()
	l.check(t, s)
}

func TestSecondProcessIsRefused(t *testing.T) {
	s := start(t, quiet()...)
	out, err := exec.CommandContext(t.Context(), program(t, "strata"), "all", "--data-dir", s.dir, "--http-listen", "127.0.0.1:0",
		"--otlp-grpc-listen", "127.0.0.1:0", "--otlp-http-listen", "127.0.0.1:0").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "in use by another process")
	require.Contains(t, string(out), strconv.Itoa(s.run.PID))
}

// A store that stands still fills the bus; the intake refuses with 429 and Retry-After, and takes data again by itself.
func TestFullBusRefusesAndRecovers(t *testing.T) {
	t.Parallel()
	s := start(t, append(quiet(), "STRATA_BUS_LIMIT_BYTES=2097152", "STRATA_BUS_SEGMENT_BYTES=262144")...)
	engine := s.enginePID()
	require.NoError(t, syscall.Kill(engine, syscall.SIGSTOP))
	resumed := false
	t.Cleanup(func() {
		if !resumed {
			_ = syscall.Kill(engine, syscall.SIGCONT)
		}
	})
	acked := newSent()
	post := func(seq int) int {
		ld := loadLogs(seq)
		recs := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
		filler := make([]byte, 20_000)
		for i := range filler {
			filler[i] = byte('a' + rand.IntN(26))
		}
		recs.At(0).Attributes().PutStr("filler", string(filler[:4096]))
		for i := range 4 {
			recs.At(i).Attributes().PutStr("more", string(filler[4000*i:4000*(i+1)]))
		}
		body, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
		require.NoError(t, err)
		resp := s.post(t, "/v1/logs", body)
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode == http.StatusOK {
			acked.note(seq, nil)
		} else {
			acked.note(seq, os.ErrInvalid)
			require.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
			require.NotEmpty(t, resp.Header.Get("Retry-After"))
		}
		return resp.StatusCode
	}
	seq := 0
	for ; post(seq) == http.StatusOK; seq++ {
		require.Less(t, seq, 10_000, "the bus never fills")
	}
	require.Greater(t, seq, 20)
	require.NoError(t, syscall.Kill(engine, syscall.SIGCONT))
	resumed = true
	eventually(t, 60*time.Second, "the intake takes data again", func() error {
		seq++
		if code := post(seq); code != http.StatusOK {
			return os.ErrInvalid
		}
		return nil
	})
	s.waitStored()
	got, err := s.readLogs()
	require.NoError(t, err)
	acked.check(t, "log request", got, recordsPerRequest)
	require.Len(t, got, len(acked.acked), "what was refused must not be there")
}
