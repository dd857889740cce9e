// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/testutil/kafkatest"
	"github.com/strata-apm/strata/internal/testutil/pgtest"
)

// standalone is the engine as a process of its own.
type standalone struct {
	t       *testing.T
	dir     string
	address string
	cmd     *exec.Cmd
	logs    bytes.Buffer
	// away is held while the engine is down for long.
	away sync.Mutex
}

func startEngine(t *testing.T) *standalone {
	t.Helper()
	e := &standalone{t: t, dir: t.TempDir(), address: freeAddress(t)}
	e.launch()
	t.Cleanup(func() {
		e.kill()
		if t.Failed() {
			log := e.logs.String()
			t.Logf("log of the engine:\n%s", log[max(0, len(log)-3000):])
		}
	})
	return e
}

func (e *standalone) launch() {
	e.t.Helper()
	e.cmd = exec.Command(program(e.t, "strata"), "engine", "--listen", e.address, "--data-dir", e.dir, "--memory-bytes", "2147483648")
	e.cmd.Stdout, e.cmd.Stderr = &e.logs, &e.logs
	require.NoError(e.t, e.cmd.Start())
	eventually(e.t, 30*time.Second, "the engine answers", func() error {
		resp, err := http.Get("http://" + e.address + "/ping")
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
}

func (e *standalone) kill() {
	if e.cmd != nil {
		_ = e.cmd.Process.Kill()
		_ = e.cmd.Wait()
		e.cmd = nil
	}
}

// spread is the product as separate processes: gateway, writers, query, alert, Kafka, PostgreSQL and ClickHouse's engine.
type spread struct {
	// server answers like a process with every role: the page of query, the intake of the gateway.
	*server
	kafka *kafkatest.Cluster
	// topics is the prefix of the topics.
	topics  string
	pg      *pgtest.Server
	engine  *standalone
	gateway *server
	writers []*server
	query   *server
	alert   *server
}

// spreadOptions say how many of what; without brokers the broker is the one that the tests of the package share.
// firstWriterDir is the data directory of the first writer, empty for any.
type spreadOptions struct {
	brokers, writers int
	firstWriterDir   string
	env              []string
}

// startSpread starts the processes with the given number of writers on the shared Kafka, whose brokers no test may stop.
func startSpread(t *testing.T, writers int, env ...string) *spread {
	t.Helper()
	return startSpreadOn(t, spreadOptions{writers: writers, env: env})
}

func startSpreadOn(t *testing.T, o spreadOptions) *spread {
	t.Helper()
	sp := &spread{engine: startEngine(t)}
	var env []string
	if o.brokers > 0 {
		sp.kafka, sp.pg = kafkatest.Start(t, kafkatest.Options{Brokers: o.brokers}), pgtest.Start(t)
	} else {
		sp.kafka, sp.pg = shared.servers(t)
		sp.topics = strings.ReplaceAll(t.Name(), "/", ".") + "."
		env = append(env, "STRATA_BUS_KAFKA_TOPIC_PREFIX="+sp.topics)
	}
	env = append(env,
		"STRATA_CATALOG_URL="+sp.pg.Database(),
		"STRATA_BUS_KAFKA_BROKERS=["+strings.Join(sp.kafka.Brokers, ",")+"]",
		"STRATA_BUS_KAFKA_PARTITIONS=4", fmt.Sprintf("STRATA_BUS_KAFKA_REPLICATION_FACTOR=%d", max(o.brokers, 1)),
		"STRATA_CLICKHOUSE_URL=http://"+sp.engine.address+"/strata", "STRATA_SELF_ENABLED=false",
	)
	env = append(env, o.env...)
	sp.gateway = startRole(t, "gateway", "", env...)
	for i := range o.writers {
		dir := ""
		if i == 0 {
			dir = o.firstWriterDir
		}
		named := append(slices.Clone(env), fmt.Sprintf("STRATA_CLUSTER_INSTANCE=writer-%d", i+1))
		sp.writers = append(sp.writers, startRole(t, "writer", dir, named...))
	}
	sp.query, sp.alert = startRole(t, "query", "", env...), startRole(t, "alert", "", env...)
	sp.server = &server{t: t, role: "query", dir: sp.query.dir, env: env, logs: &bytes.Buffer{}, writeHTTP: sp.gateway.run.HTTP, intake: sp.gateway, run: sp.query.run}
	sp.run.OTLPGRPC, sp.run.OTLPHTTP = sp.gateway.run.OTLPGRPC, sp.gateway.run.OTLPHTTP
	return sp
}

// processes are the strata processes, for faults.
func (sp *spread) processes() []*server {
	return append([]*server{sp.gateway, sp.query, sp.alert}, sp.writers...)
}

// pause stops a process as a machine that hangs does; the returned function lets it go on.
func (s *server) pause() (resume func()) {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Signal(syscall.SIGSTOP))
	return func() { require.NoError(s.t, s.cmd.Process.Signal(syscall.SIGCONT)) }
}

// TestBothForms runs the same cases against one process with every role and against the spread-out form, each started once.
func TestBothForms(t *testing.T) {
	t.Parallel()
	for form, begin := range map[string]func(t *testing.T) *server{
		"all":    func(t *testing.T) *server { return start(t, quiet()...) },     //nolint:thelper // It is the start of the test.
		"spread": func(t *testing.T) *server { return startSpread(t, 2).server }, //nolint:thelper // It is the start of the test.
	} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			s := begin(t)
			for _, c := range []struct {
				name string
				run  func(t *testing.T, s *server)
			}{
				{"go_sdk", goSDK},
				{"telemetrygen", generatedTelemetry},
				{"remote_write", prometheusRemoteWriteClients},
				{"remote_read", remoteRead},
				{"java_agent", javaProgram},
				{"slow_client", slowClient},
				{"rapid_reset", rapidReset},
				{"continuation_flood", continuationFlood},
				{"idle_connections", idleConnections},
				{"lost_answer", lostAnswer},
				{"large_trace", largeTrace},
				{"tenants", twoTenants},
			} {
				t.Run(c.name, func(t *testing.T) { c.run(t, s) })
			}
		})
	}
}

// TestCollectorsKafkaExporter: what an OpenTelemetry Collector's Kafka exporter writes into the topics (otlp_proto) is stored as it is.
func TestCollectorsKafkaExporter(t *testing.T) {
	t.Parallel()
	path, err := filepath.Abs(filepath.Join("..", "..", "bin", "kafkaexport"))
	require.NoError(t, err)
	build := exec.Command("go", "build", "-o", path, ".")
	build.Dir = filepath.Join("peers", "kafkaexport")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	sp := startSpread(t, 1)
	out, err = exec.CommandContext(t.Context(), path, strings.Join(sp.kafka.Brokers, ","), sp.topics).CombinedOutput()
	require.NoError(t, err, string(out))
	const requests = 10
	eventually(t, 60*time.Second, "everything is stored", func() error {
		c, err := sp.storedCounts()
		if err == nil && c != (counts{3 * requests, requests}) {
			err = fmt.Errorf("%+v", c)
		}
		if err != nil {
			return err
		}
		a, err := sp.instant("behind_kafka")
		if err == nil && len(a.Data.Result) != requests {
			err = fmt.Errorf("%d series", len(a.Data.Result))
		}
		return err
	})
	eventually(t, 20*time.Second, "the ledger has it", func() error {
		for _, tot := range sp.waitStored().Totals {
			if tot.Stored == 0 || tot.Received != tot.Stored || !tot.Balanced {
				return fmt.Errorf("%+v", tot)
			}
		}
		return nil
	})
}
