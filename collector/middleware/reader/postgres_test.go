// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"
)

// pgAnswer is the result of statements that have a text in them; a cell of "NULL" is none.
type pgAnswer struct {
	match string
	types string // one letter a column: t text, f float8, b bool
	rows  [][]string
	err   *pgproto3.ErrorResponse
}

// pgServer speaks PostgreSQL's protocol.
type pgServer struct {
	version string
	// refuse is the answer to a startup message, nil to let the user in; password is asked for when it is not empty.
	refuse   func(user string) *pgproto3.ErrorResponse
	password string

	mu      sync.Mutex
	answers []pgAnswer          // the first that matches counts; guarded by mu, as what follows is
	signed  []map[string]string // parameters of those who were let in
	asked   []string
}

func pgError(code, text string) *pgproto3.ErrorResponse {
	return &pgproto3.ErrorResponse{Severity: "FATAL", Code: code, Message: text}
}

func (s *pgServer) handle(c net.Conn) {
	b := pgproto3.NewBackend(c, c)
	send := func(messages ...pgproto3.BackendMessage) bool {
		for _, m := range messages {
			b.Send(m)
		}
		return b.Flush() == nil
	}
	var startup *pgproto3.StartupMessage
	for startup == nil {
		m, err := b.ReceiveStartupMessage()
		if err != nil {
			return
		}
		switch m := m.(type) {
		case *pgproto3.SSLRequest, *pgproto3.GSSEncRequest:
			_, _ = c.Write([]byte("N"))
		case *pgproto3.StartupMessage:
			startup = m
		default:
			return
		}
	}
	if s.refuse != nil {
		if e := s.refuse(startup.Parameters["user"]); e != nil {
			send(e)
			return
		}
	}
	if s.password != "" {
		if !send(&pgproto3.AuthenticationCleartextPassword{}) || b.SetAuthType(pgproto3.AuthTypeCleartextPassword) != nil {
			return
		}
		if m, err := b.Receive(); err != nil || m.(*pgproto3.PasswordMessage).Password != s.password {
			send(pgError("28P01", `password authentication failed for user "`+startup.Parameters["user"]+`"`))
			return
		}
	}
	s.mu.Lock()
	s.signed = append(s.signed, startup.Parameters)
	s.mu.Unlock()
	ok := send(&pgproto3.AuthenticationOk{}, &pgproto3.ParameterStatus{Name: "server_version", Value: s.version}, &pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}},
		&pgproto3.ReadyForQuery{TxStatus: 'I'})
	var now pgAnswer
	for ok {
		m, err := b.Receive()
		if err != nil {
			return
		}
		switch m := m.(type) {
		case *pgproto3.Parse:
			var found bool
			if now, found = s.answer(m.Query); !found {
				return
			}
			b.Send(&pgproto3.ParseComplete{})
		case *pgproto3.Bind:
			b.Send(&pgproto3.BindComplete{})
		case *pgproto3.Describe:
			b.Send(now.columns())
		case *pgproto3.Execute:
			now.execute(b)
		case *pgproto3.Sync:
			ok = send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		case *pgproto3.Terminate:
			return
		}
	}
}

func (a pgAnswer) columns() *pgproto3.RowDescription {
	out := &pgproto3.RowDescription{}
	for _, c := range a.types {
		oid := map[rune]uint32{'t': pgtype.TextOID, 'f': pgtype.Float8OID, 'b': pgtype.BoolOID}[c]
		out.Fields = append(out.Fields, pgproto3.FieldDescription{Name: []byte("c"), DataTypeOID: oid, DataTypeSize: -1, TypeModifier: -1})
	}
	return out
}

func (a pgAnswer) execute(b *pgproto3.Backend) {
	for _, row := range a.rows {
		out := &pgproto3.DataRow{}
		for _, cell := range row {
			var value []byte
			if cell != "NULL" {
				value = []byte(cell)
			}
			out.Values = append(out.Values, value)
		}
		b.Send(out)
	}
	if a.err != nil {
		b.Send(a.err)
		return
	}
	b.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
}

func (s *pgServer) answer(query string) (pgAnswer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, query)
	for _, a := range s.answers {
		if strings.Contains(query, a.match) {
			return a, true
		}
	}
	return pgAnswer{}, false
}

// count is how many statements had a text in them.
func (s *pgServer) count(text string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, q := range s.asked {
		if strings.Contains(q, text) {
			n++
		}
	}
	return n
}

// users are those who were let in.
func (s *pgServer) users() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, p := range s.signed {
		out = append(out, p["user"])
	}
	return out
}

func newPGServer(change ...pgAnswer) *pgServer {
	return &pgServer{version: "16.4 (Debian 16.4-1)", answers: append(change,
		pgAnswer{match: "current_setting('server_version')", types: "tffbfbt", rows: [][]string{{"16.4 (Debian 16.4-1)", "100", "5000.5", "f", "2", "t", "strata"}}},
		pgAnswer{match: "coalesce(state", types: "tf", rows: [][]string{{"active", "1"}, {"idle", "4"}}},
		pgAnswer{match: "xact_start", types: "f", rows: [][]string{{"12.5"}}},
		pgAnswer{match: "checkpoints_timed", types: "fff", rows: [][]string{{"7", "2", "900"}}},
		pgAnswer{match: "pg_stat_checkpointer", types: "fff", rows: [][]string{{"17", "12", "1900"}}},
		pgAnswer{match: "pg_locks", types: "tf", rows: [][]string{{"AccessShareLock", "3"}}},
		pgAnswer{match: "pg_stat_replication", types: "tff", rows: [][]string{{"replica-1", "0.5", "1024"}, {"replica-2", "NULL", "0"}}},
		pgAnswer{match: "pg_stat_database", types: "tfffffffffffff", rows: [][]string{{"shop", "5", "100", "3", "0", "900", "90", "10", "11", "12", "13", "14", "1", "2048"}}},
		pgAnswer{match: "pg_database_size", types: "tf", rows: [][]string{{"shop", "8192"}, {"secret", "NULL"}}},
	)}
}

func pgValues() map[string]float64 {
	return map[string]float64{
		"max_connections": 100, "uptime": 5000.5, "databases": 2, "in_recovery": 0, "connections{state=active}": 1, "connections{state=idle}": 4, "oldest_transaction": 12.5,
		"checkpoints_timed": 7, "checkpoints_req": 2, "buffers_alloc": 900, "locks{mode=AccessShareLock}": 3, "replay_lag{replica=replica-1}": 0.5,
		"replay_bytes{replica=replica-1}": 1024, "replay_bytes{replica=replica-2}": 0, "numbackends{database=shop}": 5, "xact_commit{database=shop}": 100,
		"xact_rollback{database=shop}": 3, "deadlocks{database=shop}": 0, "blks_hit{database=shop}": 900, "blks_read{database=shop}": 90, "tup_inserted{database=shop}": 10,
		"tup_updated{database=shop}": 11, "tup_deleted{database=shop}": 12, "tup_fetched{database=shop}": 13, "tup_returned{database=shop}": 14, "temp_files{database=shop}": 1,
		"temp_bytes{database=shop}": 2048, "size{database=shop}": 8192,
	}
}

// TestPostgres: the connection is kept; sizes, for which the server reads every file's length, are asked for once a minute.
func TestPostgres(t *testing.T) {
	s := newPGServer()
	s.password = "it's \\secret"
	f := serve(t, s.handle)
	r := newPostgres(target("postgresql", f.addr, &Credential{Username: "o'brien", Password: s.password}))
	defer func() { require.NoError(t, r.Close()) }()
	for range 3 {
		got, err := read(t, r)
		require.NoError(t, err)
		require.Equal(t, "16.4", got.Version)
		require.Empty(t, got.Missing)
		require.Equal(t, pgValues(), values(got))
	}
	require.Len(t, s.users(), 1)
	require.Equal(t, 1, s.count("pg_database_size"))
	r.sized = time.Now().Add(-sizeInterval)
	_, err := read(t, r)
	require.NoError(t, err)
	require.Equal(t, 2, s.count("pg_database_size"))
	require.Equal(t, "o'brien", s.signed[0]["user"])
	require.Equal(t, "strata-agent", s.signed[0]["application_name"])
	require.Equal(t, "5000", s.signed[0]["statement_timeout"])
}

// TestPostgresVersions: 17 has its checkpoints elsewhere.
func TestPostgresVersions(t *testing.T) {
	for version, want := range map[string]float64{"9.6.24": 7, "16beta1": 7, "17.0": 17, "18devel": 17} {
		s := newPGServer()
		s.version = version
		got, err := read(t, open(t, target("postgresql", serve(t, s.handle).addr, strataUser())))
		require.NoError(t, err)
		require.InDelta(t, want, values(got)["checkpoints_timed"], 0, version)
	}
	for text, want := range map[string]int{"": 0, "x": 0, "17": 17, "9.6": 9, "99999999999999999999": 0} {
		require.Equal(t, want, major(text), text)
	}
}

// TestPostgresLimited: who is no monitor reads what there is, and is told how to become one.
func TestPostgresLimited(t *testing.T) {
	s := newPGServer(pgAnswer{match: "current_setting('server_version')", types: "tffbfbt", rows: [][]string{{"14.1", "100", "1", "t", "2", "f", `we"ird`}}})
	got, err := read(t, open(t, target("postgresql", serve(t, s.handle).addr, strataUser())))
	require.NoError(t, err)
	require.InDelta(t, 1, values(got)["in_recovery"], 0)
	require.Len(t, got.Missing, 1)
	require.Equal(t, `we"ird is not a member of pg_monitor`, got.Missing[0].Why)
	require.Contains(t, got.Missing[0].How, `GRANT pg_monitor TO "we""ird";`)
}

func TestPostgresRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		server     *pgServer
		credential *Credential
		why        string
	}{
		"a wrong password": {&pgServer{password: "other"}, strataUser(), "(SQLSTATE 28P01)"},
		"no line for it":   {&pgServer{refuse: func(string) *pgproto3.ErrorResponse { return pgError("28000", "no pg_hba.conf entry for host") }}, strataUser(), "no pg_hba.conf entry for host (SQLSTATE 28000)"},
		"no database":      {&pgServer{refuse: func(string) *pgproto3.ErrorResponse { return pgError("3D000", `database "postgres" does not exist`) }}, strataUser(), "3D000"},
		"without a user":   {&pgServer{password: "other"}, nil, "28P01"},
	} {
		f := serve(t, c.server.handle)
		_, err := read(t, open(t, target("postgresql", f.addr, c.credential)))
		var refused *AccessError
		require.ErrorAs(t, err, &refused, name)
		missing := refusal(t, err)
		require.Contains(t, missing.Why, c.why, name)
		require.Contains(t, missing.How, "GRANT pg_monitor TO strata;")
		require.NotContains(t, missing.How, "secret")
	}
}

func TestPostgresBroken(t *testing.T) {
	for name, handle := range map[string]func(net.Conn){
		"starting":         (&pgServer{refuse: func(string) *pgproto3.ErrorResponse { return pgError("57P03", "the database system is starting up") }}).handle,
		"too many":         (&pgServer{refuse: func(string) *pgproto3.ErrorResponse { return pgError("53300", "sorry, too many clients already") }}).handle,
		"closes":           func(net.Conn) {},
		"another protocol": func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") },
		"a cut answer":     func(c net.Conn) { _, _ = c.Write([]byte{'N', 'R', 0, 0}) },
	} {
		_, err := read(t, open(t, target("postgresql", serve(t, handle).addr, strataUser())))
		require.Error(t, err, name)
		var refused *AccessError
		require.NotErrorAs(t, err, &refused, name)
		require.ErrorContains(t, err, "connect: ", name)
	}
	unanswered(t, hurried(t, open(t, target("postgresql", serve(t, silent).addr, strataUser()))), "connect")
}

// TestPostgresBreaksOff: whichever statement fails, the look fails with what was asked, and the next one connects anew.
func TestPostgresBreaksOff(t *testing.T) {
	for match, what := range map[string]string{
		"current_setting('server_version')": "read server state", "coalesce(state": "read connections", "xact_start": "read oldest transaction", "checkpoints_timed": "read checkpoints",
		"pg_locks": "read locks", "pg_stat_replication": "read replicas", "pg_stat_database": "read databases", "pg_database_size": "read sizes",
	} {
		for name, broken := range map[string]pgAnswer{
			"cancelled":     {match: match, types: "t", err: &pgproto3.ErrorResponse{Severity: "ERROR", Code: "57014", Message: "canceling statement due to statement timeout"}},
			"another shape": {match: match, types: "t", rows: [][]string{{"x"}}},
		} {
			s := newPGServer(broken)
			f := serve(t, s.handle)
			r := newPostgres(target("postgresql", f.addr, strataUser()))
			_, err := read(t, r)
			unanswered(t, err, what)
			require.Nil(t, r.conn, name)
			s.mu.Lock()
			s.answers = s.answers[1:]
			s.mu.Unlock()
			_, err = read(t, r)
			require.NoError(t, err)
			require.Len(t, s.users(), 2)
			require.NoError(t, r.Close())
		}
	}
}

// TestPostgresSocket: without a credential the socket is the first way in, as the agent's user, then as strata; postgres over TCP is the last.
func TestPostgresSocket(t *testing.T) {
	me := systemUser()
	s := newPGServer()
	s.refuse = func(user string) *pgproto3.ErrorResponse {
		if user != "postgres" {
			return pgError("28000", `role "`+user+`" does not exist`)
		}
		return nil
	}
	f := serve(t, s.handle)
	r := newPostgres(target("postgresql", f.addr, nil))
	require.Empty(t, r.socketDirs())
	_, err := read(t, r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Equal(t, []string{"postgres"}, s.users())

	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", "/tmp/.s.PGSQL."+portOf(f.addr))
	require.NoError(t, err)
	local := newPGServer()
	local.refuse = func(user string) *pgproto3.ErrorResponse {
		if user == me && me != "strata" {
			return pgError("28000", "Peer authentication failed")
		}
		return nil
	}
	serveOn(t, l, local.handle)
	require.Equal(t, []string{"/tmp"}, r.socketDirs())
	_, err = read(t, r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Equal(t, []string{"strata"}, local.users())
	require.Equal(t, []string{"postgres"}, s.users(), "TCP was not needed")
}

func portOf(addr netip.AddrPort) string {
	_, port, _ := net.SplitHostPort(addr.String())
	return port
}
