// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/scrape"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// View reads the tsdb of the tenant that each call's context is for (tenant.FromContext); a context that is for none is refused. A tenant
// without samples has an empty tsdb. Prometheus hands out queriers before it has a context, so the tenant is found when one is asked.
type View struct{ tenants *Tenants }

// View returns the storage of all tenants for APIs.
func (ts *Tenants) View() View { return View{ts} }

// errNoTenant wraps storage.ErrInvalid.
var errNoTenant = fmt.Errorf("%w: the query says of no tenant that it is about its data", storage.ErrInvalid)

// DB is the tsdb of the default tenant, nil once it is closed.
func (v View) DB() *tsdb.DB {
	if t := v.tenants.Lookup(tenant.Default); t != nil {
		return t.DB()
	}
	return nil
}

// MetadataFor returns what is known of the metrics of the tenant of ctx.
func (v View) MetadataFor(ctx context.Context) scrape.MetricMetadataStore {
	if t := v.tenants.Lookup(tenant.FromContext(ctx)); t != nil {
		return t.Metadata
	}
	return NewMetadata()
}

// Querier implements promstorage.Queryable.
func (v View) Querier(mint, maxt int64) (promstorage.Querier, error) {
	return &viewQuerier{opened[promstorage.Querier]{open: func(ctx context.Context) (promstorage.Querier, error) {
		t, err := v.of(ctx)
		if t == nil {
			return promstorage.NoopQuerier(), err
		}
		return t.Querier(mint, maxt)
	}}}, nil
}

// ChunkQuerier implements promstorage.ChunkQueryable.
func (v View) ChunkQuerier(mint, maxt int64) (promstorage.ChunkQuerier, error) {
	return &viewChunkQuerier{opened[promstorage.ChunkQuerier]{open: func(ctx context.Context) (promstorage.ChunkQuerier, error) {
		t, err := v.of(ctx)
		if t == nil {
			return promstorage.NoopChunkedQuerier(), err
		}
		return t.ChunkQuerier(mint, maxt)
	}}}, nil
}

// ExemplarQuerier implements promstorage.ExemplarQueryable.
func (v View) ExemplarQuerier(ctx context.Context) (promstorage.ExemplarQuerier, error) {
	t, err := v.of(ctx)
	if err != nil {
		return nil, err
	}
	if t == nil {
		return noExemplars{}, nil
	}
	return t.ExemplarQuerier(ctx)
}

// of returns the tsdb of the tenant of ctx, nil where it has none.
func (v View) of(ctx context.Context) (*Tenant, error) {
	id := tenant.FromContext(ctx)
	if id == "" {
		return nil, errNoTenant
	}
	return v.tenants.Lookup(id), nil
}

// opened holds the queriers that the calls have needed: one for each tenant, and a query has one.
type opened[Q promstorage.LabelQuerier] struct {
	open func(ctx context.Context) (Q, error)

	mu       sync.Mutex
	queriers map[tenant.ID]Q // guarded by mu
}

func (o *opened[Q]) get(ctx context.Context) (Q, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	id := tenant.FromContext(ctx)
	if q, ok := o.queriers[id]; ok {
		return q, nil
	}
	q, err := o.open(ctx)
	if err != nil {
		return q, err
	}
	if o.queriers == nil {
		o.queriers = map[tenant.ID]Q{}
	}
	o.queriers[id] = q
	return q, nil
}

// LabelValues implements promstorage.LabelQuerier.
func (o *opened[Q]) LabelValues(ctx context.Context, name string, hints *promstorage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	q, err := o.get(ctx)
	if err != nil {
		return nil, nil, err
	}
	return q.LabelValues(ctx, name, hints, matchers...) // It only stands before the other.
}

// LabelNames implements promstorage.LabelQuerier.
func (o *opened[Q]) LabelNames(ctx context.Context, hints *promstorage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	q, err := o.get(ctx)
	if err != nil {
		return nil, nil, err
	}
	return q.LabelNames(ctx, hints, matchers...) // As above.
}

// Close implements promstorage.LabelQuerier.
func (o *opened[Q]) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var errs []error
	for _, q := range o.queriers {
		errs = append(errs, q.Close())
	}
	o.queriers = nil
	return errors.Join(errs...)
}

type viewQuerier struct{ opened[promstorage.Querier] }

// Select implements promstorage.Querier.
func (q *viewQuerier) Select(ctx context.Context, sorted bool, hints *promstorage.SelectHints, matchers ...*labels.Matcher) promstorage.SeriesSet {
	in, err := q.get(ctx)
	if err != nil {
		return promstorage.ErrSeriesSet(err)
	}
	return in.Select(ctx, sorted, hints, matchers...)
}

type viewChunkQuerier struct {
	opened[promstorage.ChunkQuerier]
}

// Select implements promstorage.ChunkQuerier.
func (q *viewChunkQuerier) Select(ctx context.Context, sorted bool, hints *promstorage.SelectHints, matchers ...*labels.Matcher) promstorage.ChunkSeriesSet {
	in, err := q.get(ctx)
	if err != nil {
		return promstorage.ErrChunkSeriesSet(err)
	}
	return in.Select(ctx, sorted, hints, matchers...)
}

// noExemplars are those of a tenant that has no tsdb.
type noExemplars struct{}

// Select implements promstorage.ExemplarQuerier.
func (noExemplars) Select(int64, int64, ...[]*labels.Matcher) ([]exemplar.QueryResult, error) {
	return nil, nil
}
