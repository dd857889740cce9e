// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/vulture"
)

// sessionTimeout is short, so that a stopped writer loses its partitions within a test.
const sessionTimeout = 8 * time.Second

// fault is one thing that goes wrong and is mended again before it returns.
type fault struct {
	name string
	run  func(ctx context.Context, random *rand.Rand) error
}

// faultPlan runs faults one after the other, chosen by its own random source.
type faultPlan struct {
	t      *testing.T
	began  time.Time
	faults []fault
	random *rand.Rand
}

// run goes on until ctx ends; the fault under way is finished.
func (p *faultPlan) run(ctx context.Context) {
	for ctx.Err() == nil {
		f := p.faults[p.random.IntN(len(p.faults))]
		p.t.Logf("%6.1fs %s", time.Since(p.began).Seconds(), f.name)
		if err := f.run(ctx, p.random); err != nil {
			p.t.Errorf("%s: %v", f.name, err)
			return
		}
		pause(ctx, p.random, 1, 5)
	}
}

// pause waits between least and most seconds, or until ctx ends.
func pause(ctx context.Context, random *rand.Rand, least, most float64) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration((least + (most-least)*random.Float64()) * float64(time.Second))):
	}
}

// relaunch starts a process again on its ports. It does not wait until it is ready: what it needs may be away.
func (s *server) relaunch() {
	s.launch(s.run.HTTP, orAny(s.run.OTLPGRPC), orAny(s.run.OTLPHTTP))
}

// keepAlive does what a service manager does: it starts the process again when it ended by itself, until ctx ends.
func (s *server) keepAlive(ctx context.Context) {
	for ctx.Err() == nil {
		pause(ctx, rand.New(rand.NewPCG(1, 1)), 1, 1)
		if !s.life.TryLock() {
			continue
		}
		select {
		case err := <-s.done:
			s.t.Logf("%s ended by itself (%v) and is started again", s.role, err)
			s.relaunch()
		default:
		}
		s.life.Unlock()
	}
}

// killed is the fault of one process.
func killed(name string, s *server) fault {
	return fault{"kill -9 of " + name, func(ctx context.Context, random *rand.Rand) error {
		s.life.Lock()
		defer s.life.Unlock()
		s.kill()
		pause(ctx, random, 0.2, 4)
		s.relaunch()
		return nil
	}}
}

// stopped is a process that hangs for longer than its session with Kafka lasts.
func stopped(name string, s *server) fault {
	return fault{"SIGSTOP of " + name, func(ctx context.Context, random *rand.Rand) error {
		s.life.Lock()
		defer s.life.Unlock()
		resume := s.pause()
		defer resume()
		pause(ctx, random, sessionTimeout.Seconds()+2, sessionTimeout.Seconds()+8)
		return nil
	}}
}

// processFaults are those of Strata's own processes.
func (sp *spread) processFaults() []fault {
	out := []fault{killed("gateway", sp.gateway), killed("query", sp.query), killed("alert", sp.alert)}
	for i, w := range sp.writers {
		name := fmt.Sprintf("writer %d", i+1)
		out = append(out, killed(name, w), killed(name, w), stopped(name, w))
	}
	return out
}

// outsideFaults are those of what Strata runs on.
func (sp *spread) outsideFaults(disk string) []fault {
	out := []fault{
		{"kill -9 of ClickHouse", func(ctx context.Context, random *rand.Rand) error {
			sp.engine.away.Lock()
			defer sp.engine.away.Unlock()
			sp.engine.kill()
			pause(ctx, random, 0.5, 8)
			sp.engine.launch()
			return nil
		}},
		{"kill -9 of PostgreSQL", func(ctx context.Context, random *rand.Rand) error {
			sp.pg.Kill()
			pause(ctx, random, 0.5, 5)
			sp.pg.Launch()
			return nil
		}},
	}
	for n := 1; n <= len(sp.kafka.Brokers); n++ {
		out = append(out, fault{fmt.Sprintf("kill -9 of broker %d", n), func(ctx context.Context, random *rand.Rand) error {
			err := sp.kafka.Kill(context.WithoutCancel(ctx), n)
			pause(ctx, random, 1, 6)
			return errors.Join(err, sp.kafka.Restart(context.WithoutCancel(ctx), n))
		}}, fault{fmt.Sprintf("broker %d answers nobody", n), func(ctx context.Context, random *rand.Rand) error {
			err := sp.kafka.Pause(context.WithoutCancel(ctx), n)
			pause(ctx, random, 3, 15)
			return errors.Join(err, sp.kafka.Resume(context.WithoutCancel(ctx), n))
		}})
	}
	if disk != "" {
		out = append(out, fault{"disk full under writer 1", func(ctx context.Context, random *rand.Rand) error {
			err := fill(filepath.Join(disk, "filler"))
			pause(ctx, random, 3, 12)
			return errors.Join(err, os.Remove(filepath.Join(disk, "filler")))
		}})
	}
	return out
}

// fill writes until the disk is full.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	defer func() { _ = f.Close() }()
	block := make([]byte, 1<<20)
	for size := len(block); size > 0; {
		if _, err := f.Write(block[:size]); errors.Is(err, syscall.ENOSPC) {
			size /= 16
		} else if err != nil {
			return fmt.Errorf("fill the disk: %w", err)
		}
	}
	return nil
}

// smallDisk mounts a disk of its own, which needs root; without, the runs go without the fault of a full disk.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=512m"); err != nil {
		t.Logf("no disk of its own for a writer, so none that is full: mount: %v", err)
		return ""
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

func faultSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("STRATA_TEST_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
		seed = n
	}
	t.Logf("STRATA_TEST_SEED=%d", seed)
	return seed
}

// TestFaults runs the spread-out form under load while everything that can fail fails, by a schedule that its seed repeats; in the end
// every request that was acknowledged is there once.
func TestFaults(t *testing.T) {
	seed, length := faultSeed(t), 45*time.Second
	if long() {
		length = 10 * time.Minute
	}
	if v := os.Getenv("STRATA_TEST_FAULTS_FOR"); v != "" {
		var err error
		length, err = time.ParseDuration(v)
		require.NoError(t, err)
	}
	disk := smallDisk(t)
	sp := startSpreadOn(t, spreadOptions{brokers: 3, writers: 2, firstWriterDir: disk, env: []string{
		"STRATA_BUS_KAFKA_SESSION_TIMEOUT=" + sessionTimeout.String(), "STRATA_BUS_KAFKA_REBALANCE_TIMEOUT=20s",
	}})
	report := make(chan vulture.Report, 1)
	opts := vulture.Options{
		Endpoints: []string{sp.gateway.run.OTLPGRPC}, URL: sp.url(""), Rate: 15, Window: 10 * time.Second, LateAfter: 10 * time.Second,
		Duration: length + 5*time.Second, Patience: length + 4*time.Minute, Logger: slog.New(slog.NewTextHandler(logWriter{t}, nil)),
	}
	go func() {
		r, err := vulture.Run(t.Context(), opts)
		if err != nil {
			t.Errorf("vulture: %v", err)
		}
		report <- r
	}()
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	began := time.Now()
	var wg sync.WaitGroup
	for i, faults := range [][]fault{sp.processFaults(), sp.outsideFaults(disk)} {
		p := &faultPlan{t: t, began: began, faults: faults, random: rand.New(rand.NewPCG(seed, uint64(i)))}
		wg.Go(func() { p.run(ctx) })
	}
	if long() {
		wg.Go(func() { sp.clickHouseAway(ctx, began) })
	}
	alive, rest := context.WithCancel(t.Context())
	var keepers sync.WaitGroup
	for _, s := range sp.processes() {
		keepers.Go(func() { s.keepAlive(alive) })
	}
	defer func() {
		rest()
		keepers.Wait()
	}()
	wg.Wait()
	t.Logf("%6.1fs all is mended", time.Since(began).Seconds())
	r := <-report
	for signal, c := range r.Signals {
		t.Logf("%s: %+v", signal, c)
		require.Positive(t, c.Acknowledged, signal)
		require.Equal(t, c.Sent, c.Verified, signal)
	}
	require.False(t, r.Bad(), "STRATA_TEST_SEED=%d: %+v", seed, r)
}

// clickHouseAway stops ClickHouse for two minutes in the middle of a long run.
func (sp *spread) clickHouseAway(ctx context.Context, began time.Time) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(3 * time.Minute):
	}
	sp.t.Logf("%6.1fs ClickHouse is away for two minutes", time.Since(began).Seconds())
	sp.engine.away.Lock()
	defer sp.engine.away.Unlock()
	sp.engine.kill()
	select {
	case <-ctx.Done():
	case <-time.After(2 * time.Minute):
	}
	sp.engine.launch()
}

// logWriter hands lines to the test's log.
type logWriter struct{ t *testing.T }

// Write implements io.Writer.
func (w logWriter) Write(b []byte) (int, error) {
	w.t.Log(string(b[:max(0, len(b)-1)]))
	return len(b), nil
}

var _ io.Writer = logWriter{}
