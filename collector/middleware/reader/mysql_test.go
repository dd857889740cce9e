// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// mysqlServer speaks MySQL's protocol with users that sign in by mysql_native_password.
type mysqlServer struct {
	version string
	users   map[string]string // password by name
	// banned is the error that a connection gets before anybody signs in; empty: none.
	banned []byte

	mu      sync.Mutex
	signed  []string                   // users that were let in; guarded by mu, as answers is
	answers map[string]func() [][]byte // packets by the beginning of a statement
}

const mysqlSalt = "12345678901234567890"

func mysqlError(number int, state, text string) []byte {
	b := binary.LittleEndian.AppendUint16([]byte{0xff}, uint16(number))
	return append(append(b, "#"+state...), text...)
}

func mysqlOK() []byte { return []byte{0, 0, 0, 2, 0, 0, 0} }

func mysqlText(b []byte, text string) []byte {
	if len(text) > 250 {
		b = append(b, 0xfc)
		b = binary.LittleEndian.AppendUint16(b, uint16(len(text)))
	} else {
		b = append(b, byte(len(text)))
	}
	return append(b, text...)
}

// mysqlRows are the packets of a result set; a cell of "NULL" is none.
func mysqlRows(columns []string, rows ...[]string) [][]byte {
	eof := []byte{0xfe, 0, 0, 2, 0}
	out := [][]byte{{byte(len(columns))}}
	for _, name := range columns {
		var b []byte
		for _, text := range []string{"def", "", "", "", name, name} {
			b = mysqlText(b, text)
		}
		out = append(out, append(b, 0x0c, 45, 0, 0, 1, 0, 0, 0xfd, 0, 0, 0, 0, 0))
	}
	out = append(out, eof)
	for _, row := range rows {
		var b []byte
		for _, cell := range row {
			if cell == "NULL" {
				b = append(b, 0xfb)
				continue
			}
			b = mysqlText(b, cell)
		}
		out = append(out, b)
	}
	return append(out, eof)
}

func mysqlWrite(c net.Conn, sequence byte, packets ...[]byte) {
	var b []byte
	for _, p := range packets {
		b = append(b, byte(len(p)), byte(len(p)>>8), byte(len(p)>>16), sequence)
		b = append(b, p...)
		sequence++
	}
	_, _ = c.Write(b)
}

func mysqlRead(c net.Conn) ([]byte, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(c, head); err != nil {
		return nil, err
	}
	p := make([]byte, int(head[0])|int(head[1])<<8|int(head[2])<<16)
	_, err := io.ReadFull(c, p)
	return p, err
}

func (s *mysqlServer) handle(c net.Conn) {
	if s.banned != nil {
		mysqlWrite(c, 0, s.banned)
		return
	}
	b := append([]byte{10}, s.version+"\x00"...)
	b = append(b, 1, 0, 0, 0)
	b = append(b, mysqlSalt[:8]...)
	b = append(b, 0, 0x01, 0xa2, 45, 2, 0, 0x08, 0x00, 21) // Protocol 4.1, secure connections, plugins.
	b = append(b, make([]byte, 10)...)
	b = append(b, mysqlSalt[8:]+"\x00mysql_native_password\x00"...)
	mysqlWrite(c, 0, b)
	p, err := mysqlRead(c)
	if err != nil || len(p) < 34 {
		return
	}
	user, rest, _ := bytes.Cut(p[32:], []byte{0})
	scramble := rest[1 : 1+int(rest[0])]
	s.mu.Lock()
	password, known := s.users[string(user)]
	s.mu.Unlock()
	if !known || !bytes.Equal(scramble, mysqlScramble(password)) {
		mysqlWrite(c, 2, mysqlError(mysqlAccessDenied, "28000", "Access denied for user '"+string(user)+"'@'localhost'"))
		return
	}
	s.mu.Lock()
	s.signed = append(s.signed, string(user))
	s.mu.Unlock()
	mysqlWrite(c, 2, mysqlOK())
	for {
		p, err := mysqlRead(c)
		if err != nil || p[0] == 1 {
			return
		}
		packets := [][]byte{mysqlOK()}
		if p[0] == 3 {
			packets = s.answer(string(p[1:]))
		}
		if packets == nil {
			return
		}
		mysqlWrite(c, 1, packets...)
	}
}

func mysqlScramble(password string) []byte {
	if password == "" {
		return []byte{}
	}
	one := sha1.Sum([]byte(password))
	two := sha1.Sum(one[:])
	mixed := sha1.Sum(append([]byte(mysqlSalt), two[:]...))
	for i := range mixed {
		mixed[i] ^= one[i]
	}
	return mixed[:]
}

func (s *mysqlServer) answer(statement string) [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for begin, packets := range s.answers {
		if strings.HasPrefix(statement, begin) {
			return packets()
		}
	}
	return [][]byte{mysqlError(mysqlSyntax, "42000", "You have an error in your SQL syntax")}
}

func (s *mysqlServer) set(begin string, packets ...[]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[begin] = func() [][]byte { return packets }
}

func (s *mysqlServer) letIn() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.signed...)
}

func newMySQLServer(users map[string]string) *mysqlServer {
	s := &mysqlServer{version: "8.4.2", users: users, answers: map[string]func() [][]byte{}}
	s.set("SHOW GLOBAL STATUS", mysqlRows([]string{"Variable_name", "Value"},
		[]string{"Threads_connected", "3"}, []string{"Questions", "1000"}, []string{"Ssl_cipher", ""}, []string{"Rsa_public_key", strings.Repeat("x", 400)})...)
	s.set("SHOW GLOBAL VARIABLES", mysqlRows([]string{"Variable_name", "Value"},
		[]string{"innodb_buffer_pool_size", "134217728"}, []string{"max_connections", "151"}, []string{"version", "8.4.2-commercial"})...)
	s.set("SHOW REPLICA STATUS", mysqlRows([]string{"Replica_IO_State", "Replica_IO_Running"})...)
	return s
}

func mysqlValues() map[string]float64 {
	return map[string]float64{"threads_connected": 3, "questions": 1000, "innodb_buffer_pool_size": 134217728, "max_connections": 151}
}

func strataUser() *Credential { return &Credential{Username: "strata", Password: "secret"} }

func TestMySQL(t *testing.T) {
	s := newMySQLServer(map[string]string{"strata": "secret"})
	for name, credential := range map[string]*Credential{"named": strataUser(), "without a name it is strata": {Password: "secret"}} {
		f := serve(t, s.handle)
		r := open(t, target("mysql", f.addr, credential))
		for range signInAgain + 2 {
			got, err := read(t, r)
			require.NoError(t, err, name)
			require.Equal(t, "8.4.2-commercial", got.Version)
			require.Empty(t, got.Missing)
			require.Equal(t, mysqlValues(), values(got))
		}
		require.Equal(t, 1, f.connections(), "%s: the connection is kept", name)
	}
}

// TestMySQLReplica: the state of a replica in the words of new and of old servers.
func TestMySQLReplica(t *testing.T) {
	for name, c := range map[string]struct {
		statement string
		columns   []string
		row       []string
		want      map[string]float64
	}{
		"new, behind": {
			"SHOW REPLICA STATUS",
			[]string{"Source_Host", "Replica_IO_Running", "Replica_SQL_Running", "Seconds_Behind_Source"},
			[]string{"10.0.0.1", "Yes", "Yes", "12"},
			map[string]float64{"replica_io_running": 1, "replica_sql_running": 1, "seconds_behind_source": 12},
		},
		"new, stopped": {
			"SHOW REPLICA STATUS",
			[]string{"Replica_IO_Running", "Replica_SQL_Running", "Seconds_Behind_Source"},
			[]string{"Connecting", "No", "NULL"},
			map[string]float64{"replica_io_running": 0, "replica_sql_running": 0},
		},
		"old": {
			"SHOW SLAVE STATUS",
			[]string{"Slave_IO_Running", "Slave_SQL_Running", "Seconds_Behind_Master"},
			[]string{"Yes", "No", "0"},
			map[string]float64{"replica_io_running": 1, "replica_sql_running": 0, "seconds_behind_source": 0},
		},
	} {
		s := newMySQLServer(map[string]string{"strata": "secret"})
		delete(s.answers, "SHOW REPLICA STATUS")
		s.set(c.statement, mysqlRows(c.columns, c.row)...)
		got, err := read(t, open(t, target("mysql", serve(t, s.handle).addr, strataUser())))
		require.NoError(t, err, name)
		require.Equal(t, merged(mysqlValues(), c.want), values(got), name)
	}
}

// TestMySQLPrivilege: without the privilege the rest is read; the connection is made anew now and then, because a grant counts from the next sign-in.
func TestMySQLPrivilege(t *testing.T) {
	s := newMySQLServer(map[string]string{"strata": "secret"})
	s.set("SHOW REPLICA STATUS", mysqlError(mysqlNeedPrivilege, "42000", "Access denied; you need (at least one of) the REPLICATION CLIENT privilege(s)"))
	f := serve(t, s.handle)
	r := open(t, target("mysql", f.addr, strataUser()))
	for range signInAgain {
		got, err := read(t, r)
		require.NoError(t, err)
		require.Equal(t, mysqlValues(), values(got))
		require.Len(t, got.Missing, 1)
		require.Contains(t, got.Missing[0].Why, "ERROR 1227")
		require.Contains(t, got.Missing[0].How, "GRANT REPLICATION CLIENT ON *.* TO 'strata'@'127.0.0.1';")
	}
	require.Equal(t, 1, f.connections())
	_, err := read(t, r)
	require.NoError(t, err)
	require.Equal(t, 2, f.connections())
}

func TestMySQLRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		server     *mysqlServer
		credential *Credential
		why        string
	}{
		"a wrong password": {newMySQLServer(map[string]string{"strata": "other"}), strataUser(), "ERROR 1045: Access denied for user 'strata'"},
		"root's":           {newMySQLServer(map[string]string{"root": "x"}), nil, "ERROR 1045: Access denied for user 'root'"},
		"of another host":  {&mysqlServer{banned: mysqlError(mysqlHostBlocked, "HY000", "Host '10.0.0.1' is not allowed to connect")}, strataUser(), "ERROR 1130"},
	} {
		f := serve(t, c.server.handle)
		_, err := read(t, open(t, target("mysql", f.addr, c.credential)))
		var refused *AccessError
		require.ErrorAs(t, err, &refused, name)
		missing := refusal(t, err)
		require.Contains(t, missing.Why, c.why, name)
		require.Contains(t, missing.How, "CREATE USER 'strata'@'127.0.0.1'")
		require.NotContains(t, missing.How, "secret")
	}
}

// TestMySQLSocket: without a credential the socket is the first way in, as the agent's user; where it refuses, root without a password follows.
func TestMySQLSocket(t *testing.T) {
	me := systemUser()
	require.NotEmpty(t, me)
	bySocket, byTCP := newMySQLServer(map[string]string{me: ""}), newMySQLServer(map[string]string{"root": ""})
	l := unixSocket(t, "mysqld.sock")
	serveOn(t, l, bySocket.handle)
	to := target("mysql", serve(t, byTCP.handle).addr, nil)
	to.Cmdline = []string{"mysqld", "--socket=" + l.Addr().String(), "--socket=/nonexistent.sock"}
	_, err := read(t, open(t, to))
	require.NoError(t, err)
	require.Equal(t, []string{me}, bySocket.letIn())
	require.Empty(t, byTCP.letIn())

	bySocket.mu.Lock()
	bySocket.users = map[string]string{}
	bySocket.mu.Unlock()
	_, err = read(t, open(t, to))
	require.NoError(t, err)
	require.Equal(t, []string{"root"}, byTCP.letIn())
	require.Equal(t, "'"+me+"'@'localhost'", newMySQL(to).account())

	to.Cmdline = nil
	require.Empty(t, newMySQL(to).sockets(), "a second server's socket is not at the usual path")
}

func TestMySQLBroken(t *testing.T) {
	for name, handle := range map[string]func(net.Conn){
		"another protocol": func(c net.Conn) { _, _ = io.WriteString(c, "220 mail ESMTP\r\n") },
		"closes":           func(net.Conn) {},
		"a cut handshake":  func(c net.Conn) { _, _ = c.Write([]byte{80, 0, 0, 0, 10, '8', '.'}) },
		"too many":         (&mysqlServer{banned: mysqlError(1040, "08004", "Too many connections")}).handle,
	} {
		_, err := read(t, open(t, target("mysql", serve(t, handle).addr, strataUser())))
		var refused *AccessError
		require.NotErrorAs(t, err, &refused, name)
		require.Error(t, err, name)
	}
	unanswered(t, hurried(t, open(t, target("mysql", serve(t, silent).addr, strataUser()))), "deadline exceeded")
}

// TestMySQLBreaksOff: a server that ends in the middle of a look is connected to anew at the next one.
func TestMySQLBreaksOff(t *testing.T) {
	full := mysqlRows([]string{"Variable_name", "Value"}, []string{"Uptime", "5"})
	for name, c := range map[string]struct {
		statement, want string
		packets         [][]byte
	}{
		"at once":         {"SHOW GLOBAL STATUS", "SHOW GLOBAL STATUS", nil},
		"within rows":     {"SHOW GLOBAL STATUS", "", full[:4]},
		"a column":        {"SHOW GLOBAL STATUS", "SHOW GLOBAL STATUS", mysqlRows([]string{"a"}, []string{"b"})},
		"the variables":   {"SHOW GLOBAL VARIABLES", "SHOW GLOBAL VARIABLES", [][]byte{mysqlError(1053, "08S01", "Server shutdown in progress")}},
		"the replication": {"SHOW REPLICA STATUS", "show replica status", [][]byte{mysqlError(1053, "08S01", "Server shutdown in progress")}},
	} {
		s := newMySQLServer(map[string]string{"strata": "secret"})
		s.set(c.statement, c.packets...)
		f := serve(t, func(conn net.Conn) {
			if name == "within rows" {
				s.handle(&limited{Conn: conn})
				return
			}
			s.handle(conn)
		})
		r := open(t, target("mysql", f.addr, strataUser()))
		_, err := read(t, r)
		require.Error(t, err, name)
		require.ErrorContains(t, err, c.want, name)
		fresh := newMySQLServer(nil)
		s.mu.Lock()
		s.answers = fresh.answers
		s.mu.Unlock()
		if name != "within rows" {
			_, err = read(t, r)
			require.NoError(t, err, name)
			require.Equal(t, 2, f.connections(), name)
		}
	}
}

// limited ends the connection behind the answer to the first statement.
type limited struct {
	net.Conn
	writes int
}

func (l *limited) Write(b []byte) (int, error) {
	n, err := l.Conn.Write(b)
	if l.writes++; l.writes == 4 {
		_ = l.Close()
	}
	return n, err
}

// TestMySQLWays: certificates are checked but for loopback, and no password goes in clear.
func TestMySQLWays(t *testing.T) {
	for addr, want := range map[string]string{"127.0.0.1:3306": "skip-verify", "[::1]:3306": "skip-verify", "10.0.0.1:3306": "true"} {
		ways := newMySQL(Target{Address: netip.MustParseAddrPort(addr), Credential: &Credential{Username: "a", TLS: true}}).ways()
		require.Len(t, ways, 1)
		require.Equal(t, want, ways[0].TLSConfig)
		require.Equal(t, "tcp", ways[0].Net)
		require.False(t, ways[0].AllowCleartextPasswords)
	}
}
