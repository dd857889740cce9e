// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Config says where the catalog is.
type Config struct {
	// URL is postgres://user@host:5432/database?sslmode=verify-full and whatever else libpq takes. Empty is a SQLite file in the
	// data directory, which is right for one process.
	URL string `yaml:"url"`
	// PasswordFile holds the password, read at every new connection so that it may be changed; it replaces the URL's.
	PasswordFile string `yaml:"password_file"`
	// MaxConnections bounds the connections of one process to PostgreSQL.
	MaxConnections int `yaml:"max_connections"`
}

// Default is a SQLite file.
func Default() Config { return Config{MaxConnections: 10} }

// Remote says that the catalog is one that several processes share.
func (c Config) Remote() bool { return c.URL != "" }

// Validate reports what cannot work. Its errors show no password.
func (c Config) Validate() error {
	if c.URL == "" {
		if c.PasswordFile != "" {
			return errors.New("catalog.password_file: needs catalog.url")
		}
		return nil
	}
	if c.MaxConnections < 2 || c.MaxConnections > 1000 {
		return fmt.Errorf("catalog.max_connections: %d is not between 2 and 1000", c.MaxConnections)
	}
	if _, err := c.parse(); err != nil {
		return fmt.Errorf("catalog.url: %w", err)
	}
	return nil
}

// parse reads the URL. Errors of the libraries quote what they were given, so they are replaced.
func (c Config) parse() (*pgx.ConnConfig, error) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil:
		return nil, errors.New("not a URL; characters of the password other than letters and digits are written as %XX")
	case u.Scheme != "postgres" && u.Scheme != "postgresql":
		return nil, fmt.Errorf("scheme %q is not postgres", u.Scheme)
	}
	cfg, err := pgx.ParseConfig(c.URL)
	if err != nil {
		return nil, fmt.Errorf("%s: an option is not understood, or a file it names cannot be read", c.masked())
	}
	return cfg, nil
}

// masked is the URL without its password, for logs and errors.
func (c Config) masked() string {
	u, err := url.Parse(c.URL)
	if err != nil {
		return "(unreadable URL)"
	}
	q := u.Query()
	for _, secret := range []string{"password", "sslpassword"} {
		if q.Has(secret) {
			q.Set(secret, "xxxxx")
		}
	}
	u.RawQuery = q.Encode()
	return u.Redacted()
}

func readPassword(path string) (string, error) {
	b, err := os.ReadFile(path) //nolint:gosec // The operator names the file.
	if err != nil {
		return "", fmt.Errorf("read catalog.password_file: %w", err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}
