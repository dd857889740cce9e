// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/testutil/kafkatest"
	"github.com/strata-apm/strata/internal/testutil/pgtest"
)

// shared is what the tests of the package start once: each takes seconds to start. Whoever stops or kills one starts its own.
var shared sharedServers

func TestMain(m *testing.M) {
	code := m.Run()
	shared.close()
	os.Exit(code)
}

// sharedServers are one Kafka broker and one PostgreSQL, started when the first test asks for them. It is the pgtest.TB of the latter.
type sharedServers struct {
	once     sync.Once
	err      error
	kafka    *kafkatest.Cluster
	pg       *pgtest.Server
	cleanups []func()
}

// servers returns both. Tests must use topics with a prefix of their own and a database of their own.
func (s *sharedServers) servers(t *testing.T) (*kafkatest.Cluster, *pgtest.Server) {
	t.Helper()
	s.once.Do(func() { s.err = s.start() })
	require.NoError(t, s.err, "start the servers that the tests share")
	return s.kafka, s.pg
}

func (s *sharedServers) start() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("PostgreSQL: %v", v)
		}
	}()
	dir, err := os.MkdirTemp("", "strata-e2e-*")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	s.Cleanup(func() { _ = os.RemoveAll(dir) })
	if s.kafka, err = kafkatest.New(context.Background(), filepath.Join(dir, "kafka"), kafkatest.Options{}); err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	s.Cleanup(func() { _ = s.kafka.Close() })
	s.pg = pgtest.Start(s)
	return nil
}

func (s *sharedServers) close() {
	for _, f := range slices.Backward(s.cleanups) {
		f()
	}
}

// Cleanup implements pgtest.TB.
func (s *sharedServers) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

// Helper implements pgtest.TB.
func (*sharedServers) Helper() {}

// Errorf implements pgtest.TB.
func (*sharedServers) Errorf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// FailNow implements pgtest.TB. It ends the test that is waiting.
func (*sharedServers) FailNow() { panic("see above") }
