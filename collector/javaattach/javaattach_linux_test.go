// SPDX-License-Identifier: Apache-2.0

package javaattach

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// asJVM in the environment makes the test's program a process that looks like a Java virtual machine until its input ends.
const asJVM = "STRATA_TEST_AS_JVM"

func TestMain(m *testing.M) {
	if os.Getenv(asJVM) != "" {
		signal.Ignore(syscall.SIGQUIT)
		fmt.Println("ready")
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("os/signal.loop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// jvm starts a process whose program is called libjvm.so, as its memory map shows, with a command line of its own. It ignores SIGQUIT.
func jvm(t *testing.T, dir string, files []*os.File, args ...string) int {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	program, err := os.ReadFile(self)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "libjvm.so")
	require.NoError(t, os.WriteFile(path, program, 0o700))
	cmd := exec.Command(path)
	cmd.Args, cmd.Dir, cmd.ExtraFiles, cmd.Env = args, dir, files, append(os.Environ(), asJVM+"=1")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	_, err = io.ReadFull(out, make([]byte, len("ready\n")))
	require.NoError(t, err)
	return cmd.Process.Pid
}

// machine serves the socket of a process as its virtual machine would; the commands it gets come over the channel.
func machine(t *testing.T, pid int, answer string) <-chan string {
	t.Helper()
	path := filepath.Join("/tmp", fmt.Sprint(".java_pid", pid))
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	require.NoError(t, err)
	commands := make(chan string, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			var text strings.Builder
			b := make([]byte, 1)
			for zeros := 0; zeros < 5; { // The version, the command and three arguments.
				if _, err := c.Read(b); err != nil {
					break
				}
				if text.WriteByte(b[0]); b[0] == 0 {
					zeros++
				}
			}
			commands <- text.String()
			_, _ = io.WriteString(c, answer)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return commands
}

// TestAttach: the command is the one that HotSpot knows, with the agent's options in order.
func TestAttach(t *testing.T) {
	pid := jvm(t, t.TempDir(), nil, "java", "-jar", "shop.jar")
	commands := machine(t, pid, "0\nreturn code: 0\n")
	require.NoError(t, Attach(t.Context(), pid, "/opt/agent.jar", map[string]string{"otel.service.name": "shop", "a": "1"}))
	require.Equal(t, "1\x00load\x00instrument\x00false\x00/opt/agent.jar=a=1;otel.service.name=shop\x00", <-commands)
}

// TestAttachAsks: a virtual machine without a socket is asked for one by a file and a signal; the file is taken away.
func TestAttachAsks(t *testing.T) {
	dir := t.TempDir()
	pid := jvm(t, dir, nil, "java", "shop.Main")
	asked := filepath.Join(dir, fmt.Sprint(".attach_pid", pid))
	done := make(chan error, 1)
	go func() { done <- Attach(t.Context(), pid, "/opt/agent.jar", nil) }()
	require.Eventually(t, func() bool { _, err := os.Stat(asked); return err == nil }, 5*time.Second, 5*time.Millisecond)
	commands := machine(t, pid, "0\n")
	require.NoError(t, <-done)
	require.Equal(t, "1\x00load\x00instrument\x00false\x00/opt/agent.jar=\x00", <-commands)
	_, err := os.Stat(asked)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestAttachGivesUp: a machine that never opens its socket is told so, and a process that is gone too.
func TestAttachGivesUp(t *testing.T) {
	dir := t.TempDir()
	pid := jvm(t, dir, nil, "java", "shop.Main")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := Attach(ctx, pid, "/opt/agent.jar", nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "DisableAttachMechanism")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries, "the file that asked is taken away")
	require.ErrorContains(t, Attach(t.Context(), 1<<30, "/opt/agent.jar", nil), "process 1073741824")
}

func TestAttachRefuses(t *testing.T) {
	pid := jvm(t, t.TempDir(), nil, "java", "shop.Main")
	commands := machine(t, pid, "101\nunsupported version\n")
	require.ErrorContains(t, Attach(t.Context(), pid, "/opt/agent.jar", nil), "the virtual machine refuses (status 101): unsupported version")
	<-commands
	for jar, options := range map[string]map[string]string{"relative.jar": nil, "/with=sign.jar": nil, "/a.jar": {"k": "a;b"}, "/b.jar": {"k=": "v"}, "/c.jar": {"k": "\x00"}} {
		require.Error(t, Attach(t.Context(), pid, jar, options), jar)
	}
	require.Empty(t, commands, "nothing is sent that would be misread")
}

func TestLoaded(t *testing.T) {
	for answer, want := range map[string]string{
		"0\nreturn code: 0\n": "", "0\n": "", "0": "", "0\nreturn code: 100\n": "code 100", "0\njava.lang.ClassNotFoundException\n": "could not be loaded: java.lang.ClassNotFoundException",
		"1\nno\n": "refuses (status 1): no", "": "refuses (status )", "100\n": "refuses (status 100)",
	} {
		err := loaded(answer)
		if want == "" {
			require.NoError(t, err, answer)
			continue
		}
		require.ErrorContains(t, err, want, answer)
	}
}

// TestAskTriesEach: the second folder is taken when the first cannot be written to.
func TestAskTriesEach(t *testing.T) {
	good := filepath.Join(t.TempDir(), "file")
	remove, err := ask("/nonexistent/file", good)
	require.NoError(t, err)
	require.FileExists(t, good)
	remove()
	require.NoFileExists(t, good)
	_, err = ask("/nonexistent/a", "/nonexistent/b")
	require.ErrorContains(t, err, "/nonexistent/a")
	require.ErrorContains(t, err, "/nonexistent/b")
}

// TestFind: virtual machines are known by their library, named by their main class, and seen to have the agent in them.
func TestFind(t *testing.T) {
	jar, err := os.Create(filepath.Join(t.TempDir(), jarPrefix+"-2.1.jar"))
	require.NoError(t, err)
	defer func() { _ = jar.Close() }()
	plain := jvm(t, t.TempDir(), nil, "java", "-Xmx1g", "-cp", "lib/*", "shop.Main", "--port=1")
	with := jvm(t, t.TempDir(), []*os.File{jar}, "java", "-jar", "/srv/shop.jar")
	found, err := Find()
	require.NoError(t, err)
	require.Contains(t, found, JVM{PID: plain, Main: "shop.Main"})
	require.Contains(t, found, JVM{PID: with, Main: "shop.jar", Instrumented: true})
	for i := 1; i < len(found); i++ {
		require.Less(t, found[i-1].PID, found[i].PID)
	}
	for _, pid := range []int{os.Getpid(), 1 << 30} {
		_, err := Look(pid)
		require.ErrorIs(t, err, ErrNoJVM)
		require.ErrorContains(t, err, strconv.Itoa(pid))
	}
}

func TestMainOf(t *testing.T) {
	for line, want := range map[string]string{
		"java": "", "java -version": "", "java shop.Main": "shop.Main", "java -jar /srv/a.jar -jar b": "a.jar", "java -jar": "", "java -cp a:b -Dx=y shop.Main -cp z": "shop.Main",
		"java --module-path mods -m shop/shop.Main": "shop/shop.Main", "java @args shop.Main": "shop.Main", "java --add-opens java.base/java.lang=ALL-UNNAMED shop.Main": "shop.Main", "java -cp": "",
	} {
		require.Equal(t, want, mainOf(strings.Fields(line)), line)
	}
}

// files is a server with the agent's jar and its checksum; asked counts how often the jar was fetched.
func files(t *testing.T, jar, sum string, status int) (url string, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case jarPath + ".sha256":
			_, _ = io.WriteString(w, sum)
		case jarPath:
			asked.Add(1)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, jar)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

// TestFetch: a jar is fetched once, again when the server has another, and never kept with a wrong checksum.
func TestFetch(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "here")
	url, asked := files(t, "jar 1", checksum([]byte("jar 1"))+"  "+jarName+"\n", http.StatusOK)
	for range 2 {
		path, err := Fetch(t.Context(), url+"/", dir)
		require.NoError(t, err)
		require.Equal(t, filepath.Join(dir, jarName), path)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, "jar 1", string(text))
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o644), info.Mode(), "every Java program reads it")
	}
	require.Equal(t, int32(1), asked.Load())
	newer, _ := files(t, "jar 2", checksum([]byte("jar 2")), http.StatusOK)
	path, err := Fetch(t.Context(), newer, dir)
	require.NoError(t, err)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "jar 2", string(text))

	wrong, _ := files(t, "evil", checksum([]byte("jar 3")), http.StatusOK)
	_, err = Fetch(t.Context(), wrong, dir)
	require.ErrorContains(t, err, "checksum "+checksum([]byte("evil"))+" instead of "+checksum([]byte("jar 3")))
	text, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "jar 2", string(text), "the one that was there stays")
}

func TestFetchFails(t *testing.T) {
	dir := t.TempDir()
	missing, _ := files(t, "", "sum", http.StatusNotFound)
	_, err := Fetch(t.Context(), missing, dir)
	require.ErrorContains(t, err, "404 Not Found")
	large, _ := files(t, "", strings.Repeat("x", 2<<10), http.StatusOK)
	_, err = Fetch(t.Context(), large, dir)
	require.ErrorContains(t, err, "more than 1024 bytes")
	for _, url := range []string{"http://127.0.0.1:1", "http://[bad", "ftp://x"} {
		_, err = Fetch(t.Context(), url, dir)
		require.ErrorContains(t, err, "fetch "+url, url)
	}
	ok, _ := files(t, "jar", checksum([]byte("jar")), http.StatusOK)
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = Fetch(t.Context(), ok, filepath.Join(file, "below"))
	require.ErrorContains(t, err, "keep the Java agent")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Fetch(ctx, ok, dir)
	require.ErrorIs(t, err, context.Canceled)
}
