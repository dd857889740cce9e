// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/strata-apm/strata/backoff"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/native"
)

const (
	// retryPause grows between attempts; an engine that was killed is back within half a second.
	retryPause    = 100 * time.Millisecond
	retryPauseMax = 2 * time.Second
	// retryFor bounds how long an append tries by itself; then the writer hears ErrUnavailable and decides.
	retryFor = time.Minute
	// minFreeDisk in bytes: an insert is refused as NOT_ENOUGH_SPACE, and tried again, while ClickHouse's disk has less.
	minFreeDisk = 64 << 20
)

// Insert stores one block in a table of the database, with the batch's id as deduplication token, and returns when ClickHouse has it on
// disk. It tries again for a minute while ClickHouse is out of reach: the token makes that safe even when the first try was stored. A
// block without rows stores nothing. The error wraps storage.ErrUnavailable where a later attempt may work, storage.ErrInvalid where the
// batch has no id, and none of package storage's kinds where the data can never be stored.
func (c *Client) Insert(ctx context.Context, table string, id storage.BatchID, block *native.Block) error {
	if block.Rows == 0 {
		return nil
	}
	if id == "" {
		return fmt.Errorf("%w: a batch without an id cannot be deduplicated", storage.ErrInvalid)
	}
	e, ok := c.encodings.Get().(*native.Encoding)
	if !ok {
		e = new(native.Encoding)
	}
	defer func() {
		new(native.Block).Encode(e) // It refers to the columns no more.
		c.encodings.Put(e)
	}()
	block.Encode(e)

	params := c.insertParams(table, id, block.Names())
	deadline := time.Now().Add(retryFor)
	for pauses := backoff.New(retryPause, retryPauseMax); ; {
		err := c.post(ctx, params, e)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", storage.ErrUnavailable, ctx.Err())
		}
		pause := pauses.Next()
		if !errors.Is(err, storage.ErrUnavailable) || time.Now().Add(pause).After(deadline) {
			return err
		}
		c.log.Warn("insert is tried again", "table", table, "batch", string(id), "error", err)
		if end := backoff.Sleep(ctx, pause); end != nil {
			return fmt.Errorf("%w: %w: %w", storage.ErrUnavailable, end, err)
		}
	}
}

func (c *Client) post(ctx context.Context, params url.Values, e *native.Encoding) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Insert.Timeout)
	defer cancel()
	_, err := c.send(ctx, params, payload{e.Reader, e.Len()})
	return writeError(err)
}

// insertParams are the statement and its settings. The block must stay one block, since the token is numbered per block; and the
// views must deduplicate for themselves, so that a crash between a table and its view is healed by the replay.
func (c *Client) insertParams(table string, id storage.BatchID, columns []string) url.Values {
	const unbounded = "1000000000"
	v := url.Values{
		"query":                      {"INSERT INTO " + c.target.database + "." + table + " (`" + strings.Join(columns, "`, `") + "`) FORMAT Native"},
		"insert_deduplication_token": {string(id)},
		"insert_deduplicate":         {"1"},
		"deduplicate_blocks_in_dependent_materialized_views": {"1"},
		"async_insert":                    {"0"},
		"max_insert_block_size":           {unbounded},
		"min_insert_block_size_rows":      {"0"},
		"min_insert_block_size_bytes":     {"0"},
		"input_format_parallel_parsing":   {"0"},
		"max_partitions_per_insert_block": {"1000"},
		"max_insert_threads":              {"1"},
		"parallel_view_processing":        {"0"},
		// On a disk that is full to the last byte a part may be left behind that cannot be read; refused before that, nothing is written.
		"min_free_disk_bytes_to_perform_insert": {strconv.Itoa(minFreeDisk)},
		"log_queries":                           {"0"},
	}
	if len(c.shards) > 0 {
		// The whole batch goes to one shard, and the answer waits for it: there it is one block under one token, stored or not.
		v.Set("insert_shard_id", strconv.FormatUint(shardOf(string(id), c.shards), 10))
	}
	if c.cfg.Insert.Quorum > 0 {
		v.Set("insert_quorum", strconv.Itoa(c.cfg.Insert.Quorum))
	}
	return v
}
