// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a server in the place of the middleware.
type fake struct {
	addr netip.AddrPort
	wg   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]bool // guarded by mu
	count  int               // connections so far; guarded by mu
}

// serve starts a server on a loopback port whose connections handle has, each until it returns.
func serve(t *testing.T, handle func(net.Conn)) *fake {
	t.Helper()
	return serveAt(t, "127.0.0.1:0", handle)
}

func serveAt(t *testing.T, addr string, handle func(net.Conn)) *fake {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", addr)
	require.NoError(t, err)
	f := serveOn(t, l, handle)
	f.addr = netip.MustParseAddrPort(l.Addr().String())
	return f
}

func serveOn(t *testing.T, l net.Listener, handle func(net.Conn)) *fake {
	t.Helper()
	f := &fake{conns: make(map[net.Conn]bool)}
	f.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.count++
			f.conns[c] = true
			closed := f.closed
			f.mu.Unlock()
			if closed {
				_ = c.Close()
				return
			}
			f.wg.Go(func() {
				handle(c)
				_ = c.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		f.cut()
		f.wg.Wait()
	})
	return f
}

// unixSocket listens on a socket in a folder of its own, whose path is short enough for one.
func unixSocket(t *testing.T, name string) net.Listener {
	t.Helper()
	dir, err := os.MkdirTemp("", "s") //nolint:usetesting // t.TempDir has the test's name in its path.
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(dir, name))
	require.NoError(t, err)
	return l
}

// cut ends every connection.
func (f *fake) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for c := range f.conns {
		_ = c.Close()
	}
}

// restart ends every connection; new ones are served.
func (f *fake) restart() {
	f.cut()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = false
}

// connections is how many there were.
func (f *fake) connections() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}

// silent takes what it is sent and never answers.
func silent(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// page serves HTTP; the address is that of its port.
func page(t *testing.T, handle http.HandlerFunc) netip.AddrPort {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(s.Listener.Addr().String())
}

// secure is page over TLS.
func secure(t *testing.T, handle http.HandlerFunc) netip.AddrPort {
	t.Helper()
	s := httptest.NewUnstartedServer(handle)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(s.Listener.Addr().String())
}

// nobody is an address that nothing listens on.
func nobody(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return netip.MustParseAddrPort(l.Addr().String())
}

func target(kind string, addr netip.AddrPort, credential *Credential) Target {
	return Target{Kind: kind, Address: addr, Addresses: []netip.AddrPort{addr}, Credential: credential}
}

// open makes the reader of a target by its kind.
func open(t *testing.T, to Target) Reader {
	t.Helper()
	r, err := New(to)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// read looks once, for a few seconds at the most.
func read(t *testing.T, r Reader) (Reading, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	return r.Read(ctx)
}

// hurried looks once and waits for 100 ms, for servers that do not answer.
func hurried(t *testing.T, r Reader) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := r.Read(ctx)
	return err
}

// refusal is the AccessError that an error has to be.
func refusal(t *testing.T, err error) Missing {
	t.Helper()
	var refused *AccessError
	require.ErrorAs(t, err, &refused)
	require.NotEmpty(t, refused.Missing.What)
	require.NotEmpty(t, refused.Missing.How)
	require.Equal(t, refused.Missing.Why, err.Error())
	require.Equal(t, refused.Err, refused.Unwrap())
	return refused.Missing
}

// unanswered checks that an error says that there was no proper answer, which is no refusal.
func unanswered(t *testing.T, err error, parts ...string) {
	t.Helper()
	require.Error(t, err)
	var refused *AccessError
	require.NotErrorAs(t, err, &refused)
	for _, p := range parts {
		require.ErrorContains(t, err, p)
	}
}

// values are the samples by field and tags: field{a=b,c=d}.
func values(r Reading) map[string]float64 {
	out := make(map[string]float64, len(r.Samples))
	for _, s := range r.Samples {
		name := s.Field
		if len(s.Tags) > 0 {
			var tags []string
			for _, k := range slices.Sorted(maps.Keys(s.Tags)) {
				tags = append(tags, k+"="+s.Tags[k])
			}
			name += "{" + strings.Join(tags, ",") + "}"
		}
		out[name] = s.Value
	}
	return out
}

func TestNew(t *testing.T) {
	for _, kind := range []string{"redis", "nginx", "mysql", "postgresql", "tomcat", "kafka", "memcached", "rabbitmq", "zookeeper", "elasticsearch"} {
		r, err := New(target(kind, nobody(t), nil))
		require.NoError(t, err, kind)
		_, err = read(t, r)
		unanswered(t, err)
		require.NoError(t, r.Close(), kind)
		require.NoError(t, r.Close(), "%s: closed again", kind)
	}
	_, err := New(Target{Kind: "oracle"})
	require.ErrorIs(t, err, ErrUnknownKind)
	require.ErrorContains(t, err, "oracle")
}

// TestCredentialIsHidden: no way to print a credential shows the password.
func TestCredentialIsHidden(t *testing.T) {
	c := Credential{Kind: "redis", Username: "u", Password: "secret"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		require.Equal(t, "<hidden>", fmt.Sprintf(format, c))
		require.NotContains(t, fmt.Sprintf(format, &c), "secret")
		require.NotContains(t, fmt.Sprintf(format, struct{ C Credential }{c}), "secret")
	}
}

func TestCredentialLine(t *testing.T) {
	to := Target{Kind: "redis", Address: netip.MustParseAddrPort("[::1]:6379")}
	lines := strings.Split(credentialLine(to, "username", "a", "password", `b"c`), "\n")
	require.Len(t, lines, 2)
	require.Contains(t, lines[0], "/etc/strata-agent/credentials.yaml")
	require.Equal(t, `- {kind: redis, address: "[::1]:6379", username: "a", password: "b\"c"}`, lines[1])
}

func TestOrdered(t *testing.T) {
	a, b, c := netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.1:2"), netip.MustParseAddrPort("10.0.0.1:3")
	require.Equal(t, []netip.AddrPort{b, a, c}, Target{Address: b, Addresses: []netip.AddrPort{a, b, c, a}}.ordered())
	require.Equal(t, []netip.AddrPort{b}, Target{Address: b}.ordered())
}
