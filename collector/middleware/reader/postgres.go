// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// sizeInterval is how often the sizes of databases are asked for: PostgreSQL looks at every file for it.
const sizeInterval = time.Minute

type postgres struct {
	t     Target
	conn  *pgx.Conn
	sizes Reading
	sized time.Time
}

func newPostgres(t Target) *postgres { return &postgres{t: t} }

// Close implements Reader.
func (p *postgres) Close() error {
	if p.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := p.conn.Close(ctx)
	p.conn = nil
	return err // Says what it is.
}

// Read implements Reader.
func (p *postgres) Read(ctx context.Context) (Reading, error) {
	if p.conn == nil {
		if err := p.open(ctx); err != nil {
			return Reading{}, err
		}
	}
	r, err := p.read(ctx)
	if err != nil {
		_ = p.Close() //nolint:contextcheck // The context may be over.
	}
	return r, err
}

// way is one way in: a host, which is a folder for a unix socket, and a user.
type way struct{ host, user, password string }

// open takes the first way in. Without a credential these are the socket, as the system user the agent runs as (peer), and postgres
// without a password (trust).
func (p *postgres) open(ctx context.Context) error {
	host := p.t.Address.Addr().String()
	var ways []way
	if c := p.t.Credential; c != nil {
		ways = []way{{host, cmp.Or(c.Username, "strata"), c.Password}}
	} else {
		for _, dir := range p.socketDirs() {
			ways = append(ways, way{dir, systemUser(), ""}, way{dir, "strata", ""})
		}
		ways = append(ways, way{host, "postgres", ""})
	}
	var denied error
	for _, w := range ways {
		conn, err := p.connect(ctx, w)
		if err == nil {
			p.conn = conn
			return nil
		}
		if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
			if !strings.HasPrefix(pgErr.Code, "28") && pgErr.Code != "3D000" {
				return fmt.Errorf("connect: %s: %s", pgErr.Code, pgErr.Message)
			}
			denied = fmt.Errorf("%s (SQLSTATE %s)", pgErr.Message, pgErr.Code)
			continue
		}
		if w.host == host && denied == nil {
			if strings.Contains(err.Error(), "password") { // The server asked for one and there was none to send.
				denied = errors.New("the server asks for a password")
				continue
			}
			return fmt.Errorf("connect: %w", errors.Join(errors.Unwrap(err)))
		}
	}
	return p.refused(denied)
}

func (p *postgres) connect(ctx context.Context, w way) (*pgx.Conn, error) {
	// Nothing comes from the environment: it is that of the agent, not of this server.
	cfg, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%d user=%s dbname=postgres sslmode=prefer passfile=/nonexistent application_name=strata-agent",
		w.host, p.t.Address.Port(), quotePG(w.user)))
	if err != nil {
		return nil, err // The caller says what was done.
	}
	cfg.Password = w.password
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	if c := p.t.Credential; c != nil && c.TLS {
		cfg.Fallbacks = nil
		if !p.t.Address.Addr().IsLoopback() {
			cfg.TLSConfig = &tls.Config{ServerName: w.host, MinVersion: tls.VersionTLS12}
		}
	}
	cfg.RuntimeParams["statement_timeout"] = "5000"
	return pgx.ConnectConfig(ctx, cfg) // The caller says what was done.
}

func quotePG(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// socketDirs are the folders with this server's socket.
func (p *postgres) socketDirs() []string {
	var out []string
	for _, dir := range []string{"/var/run/postgresql", "/tmp"} {
		if info, err := os.Stat(filepath.Join(dir, ".s.PGSQL."+strconv.Itoa(int(p.t.Address.Port())))); err == nil && info.Mode()&os.ModeSocket != 0 {
			out = append(out, dir)
		}
	}
	return out
}

func (p *postgres) refused(err error) error {
	why := "access denied"
	if err != nil {
		why = err.Error()
	}
	return &AccessError{Err: err, Missing: Missing{
		What: "everything: transactions, connections, caches, sizes, replication",
		Why:  why,
		How: "-- in psql, as a superuser\n" +
			"CREATE ROLE strata LOGIN PASSWORD 'CHOOSE-A-PASSWORD' CONNECTION LIMIT 3;\n" +
			"GRANT pg_monitor TO strata;\n" +
			credentialLine(p.t, "username", "strata", "password", "CHOOSE-A-PASSWORD"),
	}}
}

func (p *postgres) read(ctx context.Context) (Reading, error) {
	var r Reading
	var monitor, standby bool
	var limit, uptime, databases float64
	var version, me string
	err := p.conn.QueryRow(ctx, `SELECT current_setting('server_version'), current_setting('max_connections')::float8,
		extract(epoch FROM now() - pg_postmaster_start_time())::float8, pg_is_in_recovery(),
		(SELECT count(*) FROM pg_database WHERE NOT datistemplate)::float8, pg_has_role(current_user, 'pg_monitor', 'USAGE'), current_user::text`).
		Scan(&version, &limit, &uptime, &standby, &databases, &monitor, &me)
	if err != nil {
		return r, fmt.Errorf("read server state: %w", err)
	}
	r.Version, _, _ = strings.Cut(version, " ")
	r.add("max_connections", limit)
	r.add("uptime", uptime)
	r.add("databases", databases)
	r.add("in_recovery", truth(standby))
	for _, q := range p.queries() {
		if err := p.rows(ctx, &r, q); err != nil {
			return r, err
		}
	}
	if time.Since(p.sized) >= sizeInterval {
		var sizes Reading
		if err := p.rows(ctx, &sizes, sizeQuery()); err != nil {
			return r, err
		}
		p.sizes, p.sized = sizes, time.Now()
	}
	r.Samples = append(r.Samples, p.sizes.Samples...)
	if !monitor {
		r.Missing = append(r.Missing, Missing{
			What: "states of others' connections, sizes of all databases, delay of replicas", Why: me + " is not a member of pg_monitor",
			How: "-- in psql, as a superuser\nGRANT pg_monitor TO " + pgx.Identifier{me}.Sanitize() + ";",
		})
	}
	return r, nil
}

// pgQuery asks for rows of an optional tag and numbers. NULL is no value.
type pgQuery struct {
	what   string
	sql    string
	tag    string // the attribute that the first column is; empty when all columns are numbers
	fields []string
}

func (p *postgres) queries() []pgQuery {
	checkpoints := `SELECT checkpoints_timed::float8, checkpoints_req::float8, buffers_alloc::float8 FROM pg_stat_bgwriter`
	if major(p.conn.PgConn().ParameterStatus("server_version")) >= 17 {
		checkpoints = `SELECT c.num_timed::float8, c.num_requested::float8, b.buffers_alloc::float8 FROM pg_stat_checkpointer c, pg_stat_bgwriter b`
	}
	return []pgQuery{
		{
			"connections", `SELECT coalesce(state, 'unknown'), count(*)::float8 FROM pg_stat_activity WHERE backend_type = 'client backend' GROUP BY 1`,
			"state",
			[]string{"connections"},
		},
		{
			"oldest transaction",
			`SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8 FROM pg_stat_activity WHERE backend_type = 'client backend'`,
			"",
			[]string{"oldest_transaction"},
		},
		{"checkpoints", checkpoints, "", []string{"checkpoints_timed", "checkpoints_req", "buffers_alloc"}},
		{"locks", `SELECT mode, count(*)::float8 FROM pg_locks GROUP BY 1`, "mode", []string{"locks"}},
		{
			"replicas", `SELECT coalesce(nullif(application_name, ''), host(client_addr), 'local'), extract(epoch FROM replay_lag)::float8,
			pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, replay_lsn)::float8
			FROM pg_stat_replication`, "replica", []string{"replay_lag", "replay_bytes"},
		},
		{
			"databases", `SELECT datname, numbackends::float8, xact_commit::float8, xact_rollback::float8, deadlocks::float8, blks_hit::float8, blks_read::float8,
			tup_inserted::float8, tup_updated::float8, tup_deleted::float8, tup_fetched::float8, tup_returned::float8, temp_files::float8, temp_bytes::float8
			FROM pg_stat_database WHERE datname IS NOT NULL AND datname NOT IN ('template0', 'template1') ORDER BY xact_commit DESC`, "database",
			[]string{
				"numbackends", "xact_commit", "xact_rollback", "deadlocks", "blks_hit", "blks_read", "tup_inserted", "tup_updated", "tup_deleted",
				"tup_fetched", "tup_returned", "temp_files", "temp_bytes",
			},
		},
	}
}

func sizeQuery() pgQuery {
	return pgQuery{"sizes", `SELECT datname, CASE WHEN has_database_privilege(oid, 'CONNECT') OR pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
		THEN pg_database_size(oid)::float8 END FROM pg_database WHERE NOT datistemplate`, "database", []string{"size"}}
}

func (p *postgres) rows(ctx context.Context, r *Reading, q pgQuery) error {
	rows, err := p.conn.Query(ctx, q.sql)
	if err != nil {
		return fmt.Errorf("read %s: %w", q.what, err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		values := make([]*float64, len(q.fields))
		into := make([]any, 0, len(q.fields)+1)
		if q.tag != "" {
			into = append(into, &name)
		}
		for i := range values {
			into = append(into, &values[i])
		}
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("read %s: %w", q.what, err)
		}
		for i, v := range values {
			switch {
			case v == nil:
			case q.tag == "":
				r.add(q.fields[i], *v)
			default:
				r.add(q.fields[i], *v, q.tag, name)
			}
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read %s: %w", q.what, err)
	}
	return nil
}

// major is the first number of a version, 0 when there is none.
func major(version string) int {
	end := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(version)
	}
	n, err := strconv.Atoi(version[:end])
	if err != nil {
		return 0
	}
	return n
}
