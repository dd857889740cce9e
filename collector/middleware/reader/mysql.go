// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// Numbers of server errors: of access, and of a privilege that is missing.
const (
	mysqlAccessDenied  = 1045
	mysqlNoPassword    = 1698 // MariaDB: the user signs in by something else than a password.
	mysqlHostBlocked   = 1130
	mysqlNeedPrivilege = 1227
	mysqlSyntax        = 1064
)

// signInAgain is after how many reads with something missing the connection is made anew: MySQL looks at global privileges at sign-in.
const signInAgain = 3

type mySQL struct {
	t       Target
	db      *sql.DB
	limited int // reads with something missing over this connection
}

func newMySQL(t Target) *mySQL { return &mySQL{t: t} }

// Close implements Reader.
func (m *mySQL) Close() error {
	if m.db == nil {
		return nil
	}
	err := m.db.Close()
	m.db = nil
	return err // Says what it is.
}

// Read implements Reader.
func (m *mySQL) Read(ctx context.Context) (Reading, error) {
	if m.db == nil {
		if err := m.open(ctx); err != nil {
			return Reading{}, err
		}
	}
	r, err := m.read(ctx)
	if len(r.Missing) > 0 {
		m.limited++
	}
	if err != nil || m.limited >= signInAgain {
		m.limited = 0
		_ = m.Close()
	}
	return r, err
}

// open takes the first way in. Without a credential these are the socket, as the system user the agent runs as, and root without a
// password.
func (m *mySQL) open(ctx context.Context) error {
	var denied error
	for _, cfg := range m.ways() {
		db, err := m.connect(ctx, cfg)
		if err == nil {
			m.db = db
			return nil
		}
		number := uint16(0)
		if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
			number = e.Number
		}
		switch number {
		case mysqlAccessDenied, mysqlNoPassword, mysqlHostBlocked:
			denied = err
		default:
			if cfg.Net == "tcp" && denied == nil {
				return fmt.Errorf("connect: %w", err)
			}
		}
	}
	return m.refused(denied)
}

func (m *mySQL) connect(ctx context.Context, cfg *mysql.Config) (*sql.DB, error) {
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err // The caller says what was done.
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func (m *mySQL) ways() []*mysql.Config {
	way := func(network, addr, user, password string) *mysql.Config {
		cfg := mysql.NewConfig()
		cfg.Net, cfg.Addr, cfg.User, cfg.Passwd = network, addr, user, password
		cfg.AllowNativePasswords, cfg.AllowCleartextPasswords = true, false
		cfg.Logger = log.New(io.Discard, "", 0)
		return cfg
	}
	tcp := m.t.Address.String()
	if c := m.t.Credential; c != nil {
		cfg := way("tcp", tcp, cmp.Or(c.Username, "strata"), c.Password)
		if c.TLS {
			cfg.TLSConfig = "true"
			if m.t.Address.Addr().IsLoopback() {
				cfg.TLSConfig = "skip-verify"
			}
		}
		return []*mysql.Config{cfg}
	}
	var out []*mysql.Config
	if me := systemUser(); me != "" {
		for _, path := range m.sockets() {
			out = append(out, way("unix", path, me, ""))
		}
	}
	return append(out, way("tcp", tcp, "root", ""))
}

// sockets are the unix sockets that exist: that of the command line, otherwise the usual ones when the server has the usual port, for
// a second server has another.
func (m *mySQL) sockets() []string {
	var paths []string
	for _, arg := range m.t.Cmdline {
		if p, ok := strings.CutPrefix(arg, "--socket="); ok {
			paths = append(paths, p)
		}
	}
	if len(paths) == 0 && m.t.Address.Port() == 3306 {
		paths = []string{"/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock"}
	}
	return slices.DeleteFunc(paths, func(p string) bool {
		info, err := os.Stat(p)
		return err != nil || info.Mode()&os.ModeSocket == 0
	})
}

func (m *mySQL) refused(err error) error {
	why := "access denied"
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		why = fmt.Sprintf("ERROR %d: %s", e.Number, e.Message)
	}
	host := m.t.Address.Addr().String()
	return &AccessError{Err: err, Missing: Missing{
		What: "everything: statements, connections, InnoDB, replication",
		Why:  why,
		How: "-- in a MySQL client, as an administrator (MariaDB 10.5 and later: SLAVE MONITOR in the place of REPLICATION CLIENT)\n" +
			"CREATE USER 'strata'@'" + host + "' IDENTIFIED BY 'CHOOSE-A-PASSWORD' WITH MAX_USER_CONNECTIONS 3;\n" +
			"GRANT PROCESS, REPLICATION CLIENT ON *.* TO 'strata'@'" + host + "';\n" +
			credentialLine(m.t, "username", "strata", "password", "CHOOSE-A-PASSWORD"),
	}}
}

func (m *mySQL) read(ctx context.Context) (Reading, error) {
	var r Reading
	if err := m.pairs(ctx, "SHOW GLOBAL STATUS", func(name, value string) {
		if v, ok := number(value); ok {
			r.add(strings.ToLower(name), v)
		}
	}); err != nil {
		return Reading{}, err
	}
	variables := "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'max_connections', 'innodb_buffer_pool_size')"
	if err := m.pairs(ctx, variables, func(name, value string) {
		if name == "version" {
			r.Version = value
		} else if v, ok := number(value); ok {
			r.add(name, v)
		}
	}); err != nil {
		return Reading{}, err
	}
	return r, m.replication(ctx, &r)
}

func (m *mySQL) pairs(ctx context.Context, query string, each func(name, value string)) error {
	rows, err := m.db.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return fmt.Errorf("%s: %w", query, err)
		}
		each(name, value)
	}
	return rows.Err() // Says what it is.
}

// replication reads the state of a replica. MySQL 8.4 knows only the new word, older servers only the old one.
func (m *mySQL) replication(ctx context.Context, r *Reading) error {
	rows, err := m.db.QueryContext(ctx, "SHOW REPLICA STATUS")
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok && e.Number == mysqlSyntax {
		rows, err = m.db.QueryContext(ctx, "SHOW SLAVE STATUS")
	}
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok && e.Number == mysqlNeedPrivilege {
		r.Missing = append(r.Missing, Missing{
			What: "replication state", Why: fmt.Sprintf("ERROR %d: %s", e.Number, e.Message),
			How: "-- in a MySQL client, as an administrator (MariaDB 10.5 and later: SLAVE MONITOR in the place of REPLICATION CLIENT)\n" +
				"GRANT REPLICATION CLIENT ON *.* TO " + m.account() + ";",
		})
		return nil
	}
	if err != nil {
		return fmt.Errorf("show replica status: %w", err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return fmt.Errorf("show replica status: %w", err)
	}
	for rows.Next() {
		raw := make([]sql.RawBytes, len(columns))
		into := make([]any, len(columns))
		for i := range raw {
			into[i] = &raw[i]
		}
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("show replica status: %w", err)
		}
		for i, c := range columns {
			switch c {
			case "Seconds_Behind_Master", "Seconds_Behind_Source":
				if v, ok := number(string(raw[i])); ok {
					r.add("seconds_behind_source", v)
				}
			case "Slave_IO_Running", "Replica_IO_Running":
				r.add("replica_io_running", truth(string(raw[i]) == "Yes"))
			case "Slave_SQL_Running", "Replica_SQL_Running":
				r.add("replica_sql_running", truth(string(raw[i]) == "Yes"))
			}
		}
	}
	return rows.Err() // Says what it is.
}

// account is who the agent is for the server, as GRANT wants it.
func (m *mySQL) account() string {
	if c := m.t.Credential; c != nil {
		return "'" + cmp.Or(c.Username, "strata") + "'@'" + m.t.Address.Addr().String() + "'"
	}
	return "'" + systemUser() + "'@'localhost'"
}
