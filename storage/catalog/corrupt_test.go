// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

// TestCorruptedRows: a row that cannot be read is an error that says what was read, never a row that is left out or guessed; the rest of
// the catalog works, and the row can be replaced or deleted.
func TestCorruptedRows(t *testing.T) {
	now := time.Now()
	for _, tc := range []struct {
		name    string
		put     func(ctx context.Context, c *Catalog) error
		corrupt string
		read    func(ctx context.Context, c *Catalog) error
		want    string
		mend    func(ctx context.Context, c *Catalog) error
	}{
		{
			name:    "labels of an agent",
			put:     func(ctx context.Context, c *Catalog) error { return saveAgent(ctx, c, "a") },
			corrupt: `UPDATE agents SET labels = '{"env":'`,
			read:    func(ctx context.Context, c *Catalog) error { _, err := c.Agent(ctx, "a"); return err },
			want:    "read agent: labels of agent a",
			mend:    func(ctx context.Context, c *Catalog) error { return saveAgent(ctx, c, "a") },
		},
		{
			name:    "labels within a list",
			put:     func(ctx context.Context, c *Catalog) error { return saveAgent(ctx, c, "a") },
			corrupt: `UPDATE agents SET labels = '[]'`,
			read: func(ctx context.Context, c *Catalog) error {
				_, err := c.ListAgents(ctx, storage.AgentQuery{})
				return err
			},
			want: "list agents: labels of agent a",
			mend: func(ctx context.Context, c *Catalog) error { return c.DeleteAgent(ctx, "a") },
		},
		{
			name: "time of a key",
			put: func(ctx context.Context, c *Catalog) error {
				return c.CreateKey(ctx, storage.Key{ID: "k", Hash: "h", CreatedAt: now})
			},
			corrupt: `UPDATE api_keys SET created_at = 'yesterday'`,
			read:    func(ctx context.Context, c *Catalog) error { _, err := c.KeyByHash(ctx, "h"); return err },
			want:    "find key: ",
			mend: func(ctx context.Context, c *Catalog) error {
				_, err := c.write.ExecContext(ctx, `DELETE FROM api_keys`)
				return err
			},
		},
		{
			name: "time of a session",
			put: func(ctx context.Context, c *Catalog) error {
				return c.CreateSession(ctx, storage.Session{Hash: "h", CreatedAt: now, ExpiresAt: now.Add(time.Hour)})
			},
			corrupt: `UPDATE sessions SET expires_at = 'never'`,
			read:    func(ctx context.Context, c *Catalog) error { _, err := c.SessionByHash(ctx, "h"); return err },
			want:    "find session: ",
			mend:    func(ctx context.Context, c *Catalog) error { return c.DeleteSession(ctx, "h") },
		},
		{
			name: "switch of a notifier",
			put: func(ctx context.Context, c *Catalog) error {
				return c.PutNotifier(ctx, storage.Notifier{ID: "n", Name: "n", Config: "{}", CreatedAt: now})
			},
			corrupt: `UPDATE notifiers SET enabled = 'maybe'`,
			read:    func(ctx context.Context, c *Catalog) error { _, _, err := c.ListNotifiers(ctx); return err },
			want:    "list notifiers: ",
			mend: func(ctx context.Context, c *Catalog) error {
				return c.PutNotifier(ctx, storage.Notifier{ID: "n", Name: "n", Config: "{}", CreatedAt: now})
			},
		},
		{
			name: "time of a rule group",
			put: func(ctx context.Context, c *Catalog) error {
				return c.CreateRuleGroup(ctx, storage.RuleGroup{ID: "g", Name: "g", CreatedAt: now, UpdatedAt: now})
			},
			corrupt: `UPDATE rule_groups SET updated_at = 'x'`,
			read:    func(ctx context.Context, c *Catalog) error { _, err := c.RulesVersion(ctx); return err },
			want:    "read version of rules: ",
			mend:    func(ctx context.Context, c *Catalog) error { return c.DeleteRuleGroup(ctx, "g") },
		},
		{
			name: "state of a roll-out",
			put: func(ctx context.Context, c *Catalog) error {
				return c.CreateRollout(ctx, storage.Rollout{ID: "r", Active: true, CreatedAt: now, UpdatedAt: now})
			},
			corrupt: `UPDATE agent_rollouts SET cancel = 'x'`,
			read:    func(ctx context.Context, c *Catalog) error { _, err := c.Rollout(ctx, "r"); return err },
			want:    "read roll-out: ",
			mend:    func(ctx context.Context, c *Catalog) error { return c.CancelRollout(ctx, "r") },
		},
		{
			name: "end of a lease",
			put: func(ctx context.Context, c *Catalog) error {
				_, err := c.AcquireLeases(ctx, "a", []string{"x"}, time.Hour)
				return err
			},
			corrupt: `UPDATE leases SET expires_at = 1e300`,
			read:    func(ctx context.Context, c *Catalog) error { _, err := c.ListLeases(ctx, ""); return err },
			want:    "list leases: ",
			mend:    func(ctx context.Context, c *Catalog) error { return c.ReleaseLeases(ctx, "a", []string{"x"}) },
		},
		{
			name: "time of a process",
			put: func(ctx context.Context, c *Catalog) error {
				return c.PutInstance(ctx, storage.Instance{ID: "i", StartedAt: now})
			},
			corrupt: `UPDATE instances SET started_at = 'x'`,
			read:    func(ctx context.Context, c *Catalog) error { _, err := c.ListInstances(ctx, 0); return err },
			want:    "list instances: ",
			mend: func(ctx context.Context, c *Catalog) error {
				return c.PutInstance(ctx, storage.Instance{ID: "i", StartedAt: now})
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := open(t, filepath.Join(t.TempDir(), "catalog.db"))
			ctx := t.Context()
			require.NoError(t, tc.put(ctx, c))
			require.NoError(t, tc.read(ctx, c))
			c.run(t, tc.corrupt)
			err := tc.read(ctx, c)
			require.ErrorContains(t, err, tc.want)
			require.NotErrorIs(t, err, storage.ErrNotFound)
			require.NotErrorIs(t, err, storage.ErrUnavailable, "another attempt does not help")
			require.NoError(t, c.Ping(ctx))
			require.NoError(t, tc.mend(ctx, c))
			if err := tc.read(ctx, c); err != nil {
				require.ErrorIs(t, err, storage.ErrNotFound)
			}
		})
	}
}

func saveAgent(ctx context.Context, c *Catalog, id string) error {
	_, err := c.SaveAgents(ctx, []storage.Agent{{ID: id, HostName: id, Labels: map[string]string{"env": "prod"}}}, nil)
	return err
}

// TestReferencesHold: a queue without its notifier cannot come to be, whoever writes.
func TestReferencesHold(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "catalog.db"))
	_, err := c.write.ExecContext(t.Context(), `INSERT INTO notifications (id, notifier_id, payload, created_at) VALUES ('1', 'none', '', 0)`)
	require.ErrorIs(t, wrap("queue", err), storage.ErrConflict)
	_, err = c.write.ExecContext(t.Context(), `INSERT INTO notified_groups (notifier_id, group_key, alerts, updated_at) VALUES ('none', 'g', '', 0)`)
	require.ErrorIs(t, wrap("log", err), storage.ErrConflict)
}
