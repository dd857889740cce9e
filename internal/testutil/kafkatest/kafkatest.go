// SPDX-License-Identifier: Apache-2.0

package kafkatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// User and Password are who the SASL listener knows, for PLAIN and SCRAM.
const (
	User     = "strata"
	Password = "strata-local"
)

const (
	// portsPerCluster is how many consecutive ports kafka.sh takes.
	portsPerCluster = 12
	// Ports are picked below the range that the kernel gives to outgoing connections.
	firstPort, lastPort = 15000, 32000
	startAttempts       = 3
	commandTimeout      = 3 * time.Minute
)

// Options say what to start; the zero value is one broker without SASL and TLS.
type Options struct {
	// Brokers is 1 (default) or 3.
	Brokers   int
	SASL, TLS bool
	// Throughput lets Java optimise in earnest, for benchmarks. Otherwise brokers start with half the work.
	Throughput bool
}

// Cluster is a running cluster. Its methods are safe for concurrent use on different brokers.
type Cluster struct {
	// Brokers, SASL and TLS are the addresses of each listener, one per broker.
	Brokers, SASL, TLS []string
	// Dir holds logs, storage and, with TLS, tls/{ca,client}.pem and tls/client.key.
	Dir  string
	port int
	env  []string
}

// Start starts a cluster that is stopped when the test ends. It fails the test when it cannot.
func Start(tb testing.TB, opts Options) *Cluster {
	tb.Helper()
	c, err := New(tb.Context(), tb.TempDir(), opts)
	if err != nil {
		tb.Fatalf("start Kafka: %v", err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Errorf("stop Kafka: %v", err)
		}
	})
	return c
}

// New starts a cluster with its storage in dir, for TestMain. The caller closes it.
func New(ctx context.Context, dir string, opts Options) (*Cluster, error) {
	if opts.Brokers == 0 {
		opts.Brokers = 1
	}
	var err error
	for range startAttempts { // Another process may take a port between the probe and the start.
		c := &Cluster{Dir: filepath.Join(dir, "kafka-"+strconv.Itoa(rand.Int()))} //nolint:gosec // A name.
		if c.port, err = freePorts(ctx); err != nil {
			return nil, err
		}
		args := []string{"start", "--brokers", strconv.Itoa(opts.Brokers), "--port", strconv.Itoa(c.port)}
		if !opts.Throughput {
			c.env = []string{"STRATA_KAFKA_JAVA_OPTS=-XX:TieredStopAtLevel=1"}
		}
		if opts.SASL {
			args = append(args, "--sasl")
		}
		if opts.TLS {
			args = append(args, "--tls")
		}
		if err = c.script(ctx, args...); err == nil {
			c.addresses(opts)
			return c, nil
		}
		_ = c.script(ctx, "stop")
	}
	return nil, err
}

func (c *Cluster) addresses(opts Options) {
	list := func(offset int) []string {
		var out []string
		for n := range opts.Brokers {
			out = append(out, net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port+offset+n)))
		}
		return out
	}
	c.Brokers, c.SASL, c.TLS = list(0), list(6), list(9)
}

// Close stops all brokers. The storage stays until the caller removes it.
func (c *Cluster) Close() error { return c.script(context.Background(), "stop") }

// Kill sends SIGKILL to broker n, counted from 1.
func (c *Cluster) Kill(ctx context.Context, n int) error { return c.broker(ctx, "kill-broker", n) }

// Stop sends SIGTERM to broker n and waits for its end.
func (c *Cluster) Stop(ctx context.Context, n int) error { return c.broker(ctx, "stop-broker", n) }

// Restart starts broker n again on its storage and waits until it takes requests.
func (c *Cluster) Restart(ctx context.Context, n int) error {
	return c.broker(ctx, "start-broker", n)
}

// Pause sends SIGSTOP to broker n: connections stay open and nothing answers.
func (c *Cluster) Pause(ctx context.Context, n int) error { return c.broker(ctx, "pause-broker", n) }

// Resume ends Pause.
func (c *Cluster) Resume(ctx context.Context, n int) error { return c.broker(ctx, "resume-broker", n) }

func (c *Cluster) broker(ctx context.Context, action string, n int) error {
	return c.script(ctx, action, strconv.Itoa(n))
}

func (c *Cluster) script(ctx context.Context, args ...string) error {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return errors.New("find deploy/kafka/kafka.sh: no caller")
	}
	path := filepath.Join(filepath.Dir(file), "..", "..", "..", "deploy", "kafka", "kafka.sh")
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, append(args, "--dir", c.Dir)...) //nolint:gosec // Arguments of tests.
	// A file, not a pipe: the brokers inherit it, and Wait would wait for them.
	out, err := os.CreateTemp("", "kafkatest-*.log")
	if err != nil {
		return fmt.Errorf("create log of kafka.sh: %w", err)
	}
	defer func() { _ = errors.Join(out.Close(), os.Remove(out.Name())) }()
	cmd.Stdout, cmd.Stderr, cmd.Env = out, out, append(os.Environ(), c.env...)
	cmd.Env = append(cmd.Env, "STRATA_KAFKA_OWNER="+strconv.Itoa(os.Getpid()))
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(out.Name())
		return fmt.Errorf("kafka.sh %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(said))
	}
	return nil
}

// freePorts returns the first of portsPerCluster consecutive free ports.
func freePorts(ctx context.Context) (int, error) {
	for range 50 {
		base := firstPort + rand.IntN(lastPort-firstPort-portsPerCluster) //nolint:gosec // A port.
		if free(ctx, base) {
			return base, nil
		}
	}
	return 0, errors.New("no free ports on loopback")
}

func free(ctx context.Context, base int) bool {
	var lc net.ListenConfig
	for i := range portsPerCluster {
		l, err := lc.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(base+i)))
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}
