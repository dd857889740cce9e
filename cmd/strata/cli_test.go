// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/storage/clickhouse/engine"
)

// TestMain is the program itself where the server starts its engine: by this executable, with "engine serve".
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "engine" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
		stop()
		os.Exit(code)
	}
	goleak.VerifyTestMain(m)
}

// lines is a stream that may be read while it is written to. Safe for concurrent use.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// strata runs a command to its end.
func strata(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err lines
	code = run(t.Context(), args, &out, &err)
	return code, out.String(), err.String()
}

// works runs a command that must succeed, without a word on standard error, and returns what it prints.
func works(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := strata(t, args...)
	require.Equal(t, 0, code, "%v: %s", args, stderr)
	require.Empty(t, stderr, "%v", args)
	return stdout
}

// fails runs a command that must fail with the code, and returns what it says on standard error. Nothing may be on standard output but help.
func fails(t *testing.T, code int, args ...string) string {
	t.Helper()
	got, stdout, stderr := strata(t, args...)
	require.Equal(t, code, got, "%v: %s", args, stderr)
	require.Contains(t, stderr, "strata: ", "%v", args)
	if code == 1 {
		require.Empty(t, stdout, "%v", args)
	}
	return stderr
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "strata.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// TestMistakesInArguments: exit code 2, and what is wrong.
func TestMistakesInArguments(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"nonsense"}, "unexpected argument nonsense"},
		{[]string{"--nope"}, "unknown flag --nope"},
		{[]string{"all", "more"}, "unexpected argument more"},
		{[]string{"key"}, "expected one of"},
		{[]string{"key", "create"}, "missing flags: --name=STRING, --scope=STRING"},
		{[]string{"key", "create", "--name", "x", "--scope", "root"}, `--scope must be one of "ingest","read","admin","browser"`},
		{[]string{"key", "create", "--name", "x", "--scope", "process"}, "--scope must be one of"},
		{[]string{"key", "create", "--name", "x", "--scope", "read", "--expires-in", "soon"}, "--expires-in"},
		{[]string{"key", "revoke"}, `expected "<id>"`},
		{[]string{"instance"}, "expected one of"},
		{[]string{"instance", "forget"}, `expected "<id>"`},
		{[]string{"check", "--role", "nonsense"}, "--role must be one of"},
		{[]string{"engine"}, "missing flags: --listen=ADDR"},
		{[]string{"engine", "--listen", "127.0.0.1:0", "--memory-bytes", "much"}, "--memory-bytes"},
		{[]string{"demo", "--rate", "fast"}, "--rate"},
		{[]string{"vulture", "--window", "wide"}, "--window"},
		{[]string{"query", "--log-level"}, "--log-level"},
	} {
		require.Contains(t, fails(t, 2, c.args...), c.want, "%v", c.args)
	}
}

func TestHelpAndVersion(t *testing.T) {
	help := works(t, "--help")
	for _, command := range []string{"all", "gateway", "writer", "query", "alert", "check", "config", "key create", "instance list", "engine fetch", "demo", "vulture", "version"} {
		require.Contains(t, help, "\n  "+command, command)
	}
	require.NotContains(t, help, "engine serve", "the server's own")
	require.Contains(t, works(t, "key", "create", "--help"), "--tenant")
	require.Equal(t, "strata "+version+" "+commit+"\n", works(t, "version"))
}

// TestCheck: the file, the environment and the flags are read as the roles read them, and nothing is started.
func TestCheck(t *testing.T) {
	require.Equal(t, "the configuration is valid\n", works(t, "check"))
	require.Equal(t, "the configuration is valid\n", works(t, "check", "--config", write(t, "http: {listen: '127.0.0.1:0'}")))
	spread := write(t, "catalog: {url: 'postgres://u@h/d'}\nbus: {kafka: {brokers: ['h:1']}}\nclickhouse: {url: 'http://h:8123/d'}\n")
	for _, role := range []string{"gateway", "writer", "query", "alert"} {
		require.Equal(t, "the configuration is valid\n", works(t, "check", "--role", role, "--config", spread))
		require.Contains(t, fails(t, 1, "check", "--role", role), "configuration: catalog.url: the role "+role+" needs")
	}
	for text, want := range map[string]string{
		"htpp: {}":                  "field htpp not found",
		"log_level: loud":           `log_level "loud" is none of`,
		"http: {listen: '7080'}":    "http.listen",
		"auth: {local: perhaps}":    "auth.local",
		"otlp: {max_body_bytes: 1}": "otlp.max_body_bytes is called intake.max_body_bytes now",
	} {
		path := write(t, text)
		require.Contains(t, fails(t, 1, "check", "--config", path), want)
		require.Contains(t, fails(t, 1, "all", "--config", path), want, "the start says the same")
	}
	require.Contains(t, fails(t, 1, "check", "--config", "/none.yaml"), "read configuration: open /none.yaml")
	require.Contains(t, fails(t, 1, "check", "--http-listen", "x"), `http.listen "x" is not host:port`)
	t.Setenv("STRATA_HTPP", "1")
	require.Contains(t, fails(t, 1, "check"), "STRATA_HTPP names no configuration key")
}

// TestConfig: flags come before the environment, and that before the file; what is printed is read again as the same.
func TestConfig(t *testing.T) {
	want := config.Default()
	b, err := want.Marshal()
	require.NoError(t, err)
	require.Equal(t, string(b), works(t, "config"))

	path := write(t, "http: {listen: '127.0.0.1:1'}\notlp: {grpc_listen: '127.0.0.1:2', http_listen: '127.0.0.1:3'}\nlog_level: warn\ndata_dir: /file\n")
	t.Setenv("STRATA_OTLP_GRPC_LISTEN", "127.0.0.1:20")
	t.Setenv("STRATA_OTLP_HTTP_LISTEN", "127.0.0.1:30")
	t.Setenv("STRATA_DATA_DIR", "/environment")
	printed := works(t, "config", "--config", path, "--otlp-http-listen", "127.0.0.1:300", "--data-dir", "/flag", "--log-level", "debug")
	want.HTTP.Listen, want.OTLP.GRPCListen, want.OTLP.HTTPListen, want.LogLevel, want.DataDir = "127.0.0.1:1", "127.0.0.1:20", "127.0.0.1:300", "debug", "/flag"
	b, err = want.Marshal()
	require.NoError(t, err)
	require.Equal(t, string(b), printed)
	for _, name := range []string{"STRATA_OTLP_GRPC_LISTEN", "STRATA_OTLP_HTTP_LISTEN", "STRATA_DATA_DIR"} {
		require.NoError(t, os.Unsetenv(name))
	}
	require.Equal(t, printed, works(t, "config", "--config", write(t, printed)))
	require.Contains(t, fails(t, 1, "config", "--config", write(t, "x: 1")), "field x not found")
}

// table is what a command printed in columns, without its head.
func table(t *testing.T, text string) [][]string {
	t.Helper()
	var rows [][]string
	for line := range strings.Lines(text) {
		rows = append(rows, strings.Fields(line))
	}
	require.NotEmpty(t, rows)
	return rows[1:]
}

// TestKeys: made, listed and revoked in the catalog of a data directory, for the tenant that is named.
func TestKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	create := func(args ...string) string {
		secret := strings.TrimSpace(works(t, append([]string{"key", "create", "--data-dir", dir}, args...)...))
		require.Regexp(t, `^strata_\S{43}$`, secret)
		return secret
	}
	list := func() [][]string { return table(t, works(t, "key", "list", "--data-dir", dir)) }
	require.Contains(t, fails(t, 1, "key", "list", "--data-dir", dir), "there is no catalog of a server in "+dir)
	require.NoDirExists(t, dir, "asking makes nothing")
	plain := create("--name", "agent", "--scope", "ingest")
	of := create("--name", "agent", "--scope", "read", "--tenant", "team-a")
	create("--name", "short", "--scope", "admin", "--expires-in", "1ns")
	create("--name", "page", "--scope", "browser", "--expires-in", "720h")
	byName := map[string][]string{}
	for _, row := range list() {
		byName[row[1]+" "+row[2]+" "+row[3]] = row
	}
	require.Len(t, byName, 4)
	agent := byName["default agent ingest"]
	require.Equal(t, []string{plain[:13] + "…", "valid"}, []string{agent[4], agent[len(agent)-1]})
	require.Equal(t, of[:13]+"…", byName["team-a agent read"][4])
	require.Equal(t, "expired", byName["default short admin"][len(agent)-1])
	require.Equal(t, "valid", byName["default page browser"][len(agent)-1])
	require.NotContains(t, works(t, "key", "list", "--data-dir", dir), plain[13:], "a secret is shown once")

	require.Equal(t, "revoked\n", works(t, "key", "revoke", agent[0], "--data-dir", dir))
	for _, row := range list() {
		require.Equal(t, row[0] == agent[0], row[len(row)-1] == "revoked", row)
	}
	require.Contains(t, fails(t, 1, "key", "revoke", "none", "--data-dir", dir), "revoke key none: ")
	for _, c := range []struct{ flag, value, want string }{
		{"--tenant", "Team", "tenant: not a name of a tenant"}, {"--tenant", "../a", "tenant: "}, {"--tenant", "", "tenant: "}, {"--expires-in", "-1h", "expiry lies in the past"}, {"--name", "local", "taken by requests without credentials"},
	} {
		args := []string{"key", "create", "--data-dir", dir, "--scope", "read", "--name", "x", c.flag, c.value}
		if c.flag == "--expires-in" {
			args = append(args[:len(args)-2], c.flag+"="+c.value)
		}
		said := fails(t, 1, args...)
		require.Contains(t, said, "create key: ")
		require.Contains(t, said, c.want)
	}
	require.Len(t, list(), 4, "what was refused is not there")
}

// TestNoCatalog: commands on a catalog that cannot be opened say why.
func TestNoCatalog(t *testing.T) {
	file := write(t, "")
	for _, args := range [][]string{
		{"key", "list"}, {"key", "create", "--name", "x", "--scope", "read"}, {"key", "revoke", "x"}, {"instance", "list"}, {"instance", "forget", "x"},
	} {
		want := "there is no catalog of a server in"
		if args[1] == "create" {
			want = "create data directory"
		}
		require.Contains(t, fails(t, 1, append(args, "--data-dir", filepath.Join(file, "below"))...), want)
		dir := t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(dir, "catalog.db"), 0o700))
		require.Contains(t, fails(t, 1, append(args, "--data-dir", dir)...), "open catalog")
		require.Contains(t, fails(t, 1, append(args, "--http-listen", "x")...), "http.listen")
	}
}

// TestInstances: listed as they registered, an empty list says whose it is; one that is not known is not forgotten.
func TestInstances(t *testing.T) {
	dir := t.TempDir()
	f := serverFlags{DataDir: dir}
	require.NoError(t, f.withCatalog(t.Context(), func(commandCatalog) error { return nil }), "makes the catalog, as a server does")
	require.Equal(t, "no processes: those of a spread-out installation are listed; a lone strata all without a shared catalog registers nothing\n",
		works(t, "instance", "list", "--data-dir", dir))
	require.NoError(t, f.withCatalog(t.Context(), func(cat commandCatalog) error {
		for _, id := range []string{"writer-1", "writer-2"} {
			if err := cat.PutInstance(t.Context(), instanceNamed(id)); err != nil {
				return err
			}
		}
		return nil
	}))
	rows := table(t, works(t, "instance", "list", "--data-dir", dir))
	require.Len(t, rows, 2)
	require.Equal(t, []string{"writer-1", "writer", "http://10.0.0.1:7080", "1.2"}, rows[0][:4])
	seen, err := time.Parse(time.DateTime, rows[0][4]+" "+rows[0][5])
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().UTC(), seen, 24*time.Hour)
	require.Equal(t, "forgotten\n", works(t, "instance", "forget", "writer-1", "--data-dir", dir))
	require.Contains(t, fails(t, 1, "instance", "forget", "writer-1", "--data-dir", dir), "forget writer-1: ")
	rows = table(t, works(t, "instance", "list", "--data-dir", dir))
	require.Len(t, rows, 1)
	require.Equal(t, "writer-2", rows[0][0])
}

// TestEngineFetch: a library that is there is not fetched, and a package that is not the pinned one is refused, wherever it comes from.
func TestEngineFetch(t *testing.T) {
	dir := t.TempDir()
	library := filepath.Join(dir, engine.LibraryName)
	require.NoError(t, os.WriteFile(library, []byte("library"), 0o600))
	code, stdout, stderr := strata(t, "engine", "fetch", "--to", dir, "--url", "http://127.0.0.1:1/none")
	require.Equal(t, 0, code, stderr)
	require.Equal(t, library+"\n", stdout)

	other := serveText(t, "not the package")
	for _, url := range []string{other, write(t, "not the package")} {
		to := t.TempDir()
		code, stdout, stderr = strata(t, "engine", "fetch", "--to", to, "--url", url)
		require.Equal(t, 1, code)
		require.Contains(t, stderr, "strata: fetch the engine: ")
		require.Contains(t, stderr, "does not have the pinned sha512")
		require.Empty(t, stdout)
		require.NoFileExists(t, filepath.Join(to, engine.LibraryName))
	}
	code, _, stderr = strata(t, "engine", "fetch", "--to", dir, "--url", other, "--force")
	require.Equal(t, 1, code)
	require.FileExists(t, library, "the one before stays: %s", stderr)
	require.Contains(t, fails(t, 1, "engine", "fetch", "--to", t.TempDir(), "--url", "http://127.0.0.1:1/none"), "connection refused")
	require.Contains(t, fails(t, 1, "engine", "fetch", "--to", t.TempDir(), "--url", "/none.tgz"), "/none.tgz")
}

// TestEngineArguments: what the engine cannot be started with is said before anything is loaded.
func TestEngineArguments(t *testing.T) {
	require.Contains(t, fails(t, 1, "engine", "serve"), "--library, --data-dir and --socket are needed")
	require.Contains(t, fails(t, 1, "engine", "serve", "--nope"), "read the engine's arguments")
	require.Contains(t, fails(t, 1, "engine", "--listen", "127.0.0.1:0", "--library", "/none.so"), "/none.so does not exist")
	library := write(t, "no library")
	listen := []string{"engine", "--listen", "127.0.0.1:0", "--data-dir", t.TempDir(), "--library", library, "--password-file"}
	require.Contains(t, fails(t, 1, append(listen, "/none.txt")...), "read the password: open /none.txt")
	empty := write(t, "\r\n")
	require.Contains(t, fails(t, 1, append(listen, empty)...), "read the password: "+empty+" is empty")
}

// TestAddressesOfGRPC: a URL, or a host without a port, is told from an address before anything is sent in vain.
func TestAddressesOfGRPC(t *testing.T) {
	for _, command := range []string{"demo", "vulture"} {
		for _, addr := range []string{"http://127.0.0.1:4317", "https://strata.example.com", "127.0.0.1", "127.0.0.1:", "dns:///a:4317"} {
			require.Contains(t, fails(t, 1, command, "--endpoint", addr), "is not host:port of OTLP over gRPC", addr)
		}
	}
}
