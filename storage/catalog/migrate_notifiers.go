// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
)

// webhookConfig are the columns that notifiers had until version 4, as the config of a webhook.
type webhookConfig struct {
	URL          string `json:"url"`
	Secret       string `json:"secret,omitempty"`
	AllowPrivate bool   `json:"allow_private"`
}

// webhookConfigs makes the configs of notifiers out of the columns url, secret and allow_private.
func webhookConfigs(ctx context.Context, tx *sql.Tx) error {
	configs, err := oldWebhooks(ctx, tx)
	if err != nil {
		return fmt.Errorf("read webhooks: %w", err)
	}
	for id, c := range configs {
		b, err := json.Marshal(c) //nolint:gosec // The catalog keeps secrets.
		if err != nil {
			return fmt.Errorf("encode config of notifier %s: %w", id, err)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE notifiers SET config = $2 WHERE id = $1`, id, string(b)); err != nil {
			return fmt.Errorf("store config of notifier %s: %w", id, err)
		}
	}
	return nil
}

// oldWebhooks reads all rows before any is changed: a transaction of PostgreSQL has one statement at a time.
func oldWebhooks(ctx context.Context, tx *sql.Tx) (map[string]webhookConfig, error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, url, secret, allow_private FROM notifiers`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	configs := make(map[string]webhookConfig)
	for rows.Next() {
		var id string
		var c webhookConfig
		var allowPrivate int64
		if err := rows.Scan(&id, &c.URL, &c.Secret, &allowPrivate); err != nil {
			return nil, err
		}
		c.AllowPrivate = allowPrivate != 0
		configs[id] = c
	}
	return configs, rows.Err()
}
