// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/ledger"
)

// Losses asks the ledgers of every process what was not stored of a source's data.
type Losses struct {
	ledger *ledger.Ledger
	peers  *Peers
}

// NewLosses returns what l counted and, unless peers is nil, what the other processes did.
func NewLosses(l *ledger.Ledger, peers *Peers) *Losses { return &Losses{l, peers} }

// Lost is how many data points, spans and log records of the source were refused or rejected since then. It fails when a process that lives does not answer.
func (l *Losses) Lost(ctx context.Context, source string, since time.Time) (int64, error) {
	now := time.Now()
	var n int64
	for _, r := range l.ledger.Rows(since, now) {
		if r.Source == source {
			n += ledger.Sum(r.Refused) + ledger.Sum(r.Rejected)
		}
	}
	if l.peers == nil {
		return n, nil
	}
	all, err := l.peers.List(ctx)
	if err != nil {
		return 0, err
	}
	q := url.Values{"local": {"1"}, "start": {since.Format(time.RFC3339Nano)}, "end": {now.Format(time.RFC3339Nano)}}
	for _, x := range AskAll[LedgerAnswer](ctx, l.peers, With(all, config.RoleGateway, config.RoleWriter), "/api/v1/ledger", q) {
		switch {
		case x.From.ID == l.peers.self:
			continue
		case x.Err != nil && x.From.Live:
			return 0, fmt.Errorf("ledger of %s: %w", x.From.ID, x.Err)
		}
		for _, r := range x.Body.Rows {
			if r.Source == source {
				n += ledger.Sum(r.Refused) + ledger.Sum(r.Rejected)
			}
		}
	}
	return n, nil
}
