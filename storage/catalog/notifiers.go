// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"database/sql"

	"github.com/strata-apm/strata/storage"
)

// ListNotifiers implements storage.NotifierStore.
func (c *Catalog) ListNotifiers(ctx context.Context) ([]storage.Notifier, map[string]storage.NotifierStatus, error) {
	statuses := make(map[string]storage.NotifierStatus)
	ns, err := collect(ctx, c.read, func(r *sql.Rows) (storage.Notifier, error) {
		var n storage.Notifier
		var s storage.NotifierStatus
		var created, attempt sql.NullInt64
		var sendResolved, enabled, ok int64
		err := r.Scan(&n.ID, &n.Name, &n.Type, &n.Config, &sendResolved, &enabled, &created, &attempt, &ok, &s.Error)
		n.SendResolved, n.Enabled, s.OK = sendResolved != 0, enabled != 0, ok != 0
		n.CreatedAt, s.LastAttempt = fromMicros(created), fromMicros(attempt)
		statuses[n.ID] = s
		return n, err
	}, `SELECT id, name, type, config, send_resolved, enabled, created_at, last_attempt_at, last_ok, last_error FROM notifiers ORDER BY name`)
	if err != nil {
		return nil, nil, wrap("list notifiers", err)
	}
	return ns, statuses, nil
}

// PutNotifier implements storage.NotifierStore.
func (c *Catalog) PutNotifier(ctx context.Context, n storage.Notifier) error {
	return c.exec(ctx, "store notifier", `INSERT INTO notifiers
		(id, name, type, config, send_resolved, enabled, created_at, last_ok, last_error) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, '')
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, type = excluded.type, config = excluded.config,
		send_resolved = excluded.send_resolved, enabled = excluded.enabled`,
		n.ID, n.Name, n.Type, n.Config, number(n.SendResolved), number(n.Enabled), micros(n.CreatedAt))
}

// number is a boolean as both databases take it for a BIGINT column.
func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// DeleteNotifier implements storage.NotifierStore.
func (c *Catalog) DeleteNotifier(ctx context.Context, id string) error {
	return c.exec(ctx, "delete notifier", `DELETE FROM notifiers WHERE id = $1`, id)
}

// SetNotifierStatus implements storage.NotifierStore.
func (c *Catalog) SetNotifierStatus(ctx context.Context, id string, s storage.NotifierStatus) error {
	_, err := c.write.ExecContext(ctx, `UPDATE notifiers SET last_attempt_at = $2, last_ok = $3, last_error = $4 WHERE id = $1`,
		id, nullMicros(s.LastAttempt), number(s.OK), s.Error)
	return wrap("store notifier status", err)
}

// Enqueue implements storage.NotificationQueue.
func (c *Catalog) Enqueue(ctx context.Context, ns []storage.Notification, groups []storage.NotifiedGroup, by storage.Lease) error {
	return wrap("enqueue notifications", inTx(ctx, c.write, func(tx *sql.Tx) error {
		if err := c.fence(ctx, tx, by); err != nil {
			return err
		}
		for _, n := range ns {
			// The SELECT leaves out a notifier that was deleted between the decision and now.
			if _, err := tx.ExecContext(ctx, `INSERT INTO notifications (id, notifier_id, payload, created_at)
				SELECT CAST($1 AS TEXT), id, CAST($3 AS TEXT), CAST($4 AS BIGINT) FROM notifiers WHERE id = $2`,
				n.ID, n.NotifierID, n.Payload, micros(n.CreatedAt)); err != nil {
				return err
			}
		}
		for _, g := range groups {
			if err := putGroup(ctx, tx, g); err != nil {
				return err
			}
		}
		return nil
	}))
}

func putGroup(ctx context.Context, tx *sql.Tx, g storage.NotifiedGroup) error {
	if g.Alerts == "" {
		_, err := tx.ExecContext(ctx, `DELETE FROM notified_groups WHERE notifier_id = $1 AND group_key = $2`, g.NotifierID, g.GroupKey)
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO notified_groups (notifier_id, group_key, alerts, updated_at)
		SELECT id, CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS BIGINT) FROM notifiers WHERE id = $1
		ON CONFLICT (notifier_id, group_key) DO UPDATE SET alerts = excluded.alerts, updated_at = excluded.updated_at`,
		g.NotifierID, g.GroupKey, g.Alerts, micros(g.UpdatedAt))
	return err
}

// PendingNotifications implements storage.NotificationQueue.
func (c *Catalog) PendingNotifications(ctx context.Context, notifierID string, limit int) ([]storage.Notification, error) {
	ns, err := collect(ctx, c.read, func(r *sql.Rows) (storage.Notification, error) {
		var n storage.Notification
		var created sql.NullInt64
		err := r.Scan(&n.ID, &n.NotifierID, &n.Payload, &created)
		n.CreatedAt = fromMicros(created)
		return n, err
	}, `SELECT id, notifier_id, payload, created_at FROM notifications WHERE notifier_id = $1 ORDER BY id LIMIT $2`, notifierID, limit)
	return ns, wrap("read pending notifications", err)
}

// FinishNotification implements storage.NotificationQueue.
func (c *Catalog) FinishNotification(ctx context.Context, id string) error {
	_, err := c.write.ExecContext(ctx, `DELETE FROM notifications WHERE id = $1`, id)
	return wrap("finish notification", err)
}

// PurgeNotifier implements storage.NotificationQueue.
func (c *Catalog) PurgeNotifier(ctx context.Context, notifierID string) (int, error) {
	var n int64
	err := inTx(ctx, c.write, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM notifications WHERE notifier_id = $1`, notifierID)
		if err != nil {
			return err
		}
		if n, err = res.RowsAffected(); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM notified_groups WHERE notifier_id = $1`, notifierID)
		return err
	})
	return int(n), wrap("purge notifier", err)
}

// NotifiedGroups implements storage.NotificationLog.
func (c *Catalog) NotifiedGroups(ctx context.Context, groupKey string) ([]storage.NotifiedGroup, error) {
	query, args := `SELECT notifier_id, group_key, alerts, updated_at FROM notified_groups`, []any{}
	if groupKey != "" {
		query, args = query+` WHERE group_key = $1`, append(args, groupKey)
	}
	groups, err := collect(ctx, c.read, func(r *sql.Rows) (storage.NotifiedGroup, error) {
		var g storage.NotifiedGroup
		var updated sql.NullInt64
		err := r.Scan(&g.NotifierID, &g.GroupKey, &g.Alerts, &updated)
		g.UpdatedAt = fromMicros(updated)
		return g, err
	}, query+` ORDER BY notifier_id, group_key`, args...)
	return groups, wrap("read notified groups", err)
}

// NotifiedKeys implements storage.NotificationLog.
func (c *Catalog) NotifiedKeys(ctx context.Context) ([]string, error) {
	keys, err := collect(ctx, c.read, func(r *sql.Rows) (key string, err error) { return key, r.Scan(&key) },
		`SELECT DISTINCT group_key FROM notified_groups ORDER BY group_key`)
	return keys, wrap("read keys of notified groups", err)
}

// CountPending implements storage.NotificationLog.
func (c *Catalog) CountPending(ctx context.Context) (map[string]int, error) {
	out := make(map[string]int)
	_, err := collect(ctx, c.read, func(r *sql.Rows) (struct{}, error) {
		var id string
		var n int
		err := r.Scan(&id, &n)
		out[id] = n
		return struct{}{}, err
	}, `SELECT notifier_id, COUNT(*) FROM notifications GROUP BY notifier_id`)
	return out, wrap("count pending notifications", err)
}
