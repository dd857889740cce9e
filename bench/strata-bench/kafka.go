// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/strata-apm/strata/bench/replay"
)

// brokerPort is the first of the ports the broker takes.
const brokerPort = 19092

// broker is one Kafka broker on this machine.
type broker struct {
	script, dir string
	pid         int
}

func (b *bench) startBroker(ctx context.Context) (*broker, error) {
	k := &broker{script: b.kafka, dir: filepath.Join(b.work, "kafka")}
	if err := k.run(ctx, "start", "--brokers", "1", "--port", strconv.Itoa(brokerPort)); err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(filepath.Join(k.dir, "broker-1.pid"))
	if err == nil {
		k.pid, err = strconv.Atoi(strings.TrimSpace(string(raw)))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("find the broker: %w", err), k.stop(ctx))
	}
	return k, nil
}

func (k *broker) run(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, k.script, append(args, "--dir", k.dir)...) //nolint:gosec // Named on the command line.
	// The tests' heap is for many brokers beside each other; this one is measured.
	cmd.Env = append(os.Environ(), "STRATA_KAFKA_JAVA_OPTS=-Xms1g -Xmx1g")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", k.script, args[0], err, out)
	}
	return nil
}

func (k *broker) stop(ctx context.Context) error { return k.run(context.WithoutCancel(ctx), "stop") }

// cpu is what the broker has used.
func (k *broker) cpu() (time.Duration, error) {
	u, err := (&process{cmd: &exec.Cmd{Process: &os.Process{Pid: k.pid}}}).cpu()
	return u.own, err
}

// kafkaRuns repeats the throughput, latency and catch-up runs with Kafka as the bus, one run each. The broker's own processor time is not
// in the server's figures; it is told beside them.
func (b *bench) kafkaRuns(ctx context.Context) (err error) {
	k, err := b.startBroker(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.stop(ctx)) }()
	over := *b
	over.via, over.runs = "over Kafka: ", 1
	over.prometheus, over.victoriaMetrics, over.victoriaLogs, over.jaeger = "", "", "", ""
	over.env = []string{
		"STRATA_BUS_KAFKA_BROKERS=[" + net.JoinHostPort("127.0.0.1", strconv.Itoa(brokerPort)) + "]",
		"STRATA_BUS_KAFKA_PARTITIONS=4", "STRATA_BUS_KAFKA_REPLICATION_FACTOR=1",
	}
	for _, part := range []struct {
		name  string
		items int
		run   func(context.Context) error
	}{
		{"metrics", b.hosts * 101 * b.steps, over.metricsRuns}, {"traces", b.spans, over.tracesRuns}, {"logs", b.rows, over.logsRuns},
	} {
		before, err := k.cpu()
		if err != nil {
			return err
		}
		if err := part.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		after, err := k.cpu()
		if err != nil {
			return err
		}
		over.add(part.name+": the broker beside it", "µs/item", "", (after-before).Seconds()*1e6/float64(part.items))
	}
	if err := over.latencyRun(ctx); err != nil {
		return fmt.Errorf("latency: %w", err)
	}
	return over.catchUp(ctx)
}

// catchUp stops the engine, sends spans that pile up on the bus, lets the engine go on and measures how fast they are stored.
func (b *bench) catchUp(ctx context.Context) (err error) {
	s, err := b.startStrata(ctx, b.dir("catchup", 0))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	engine := s.pids()[1:]
	if len(engine) != 1 {
		return fmt.Errorf("the server has %d children, not one engine", len(engine))
	}
	bodies, err := recordBodies(b.conns, 0, func(seed uint64) (*replay.Records, error) { return replay.NewTraces(seed, tracesPerBody) })
	if err != nil {
		return err
	}
	conns, closeAll, err := dialAll(ctx, b.conns, s.otlp, "/v1/traces")
	if err != nil {
		return err
	}
	defer closeAll()
	if err := syscall.Kill(engine[0], syscall.SIGSTOP); err != nil {
		return fmt.Errorf("stop the engine: %w", err)
	}
	total, err := sendRecords(ctx, conns, bodies, b.spans)
	began := time.Now()
	if err = errors.Join(err, syscall.Kill(engine[0], syscall.SIGCONT)); err != nil {
		return fmt.Errorf("send while the engine stands: %w", err)
	}
	if err := s.waitStored(ctx, "traces", total.items); err != nil {
		return err
	}
	b.add("catch-up after an outage of the store, one writer", "spans/s", "", float64(total.items)/time.Since(began).Seconds())
	return nil
}
