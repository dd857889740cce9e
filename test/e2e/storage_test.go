// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
)

// ownDisk mounts a small disk at dir/name. It needs root, and fails without: a case that is passed over tests nothing.
func ownDisk(t *testing.T, dir, name, size string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(path, 0o700))
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, "size="+size); err != nil {
		t.Fatalf("mount a small disk of its own, which only root may; run the tests as root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(path, syscall.MNT_DETACH) })
	return path
}

// filler is text that does not compress.
func filler() string {
	b := make([]byte, 4000)
	for i := range b {
		b[i] = byte('a' + rand.IntN(26))
	}
	return string(b)
}

// postLarge sends a request of the load made large, so that a bus is soon full, and returns its answer.
func (l *load) postLarge(t *testing.T, s *server, signal string, seq int) (code int, retryAfter string) {
	t.Helper()
	var body []byte
	var err error
	note := l.logs
	switch signal {
	case "metrics":
		note = l.samples
		md := loadSample(l.start, seq)
		more := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().AppendEmpty()
		more.SetName("load.filler")
		points := more.SetEmptyGauge().DataPoints()
		for range 5 {
			p := points.AppendEmpty()
			p.SetTimestamp(now())
			p.Attributes().PutStr("filler", filler())
		}
		body, err = pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	default:
		ld := loadLogs(seq)
		for _, r := range ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
			r.Attributes().PutStr("filler", filler())
		}
		body, err = plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	}
	require.NoError(t, err)
	resp := s.post(t, "/v1/"+signal, body)
	defer func() { _ = resp.Body.Close() }()
	err = nil
	if resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	note.note(seq, err)
	return resp.StatusCode, resp.Header.Get("Retry-After")
}

// fillSlowly takes all but a little of the room, and two seconds later the rest: something that fills a disk within the second between two
// looks at it makes the tsdb miss a commit, which only a restart mends.
func (s *server) fillSlowly(t *testing.T, disk, path string) {
	t.Helper()
	var st syscall.Statfs_t
	require.NoError(t, syscall.Statfs(disk, &st))
	f, err := os.Create(path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	require.NoError(t, syscall.Fallocate(int(f.Fd()), 0, 0, int64(st.Bavail)*st.Bsize-24<<20))
	during(t, 2*time.Second, "the process is alive", s.alive)
	require.NoError(t, fill(path+"2"))
}

// alive asks the process whether it lives.
func (s *server) alive() error {
	_, err := s.get("/-/healthy")
	return err
}

// requireReads asks the stores that are not on the full disk.
func (s *server) requireReads(t *testing.T, clickhouse bool) {
	t.Helper()
	_, err := s.readSamples()
	require.NoError(t, err)
	if clickhouse {
		_, err = s.readLogs()
		require.NoError(t, err)
	}
}

// TestStorageDiskFull fills the disk under each store while a load runs: what cannot be kept is refused to be sent again, reads go on, the
// process stays, and when there is room again everything goes on by itself; nothing that was acknowledged is missing.
func TestStorageDiskFull(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, size, signal string
		// refusal is 503 where the bus cannot write, 429 where it is full because its writer waits.
		refusal    int
		clickhouse bool
	}{
		{"bus", "64m", "logs", http.StatusServiceUnavailable, true},
		{"metrics", "160m", "metrics", http.StatusTooManyRequests, true},
		{"clickhouse", "192m", "logs", http.StatusTooManyRequests, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			disk := ownDisk(t, dir, c.name, c.size)
			s := startRole(t, "all", dir, append(quiet(), "STRATA_BUS_LIMIT_BYTES=1048576", "STRATA_BUS_SEGMENT_BYTES=131072")...)
			pid := s.cmd.Process.Pid
			l := startLoad(t, s.run.OTLPGRPC, 2*time.Millisecond)
			eventually(t, 30*time.Second, "the load arrives", func() error {
				if got, err := s.readSamples(); err != nil || len(got) < 10 {
					return errors.Join(err, errors.New("nothing yet"))
				}
				return nil
			})
			full := filepath.Join(disk, "filler")
			s.fillSlowly(t, disk, full)
			seq := 100_000 // Far from the load's own.
			eventually(t, 180*time.Second, "the intake refuses", func() error {
				seq++
				code, after := l.postLarge(t, s, c.signal, seq)
				if code == http.StatusOK {
					return errors.New("everything is taken")
				}
				if code != c.refusal || after == "" {
					return fatal(fmt.Errorf("refused with %d, Retry-After %q", code, after))
				}
				return nil
			})
			if c.refusal == http.StatusServiceUnavailable {
				// Segments that are stored are removed meanwhile, and then there is room for a while.
				eventually(t, 30*time.Second, "the process is not ready and says why", func() error {
					seq++
					_, _ = l.postLarge(t, s, c.signal, seq)
					if _, err := s.get("/-/ready"); err == nil || !strings.Contains(err.Error(), "no space left") {
						return errors.Join(errors.New("not the answer expected"), err)
					}
					return nil
				})
			}
			s.requireReads(t, c.clickhouse)
			during(t, 2*time.Second, "the process is alive", s.alive)
			require.Equal(t, pid, s.run.PID)
			s.requireReads(t, c.clickhouse)

			require.NoError(t, errors.Join(os.Remove(full), os.Remove(full+"2")))
			eventually(t, 60*time.Second, "all is well again by itself", func() error {
				_, err := s.get("/-/ready")
				return err
			})
			acked := func() int {
				l.samples.mu.Lock()
				defer l.samples.mu.Unlock()
				return len(l.samples.acked)
			}
			n := acked()
			eventually(t, 60*time.Second, "samples are taken again", func() error {
				if acked() <= n+10 {
					return errors.New("none yet")
				}
				return nil
			})
			l.finish()
			select {
			case err := <-s.done:
				s.done <- err
				t.Fatalf("the process ended: %v", err)
			default:
			}
			l.check(t, s)
		})
	}
}

// copyOf is what was sent up to now.
func (s *sent) copyOf() *sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &sent{acked: maps.Clone(s.acked), tried: maps.Clone(s.tried)}
}

// TestStorageRestoreOfACopyUnderLoad does what docs/operate/backup.md says: a copy of the data directory, made while the processes stand
// still in the middle of a load, is started elsewhere and has all that was acknowledged until then, once.
func TestStorageRestoreOfACopyUnderLoad(t *testing.T) {
	t.Parallel()
	s := start(t, quiet()...)
	l := startLoad(t, s.run.OTLPGRPC, 2*time.Millisecond)
	l.more(t, 1000)
	engine := s.enginePID()
	require.NoError(t, syscall.Kill(s.cmd.Process.Pid, syscall.SIGSTOP))
	require.NoError(t, syscall.Kill(engine, syscall.SIGSTOP))
	to := filepath.Join(t.TempDir(), "copy")
	out, err := exec.CommandContext(t.Context(), "cp", "-a", s.dir, to).CombinedOutput()
	// A request that is not answered yet may be in the copy: it counts as tried.
	at := &load{traces: l.traces.copyOf(), logs: l.logs.copyOf(), samples: l.samples.copyOf()}
	for _, x := range []*sent{at.traces, at.logs, at.samples} {
		x.tried[len(x.tried)] = true
	}
	require.NoError(t, errors.Join(syscall.Kill(engine, syscall.SIGCONT), syscall.Kill(s.cmd.Process.Pid, syscall.SIGCONT)))
	require.NoError(t, err, string(out))
	l.finish()

	restored := startRole(t, "all", to, quiet()...)
	at.check(t, restored)
	l.check(t, s) // The original went on.
}

// TestStorageRestoreOfAStoppedServer copies the directory of a server that was stopped.
func TestStorageRestoreOfAStoppedServer(t *testing.T) {
	t.Parallel()
	s := start(t, quiet()...)
	l := startLoad(t, s.run.OTLPGRPC, 2*time.Millisecond)
	l.more(t, 1000)
	s.terminate()
	l.finish()
	to := filepath.Join(t.TempDir(), "copy")
	out, err := exec.CommandContext(t.Context(), "cp", "-a", s.dir, to).CombinedOutput()
	require.NoError(t, err, string(out))
	l.check(t, startRole(t, "all", to, quiet()...))
}
