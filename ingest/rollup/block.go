// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"context"
	"fmt"

	"github.com/strata-apm/strata/ingest/writer"
	"github.com/strata-apm/strata/search/match"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// blockName is that of the block behind a batch.
const blockName = "rollups"

// Derived is the block that is made of batches of a signal.
func (r *Rollups) Derived(of signal.Signal) writer.Derived {
	return writer.Derived{Name: blockName, Append: func(ctx context.Context, id storage.BatchID, batch []storage.Owned[[]byte]) error {
		return r.append(ctx, of, id, batch)
	}}
}

// append counts a batch and stores what came of it. A batch that is stored again is counted again: which values are admitted may differ then, the totals do not,
// and the store keeps the first of both.
func (r *Rollups) append(ctx context.Context, of signal.Signal, id storage.BatchID, batch []storage.Owned[[]byte]) error {
	now := r.opts.Now()
	counting := map[*running]*counter{}
	readers := map[tenant.ID]*reader{}
	var order []*counter
	defer func() {
		for _, c := range order {
			c.of.idle.Put(c)
		}
	}()
	for _, request := range batch {
		list, err := r.of(ctx, owned{tenant: request.Tenant, signal: of})
		if err != nil {
			return err
		}
		if len(list) == 0 {
			continue
		}
		from := readers[request.Tenant]
		if from == nil {
			from = &reader{}
			readers[request.Tenant] = from
		}
		counters := make([]*counter, 0, len(list))
		for _, one := range list {
			c := counting[one]
			if c == nil {
				if err := one.restore(ctx, r.opts.States, now); err != nil {
					return err
				}
				if c, err = one.begin(now); err != nil {
					return err
				}
				c.reads(from)
				counting[one], order = c, append(order, c)
			}
			counters = append(counters, c)
		}
		from.begin()
		err = match.Records(of, request.Data, func(rec match.Record) error {
			from.next(rec)
			for _, c := range counters {
				c.count(from)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("count %s that are stored: %w: %w", of.Noun(), storage.ErrInvalid, err)
		}
	}
	var rows []storage.RollupRows
	for _, c := range order {
		if c.aggregator.Len() > 0 {
			rows = append(rows, c.rows())
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if err := r.opts.States.AppendRollups(ctx, id, rows); err != nil {
		return fmt.Errorf("store rollups: %w", err)
	}
	return nil
}
