// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/strata-apm/strata/bench/agents"
)

// options are the command line.
type options struct {
	strata             string
	out, work          string
	runs, steps, hosts int
	series             int
	conns              int
	spans, rows        int
	load, idle         time.Duration
	only, kafka        string
	// prometheus, victoriaMetrics, victoriaLogs and jaeger are programs; an empty one is left out.
	prometheus, victoriaMetrics, victoriaLogs, jaeger string
	// agent, collector and nodeExporter are programs, of which an empty one is left out; lines is the length of the log that the first two read.
	agent, collector, nodeExporter string
	lines                          int
	agentTime                      time.Duration
	// recorded is a data directory to measure, record how long to record one; both are left out where they are empty.
	recorded string
	record   time.Duration
	// agents are the numbers of agents of the fleet, agentsEach is how many of them one process of the server hears.
	agents                     string
	agentsEach                 int
	fleetTime, board, patience time.Duration
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("strata-bench", flag.ContinueOnError)
	f.StringVar(&o.strata, "strata", "bin/strata", "the server to measure")
	f.StringVar(&o.prometheus, "prometheus", "", "a peer for metrics; empty leaves it out")
	f.StringVar(&o.victoriaMetrics, "victoria-metrics", "", "a peer for metrics; empty leaves it out")
	f.StringVar(&o.victoriaLogs, "victoria-logs", "", "a peer for logs; empty leaves it out")
	f.StringVar(&o.jaeger, "jaeger", "", "a peer for traces, the all-in-one; empty leaves it out")
	f.StringVar(&o.out, "out", "bench/results.json", "where the figures go")
	f.StringVar(&o.work, "work", "", "where data directories are made; default: the system's")
	f.IntVar(&o.runs, "runs", 3, "runs per figure; the median counts")
	f.IntVar(&o.hosts, "hosts", 100, "hosts of the metrics load, 101 series each")
	f.IntVar(&o.steps, "steps", 720, "samples per series, 10 s apart; at most 720 fit into the two hours that are taken")
	f.IntVar(&o.series, "series", 1_000_000, "active series whose memory is measured")
	f.IntVar(&o.conns, "conns", 4, "connections of the sender")
	f.IntVar(&o.spans, "spans", 400_000, "spans of a traces run")
	f.IntVar(&o.rows, "rows", 1_000_000, "log records of a logs run")
	f.DurationVar(&o.load, "load", 20*time.Second, "length of the latency run")
	f.DurationVar(&o.idle, "idle", 30*time.Second, "rest before idle memory is read")
	f.StringVar(&o.only, "only", "", "comma-separated parts of: idle,metrics,remotewrite,traces,logs,latency,catchup,kafka,agent,recorded,series,fleet; all but fleet by default")
	f.StringVar(&o.agent, "agent", "bin/strata-agent", "the agent to measure")
	f.StringVar(&o.collector, "collector", "bin/otelcol", "its peer for host metrics and log files; empty leaves it out")
	f.StringVar(&o.nodeExporter, "node-exporter", "bin/prometheus-node-exporter", "its peer for host metrics; empty leaves it out")
	f.IntVar(&o.lines, "lines", 500_000, "lines of the agent's log")
	f.DurationVar(&o.agentTime, "agent-time", time.Minute, "how long the agent watches the host in a run; 0 leaves that out and measures lines only")
	f.StringVar(&o.recorded, "recorded", "", "the data directory of a server that was stopped, whose metrics are measured")
	f.DurationVar(&o.record, "record", 0, "how long to record this host's metrics, to measure them")
	f.StringVar(&o.agents, "agents", "1000,10000,30000", "comma-separated numbers of agents of the fleet")
	f.IntVar(&o.agentsEach, "agents-each", 3750, "how many agents one process of the server hears; more get gateways, Kafka and PostgreSQL")
	f.DurationVar(&o.fleetTime, "fleet-time", time.Minute, "how long the fleet is watched at rest")
	f.DurationVar(&o.board, "board", boardEvery, "how often an agent of the fleet sends its status board; 0 for heartbeats alone")
	f.DurationVar(&o.patience, "fleet-patience", fleetPatience, "how long all agents of the fleet may take to be online")
	f.StringVar(&o.kafka, "kafka", "deploy/kafka/kafka.sh", "the script that starts a broker")
	if err := f.Parse(args); err != nil {
		return o, fmt.Errorf("flags: %w", err)
	}
	return o, nil
}

// wants says whether a part is measured. A fleet needs PostgreSQL, Kafka and long: it has to be named.
func (o options) wants(part string) bool {
	return o.only == "" && part != "fleet" || strings.Contains(","+o.only+",", ","+part+",")
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if len(os.Args) > 1 && os.Args[1] == agents.Command {
		err = runAgents(ctx, os.Args[2:])
	} else {
		err = run(ctx, os.Args[1:])
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "strata-bench:", err)
		os.Exit(1)
	}
}

// runAgents holds agents for another process of this program.
func runAgents(ctx context.Context, args []string) error {
	l, err := agents.Parse(args)
	if err != nil {
		return err
	}
	return l.Run(ctx, os.Stdout)
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.work, err = os.MkdirTemp(o.work, "strata-bench-"); err != nil {
		return fmt.Errorf("make work directory: %w", err)
	}
	defer os.RemoveAll(o.work)
	b := &bench{options: o, report: newReport(os.Stderr)}
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"idle", b.idleRun},
		{"metrics", b.metricsRuns},
		{"remotewrite", b.remoteWriteRuns},
		{"traces", b.tracesRuns},
		{"logs", b.logsRuns},
		{"latency", b.latencyRun},
		{"catchup", b.catchUp},
		{"kafka", b.kafkaRuns},
		{"agent", b.agentRuns},
		{"recorded", b.recordedRun},
		{"series", b.seriesRun},
		{"fleet", b.fleetRuns},
	} {
		if !o.wants(part.name) {
			continue
		}
		if err := part.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	if err := b.report.table(os.Stdout); err != nil {
		return err
	}
	return b.report.save(o.out)
}

// bench is the state of one invocation.
type bench struct {
	options
	report *report
	// via is put before the name of each figure, env is given to each server: how the bus is chosen.
	via string
	env []string
}

// add notes a figure of the bus under measurement.
func (b *bench) add(name, unit, target string, v float64) {
	b.report.add(b.via+name, unit, target, v)
}

// last is the newest run of a figure of the bus under measurement.
func (b *bench) last(name string) float64 { return b.report.last(b.via + name) }
