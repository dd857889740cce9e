// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/collector/javaattach"
)

// background starts a program that is killed when the test ends and whose output is logged if it failed.
func background(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			log := out.String()
			t.Logf("log of %s:\n%s", cmd.Args[0], log[max(0, len(log)-4000):])
		}
	})
}

// built runs a command in dir unless it has made the file already.
func built(t *testing.T, file, dir string, args ...string) {
	t.Helper()
	if _, err := os.Stat(file); err == nil {
		return
	}
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s: %s", strings.Join(args, " "), out)
}

// answers waits until something accepts connections.
func answers(t *testing.T, what, address string) {
	t.Helper()
	eventually(t, 90*time.Second, what+" answers", func() error {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// startMariaDB starts a MariaDB of its own and returns its address; root has no password there.
func startMariaDB(t *testing.T) string {
	t.Helper()
	dir, address := t.TempDir(), freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), "mariadb-install-db", "--no-defaults", "--user=root", "--datadir="+dir+"/data",
		"--auth-root-authentication-method=normal", "--skip-test-db").CombinedOutput()
	require.NoError(t, err, string(out))
	background(t, exec.Command("mariadbd", "--no-defaults", "--user=root", "--datadir="+dir+"/data", "--socket="+dir+"/sock",
		"--bind-address=127.0.0.1", "--port="+port))
	answers(t, "MariaDB", address)
	out, err = exec.CommandContext(t.Context(), "mariadb", "--no-defaults", "--user=root", "--socket="+dir+"/sock", "--execute=CREATE DATABASE shop").CombinedOutput()
	require.NoError(t, err, string(out))
	return address
}

// startTomcat starts Debian's Tomcat with one application and returns the address.
func startTomcat(t *testing.T, war string, env ...string) string {
	t.Helper()
	base, address := t.TempDir(), freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	for _, dir := range []string{"conf", "webapps", "logs", "temp", "work"} {
		require.NoError(t, os.Mkdir(filepath.Join(base, dir), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(base, "conf", "server.xml"), []byte(`<Server port="-1"><Service name="Catalina">
<Connector port="`+port+`" address="127.0.0.1"/><Engine name="Catalina" defaultHost="localhost"><Host name="localhost" appBase="webapps"/></Engine>
</Service></Server>`), 0o600))
	for from, to := range map[string]string{war: "webapps/shop.war", "/etc/tomcat10/web.xml": "conf/web.xml"} {
		b, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(base, to), b, 0o600))
	}
	cmd := exec.Command("/usr/share/tomcat10/bin/catalina.sh", "run")
	cmd.Env = append(append(os.Environ(), "CATALINA_HOME=/usr/share/tomcat10", "CATALINA_BASE="+base), env...)
	background(t, cmd)
	return address
}

// javaAgent fetches the OpenTelemetry Java agent from the server.
func (s *server) javaAgent(t *testing.T) string {
	t.Helper()
	jar, err := javaattach.Fetch(t.Context(), s.url(""), t.TempDir())
	require.NoError(t, err)
	return jar
}

// apps starts the example applications as docs/applications.md says, none of which knows of telemetry, and returns the shop's URL.
func (s *server) apps(t *testing.T) string {
	t.Helper()
	examples, err := filepath.Abs(filepath.Join("..", "..", "examples"))
	require.NoError(t, err)
	cache, err := filepath.Abs(filepath.Join("..", "..", "bin", "apps"))
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(cache, "node"), 0o755))
	built(t, filepath.Join(cache, "java", "shop.war"), filepath.Join(examples, "java"), "mvn", "-q", "-B", "package", "-DbuildDirectory="+filepath.Join(cache, "java"))
	venv := filepath.Join(cache, "python")
	built(t, filepath.Join(venv, "bin", "python"), examples, "python3", "-m", "venv", venv)
	built(t, filepath.Join(venv, "bin", "opentelemetry-instrument"), examples, filepath.Join(venv, "bin", "pip"), "install", "-q", "-r", "python/requirements.txt")
	for _, name := range []string{"package.json", "stock.js"} {
		b, err := os.ReadFile(filepath.Join(examples, "node", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(cache, "node", name), b, 0o600))
	}
	built(t, filepath.Join(cache, "node", "node_modules", "pino", "package.json"), filepath.Join(cache, "node"), "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund")
	jar := s.javaAgent(t)

	otel := func(service string, more ...string) []string {
		return append(append(os.Environ(), "OTEL_SERVICE_NAME="+service, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+s.run.OTLPHTTP,
			"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_METRIC_EXPORT_INTERVAL=1000", "OTEL_BSP_SCHEDULE_DELAY=200", "OTEL_BLRP_SCHEDULE_DELAY=200"), more...)
	}
	port := func(address string) string { return address[strings.LastIndex(address, ":")+1:] }
	stock, price := freeAddress(t), freeAddress(t)
	cmd := exec.Command("node", "--require", "@opentelemetry/auto-instrumentations-node/register", "stock.js", port(stock))
	cmd.Dir, cmd.Env = filepath.Join(cache, "node"), otel("stock", "OTEL_LOGS_EXPORTER=otlp", "OTEL_METRICS_EXPORTER=otlp",
		"OTEL_NODE_RESOURCE_DETECTORS=env,host,os,process") // All of them would ask clouds where they are.
	background(t, cmd)
	cmd = exec.Command(filepath.Join(venv, "bin", "opentelemetry-instrument"), filepath.Join(venv, "bin", "python"), filepath.Join(examples, "python", "price.py"), port(price))
	cmd.Env = otel("price", "STOCK_URL=http://"+stock, "OTEL_LOGS_EXPORTER=otlp", "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED=true")
	background(t, cmd)
	kafka, _ := shared.servers(t)
	shop := startTomcat(t, filepath.Join(cache, "java", "shop.war"), otel("shop", "JAVA_TOOL_OPTIONS=-javaagent:"+jar,
		"DB_URL=jdbc:mariadb://"+startMariaDB(t)+"/shop", "DB_USER=root", "DB_PASSWORD=", "KAFKA="+kafka.Brokers[0], "PRICE_URL=http://"+price)...)
	for what, address := range map[string]string{"the Node application": stock, "the Python application": price, "Tomcat": shop} {
		answers(t, what, address)
	}
	return "http://" + shop
}

// appSpan is a span as the API gives it.
type appSpan struct {
	ID         string            `json:"id"`
	Parent     string            `json:"parent"`
	Service    string            `json:"service"`
	Name       string            `json:"name"`
	Kind       string            `json:"kind"`
	Attributes map[string]string `json:"attributes"`
}

// TestApplicationsWithoutALineOfCode sends one request through Tomcat, JDBC, a Python and a Node service and Kafka, and finds all of it in one
// trace with its logs, and the run times' own metrics.
func TestApplicationsWithoutALineOfCode(t *testing.T) {
	t.Parallel()
	s := start(t, quiet()...)
	shop := s.apps(t)
	eventually(t, 60*time.Second, "an order is taken", func() error {
		resp, err := http.PostForm(shop+"/shop/order", url.Values{"item": {"lamp"}})
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
	id := ""
	var lines []string
	eventually(t, 30*time.Second, "the logs of the order are there", func() error {
		var answer struct {
			Logs []struct {
				TraceID string `json:"trace_id"`
				Body    string `json:"body"`
			} `json:"logs"`
		}
		q := wide()
		q.Set("query", `service:shop "packed"`)
		if err := s.getJSON("/api/v1/logs?"+q.Encode(), &answer); err != nil || len(answer.Logs) == 0 {
			return errors.Join(err, errors.New("nothing is packed"))
		}
		id = answer.Logs[0].TraceID
		q.Set("query", "trace:"+id)
		if err := s.getJSON("/api/v1/logs?"+q.Encode(), &answer); err != nil {
			return err
		}
		lines = lines[:0]
		for _, l := range answer.Logs {
			lines = append(lines, l.Body)
		}
		for _, want := range []string{"in stock", "lamp costs", "of lamp taken", "of lamp packed"} {
			if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, want) }) {
				return fmt.Errorf("no %q in %q", want, lines)
			}
		}
		return nil
	})
	var trace struct {
		Spans []appSpan `json:"spans"`
	}
	want := map[string]string{ // Each hop, and the one it is under.
		"shop server POST": "", "shop client GET": "shop server POST", "price server GET": "shop client GET", "price client GET": "price server GET",
		"stock server GET": "price client GET", "shop client INSERT": "shop server POST", "shop producer orders": "shop server POST",
		"shop consumer orders": "shop producer orders", "shop client UPDATE": "shop consumer orders",
	}
	eventually(t, 30*time.Second, "the whole chain is one trace", func() error {
		if err := s.getJSON("/api/v1/traces/"+id, &trace); err != nil {
			return err
		}
		return chain(trace.Spans, want)
	})
	for name, query := range map[string]string{
		"the JVM's memory": `jvm_memory_used_bytes{service_name="shop"}`, "requests of Tomcat": `http_server_request_duration_seconds_count{service_name="shop"}`,
		"requests of Python": `{__name__=~"http_server.*duration.*_count",service_name="price"}`,
		"requests of Node":   `{__name__=~"http_server.*duration.*_count",service_name="stock"}`,
	} {
		eventually(t, 20*time.Second, name, func() error {
			a, err := s.instant(query)
			if err == nil && len(a.Data.Result) == 0 {
				err = errors.New("no series")
			}
			return err
		})
	}
	s.requireOnPage(t, page{service: "shop", logs: "price", query: `jvm_memory_used_bytes{service_name="shop"}`})
}

// chain says whether every hop is there, under the one it belongs to; frameworks may put spans of their own between.
func chain(spans []appSpan, want map[string]string) error {
	byID := make(map[string]appSpan, len(spans))
	var have []string
	for _, sp := range spans {
		byID[sp.ID] = sp
		have = append(have, hop(sp))
	}
	for name, under := range want {
		i := slices.IndexFunc(spans, func(sp appSpan) bool { return strings.HasPrefix(hop(sp), name) })
		if i < 0 {
			return fmt.Errorf("no %q among %q", name, have)
		}
		above := byID[spans[i].Parent]
		for above.ID != "" && !strings.HasPrefix(hop(above), under) {
			above = byID[above.Parent]
		}
		if under != "" && above.ID == "" {
			return fmt.Errorf("%q is not under %q: %q", name, under, slices.Sorted(maps.Keys(want)))
		}
	}
	return nil
}

func hop(sp appSpan) string { return sp.Service + " " + sp.Kind + " " + sp.Name }

// TestJavaAttach puts the Java agent into a program that is running, by the agent's command.
func TestJavaAttach(t *testing.T) {
	t.Parallel()
	s := start(t, quiet()...)
	classes := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "javac", "-d", classes, filepath.Join("java", "Shop.java")).CombinedOutput()
	require.NoError(t, err, string(out))
	cmd := exec.Command("java", "-cp", classes, "Shop", "100000", "50")
	cmd.Env = append(os.Environ(), "OTEL_BSP_SCHEDULE_DELAY=200", "OTEL_BLRP_SCHEDULE_DELAY=200", "OTEL_METRIC_EXPORT_INTERVAL=1000")
	background(t, cmd)
	agent := func(args ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), program(t, "strata-agent"), append([]string{"java-attach"}, args...)...).CombinedOutput()
		return string(out), err
	}
	pid := strconv.Itoa(cmd.Process.Pid)
	eventually(t, 20*time.Second, "the program is listed", func() error {
		out, err := agent()
		if err == nil && !regexp.MustCompile(`(?m)^`+pid+` +Shop +no$`).MatchString(out) {
			err = errors.New(out)
		}
		return err
	})
	attach := []string{pid, "--server", s.url(""), "--endpoint", "http://" + s.run.OTLPHTTP, "--service", "late", "--dir", t.TempDir()}
	said, err := agent(attach...)
	require.NoError(t, err, said)
	// The JDK's own web server is wrapped when it is created, so its side of a request has no span; see docs/applications.md.
	for what, path := range map[string]string{"requests it makes": "/api/v1/traces", "log records": "/api/v1/logs"} {
		eventually(t, 60*time.Second, what, func() error {
			q := wide()
			q.Set("query", map[string]string{"/api/v1/traces": "service:late kind:client", "/api/v1/logs": `service:late "cart read"`}[path])
			var answer struct {
				Traces, Logs []any
			}
			err := s.getJSON(path+"?"+q.Encode(), &answer)
			if err == nil && len(answer.Traces)+len(answer.Logs) == 0 {
				err = errors.New("none")
			}
			return err
		})
	}
	eventually(t, 90*time.Second, "metrics of its run time", func() error {
		a, err := s.instant(`jvm_memory_used_bytes{service_name="late"}`)
		if err == nil && len(a.Data.Result) == 0 {
			err = errors.New("none")
		}
		return err
	})
	said, err = agent(attach...)
	require.Error(t, err)
	require.Contains(t, said, "has the OpenTelemetry Java agent already")
	said, err = agent(strconv.Itoa(os.Getpid()), "--server", s.url(""))
	require.Error(t, err)
	require.Contains(t, said, "no Java virtual machine")
}
