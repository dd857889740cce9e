// SPDX-License-Identifier: Apache-2.0

package hoststate

import (
	"bufio"
	"encoding/binary"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/require"
)

// bus is a system bus with systemd on it, at a root of its own.
type bus struct {
	root string
	wg   sync.WaitGroup

	mu    sync.Mutex
	units []dbusUnit        // guarded by mu, as what follows is
	fail  map[string]string // the error's name by the method
	asked map[string]int    // calls by the method
	conns []net.Conn
	rows  any // what ListUnitsByPatterns returns in the place of units; nil: units
}

// dbusUnit is a row of ListUnits.
type dbusUnit struct {
	Name, Description, LoadState, ActiveState, SubState, Following string
	Path                                                           dbus.ObjectPath
	Job                                                            uint32
	JobType                                                        string
	JobPath                                                        dbus.ObjectPath
}

func service(name, active, sub string) dbusUnit {
	return dbusUnit{Name: name, LoadState: "loaded", ActiveState: active, SubState: sub, Path: dbus.ObjectPath("/org/freedesktop/systemd1/unit/" + strings.NewReplacer(".", "_", "-", "_").Replace(name)), JobPath: "/"}
}

func newBus(t *testing.T) *bus {
	t.Helper()
	root, err := os.MkdirTemp("", "s") //nolint:usetesting // The path of a socket is short.
	require.NoError(t, err)
	b := &bus{root: root, fail: map[string]string{}, asked: map[string]int{}}
	require.NoError(t, os.MkdirAll(filepath.Join(root, "run/systemd/system"), 0o700))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "run/dbus"), 0o700))
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(root, "run/dbus/system_bus_socket"))
	require.NoError(t, err)
	b.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b.mu.Lock()
			b.conns = append(b.conns, c)
			b.mu.Unlock()
			b.wg.Go(func() { b.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		b.cut()
		b.wg.Wait()
		require.NoError(t, os.RemoveAll(root))
	})
	return b
}

// cut ends every connection.
func (b *bus) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.conns {
		_ = c.Close()
	}
}

func (b *bus) set(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

func (b *bus) count(method string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked[method]
}

// serve lets anybody in and answers calls.
func (b *bus) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.Trim(line, "\x00\r\n")
		switch {
		case line == "BEGIN":
			b.calls(in, c)
			return
		case line == "AUTH":
			_, _ = io.WriteString(c, "REJECTED EXTERNAL\r\n")
		case strings.HasPrefix(line, "AUTH EXTERNAL"), strings.HasPrefix(line, "DATA"):
			_, _ = io.WriteString(c, "OK 0123456789abcdef0123456789abcdef\r\n")
		default:
			_, _ = io.WriteString(c, "ERROR\r\n")
		}
	}
}

func (b *bus) calls(in io.Reader, out io.Writer) {
	for serial := uint32(1); ; serial++ {
		call, err := dbus.DecodeMessage(in)
		if err != nil {
			return
		}
		body, failure := b.answer(call)
		reply := &dbus.Message{Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldReplySerial: dbus.MakeVariant(call.Serial()), dbus.FieldSender: dbus.MakeVariant("org.freedesktop.DBus"),
		}}
		if failure != "" {
			reply.Type = dbus.TypeError
			reply.Headers[dbus.FieldErrorName] = dbus.MakeVariant(failure)
			body = "no"
		}
		reply.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body))
		reply.Body = []any{body}
		if reply.EncodeTo(&numbered{out: out, serial: serial}, binary.LittleEndian) != nil {
			return
		}
	}
}

// numbered gives a message its number, which the library sets for its own messages alone.
type numbered struct {
	out    io.Writer
	serial uint32
}

func (n *numbered) Write(b []byte) (int, error) {
	if len(b) >= 12 && b[0] == 'l' {
		binary.LittleEndian.PutUint32(b[8:], n.serial)
	}
	return n.out.Write(b)
}

func (b *bus) answer(call *dbus.Message) (body any, failure string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	method, _ := call.Headers[dbus.FieldMember].Value().(string)
	b.asked[method]++
	if name := b.fail[method]; name != "" {
		return nil, name
	}
	switch method {
	case "Hello":
		return ":1.1", ""
	case "ListUnitFilesByPatterns":
		return []struct{ Path, State string }{{"/lib/systemd/system/stopped.service", "enabled"}}, ""
	case "ListUnitsByPatterns":
		if b.rows != nil {
			return b.rows, ""
		}
		return b.units, ""
	case "Get":
		path, _ := call.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
		if strings.Contains(string(path), "gone") {
			return nil, "org.freedesktop.DBus.Error.UnknownObject"
		}
		return dbus.MakeVariant(uint32(len(path))), ""
	default:
		return nil, "org.freedesktop.DBus.Error.UnknownMethod"
	}
}

func newTestSystemd(t *testing.T, b *bus) *systemd {
	t.Helper()
	s := newSystemd(SystemdConfig{Units: []string{"*.service"}, MaxUnits: 10}, b.root)
	t.Cleanup(s.close)
	return s
}

// TestSystemd: states of units with the restarts of services; enabled units are asked for seldom, restarts once a minute.
func TestSystemd(t *testing.T) {
	b := newBus(t)
	b.units = []dbusUnit{
		service("shop.service", "active", "running"), service("gone.service", "failed", "failed"), service("stopped.service", "inactive", "dead"), service("idle.service", "inactive", "dead"),
		service("a.timer", "active", "waiting"),
	}
	s, now := newTestSystemd(t, b), time.Now()
	md, err := s.scrape(t.Context(), now)
	require.NoError(t, err)
	got := values(t, md)
	require.InDelta(t, 1, got["systemd.unit.state shop.service active"], 0)
	require.InDelta(t, 0, got["systemd.unit.state shop.service failed"], 0)
	require.InDelta(t, 1, got["systemd.unit.state gone.service failed"], 0)
	require.InDelta(t, 1, got["systemd.unit.state stopped.service inactive"], 0, "one that is enabled and does not run")
	require.NotContains(t, got, "systemd.unit.state idle.service inactive")
	require.InDelta(t, len("/org/freedesktop/systemd1/unit/shop_service"), got["systemd.service.restarts shop.service"], 0)
	require.NotContains(t, got, "systemd.service.restarts gone.service", "it went meanwhile")
	require.NotContains(t, got, "systemd.service.restarts a.timer")
	gets := b.count("Get")
	for _, later := range []time.Duration{10 * time.Second, 30 * time.Second} {
		md, err = s.scrape(t.Context(), now.Add(later))
		require.NoError(t, err)
		require.NotContains(t, values(t, md), "systemd.service.restarts shop.service")
	}
	require.Equal(t, gets, b.count("Get"))
	_, err = s.scrape(t.Context(), now.Add(restartsEvery))
	require.NoError(t, err)
	require.Greater(t, b.count("Get"), gets)
	require.Equal(t, 1, b.count("ListUnitFilesByPatterns"))
	_, err = s.scrape(t.Context(), now.Add(enabledEvery))
	require.NoError(t, err)
	require.Equal(t, 2, b.count("ListUnitFilesByPatterns"))
	require.Equal(t, 1, b.count("Hello"), "the connection is kept")
}

// TestSystemdFails: a failure is told, and systemd is asked again after a while, over a new connection; a bus without systemd is no fault.
func TestSystemdFails(t *testing.T) {
	for name, c := range map[string]struct{ method, failure, want string }{
		"no unit files":      {"ListUnitFilesByPatterns", "org.freedesktop.DBus.Error.AccessDenied", "list unit files"},
		"no units":           {"ListUnitsByPatterns", "org.freedesktop.DBus.Error.AccessDenied", "list units"},
		"no such service":    {"ListUnitFilesByPatterns", "org.freedesktop.DBus.Error.ServiceUnknown", ""},
		"a name of nobody":   {"ListUnitFilesByPatterns", "org.freedesktop.DBus.Error.NameHasNoOwner", ""},
		"no name on the bus": {"Hello", "org.freedesktop.DBus.Error.LimitsExceeded", "connect to"},
	} {
		b := newBus(t)
		b.units = []dbusUnit{service("shop.service", "active", "running")}
		b.fail[c.method] = c.failure
		s, now := newTestSystemd(t, b), time.Now()
		md, err := s.scrape(t.Context(), now)
		require.Zero(t, md.DataPointCount(), name)
		if c.want == "" {
			require.NoError(t, err, name)
		} else {
			require.ErrorContains(t, err, c.want, name)
		}
		b.set(func() { delete(b.fail, c.method) })
		md, err = s.scrape(t.Context(), now.Add(absentEvery-time.Second))
		require.NoError(t, err)
		require.Zero(t, md.DataPointCount(), "%s: not yet", name)
		md, err = s.scrape(t.Context(), now.Add(absentEvery))
		require.NoError(t, err, name)
		require.Positive(t, md.DataPointCount(), name)
	}
}

// TestSystemdOddRows: rows of another shape are a fault and not a crash.
func TestSystemdOddRows(t *testing.T) {
	for name, rows := range map[string]any{"too few": []struct{ Name string }{{"a"}}, "other types": []struct{ A, B, C, D, E, F, G []string }{{}}, "no list": "text"} {
		b := newBus(t)
		b.rows = rows
		_, err := newTestSystemd(t, b).scrape(t.Context(), time.Now())
		require.ErrorContains(t, err, "list units", name)
	}
}

// TestSystemdReconnects: a bus that was started anew is connected to again.
func TestSystemdReconnects(t *testing.T) {
	b := newBus(t)
	b.units = []dbusUnit{service("shop.service", "active", "running")}
	s, now := newTestSystemd(t, b), time.Now()
	_, err := s.scrape(t.Context(), now)
	require.NoError(t, err)
	b.cut()
	require.Eventually(t, func() bool {
		now = now.Add(absentEvery)
		md, err := s.scrape(t.Context(), now)
		return err == nil && md.DataPointCount() > 0
	}, 5*time.Second, time.Millisecond)
	require.Equal(t, 2, b.count("Hello"))
	require.NoError(t, os.RemoveAll(filepath.Join(b.root, "run/systemd/system")))
	s.close()
	err = s.connect(t.Context())
	require.ErrorIs(t, err, fs.ErrNotExist, "a bus without systemd is not connected to")
}
