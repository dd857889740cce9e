// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/timerange"
)

// HostServices implements storage.ServiceReader.
func (s *Store) HostServices(ctx context.Context, q storage.HostQuery) ([]string, error) {
	if err := timerange.Check(q.Range); err != nil {
		return nil, err
	}
	// The tables are sorted by service, not by host; a day is enough to know who lives there.
	q.Range.Start = timerange.Latest(q.Range.Start, q.Range.End.Add(-24*time.Hour))
	names, err := s.traceStore.ServicesOnHost(ctx, q)
	if err != nil {
		return nil, err
	}
	ofLogs, err := s.logStore.ServicesOnHost(ctx, q)
	if err != nil {
		return nil, err
	}
	names = append(names, ofLogs...)
	slices.SortFunc(names, strings.Compare)
	return slices.Compact(names), nil
}
