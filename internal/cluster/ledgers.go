// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/storage"
)

// AddLedgers adds what the other processes counted. group is this process's group of consumers. Writers are asked before gateways, so that nothing seems stored that was never accepted.
func (p *Peers) AddLedgers(ctx context.Context, rng storage.TimeRange, group string, ans *LedgerAnswer) {
	all, err := p.List(ctx)
	if err != nil {
		ans.Warnings = append(ans.Warnings, err.Error())
		return
	}
	all = slices.DeleteFunc(all, func(x Peer) bool { return x.ID == p.self })
	primary := primaryGroup(all, group)
	q := url.Values{"local": {"1"}, "start": {rng.Start.Format(time.RFC3339Nano)}, "end": {rng.End.Format(time.RFC3339Nano)}}
	for _, role := range []config.Role{config.RoleWriter, config.RoleAlert, config.RoleGateway} {
		some := slices.DeleteFunc(slices.Clone(all), func(x Peer) bool {
			return config.Role(x.Role) != role && (x.Role != string(config.RoleAll) || role != config.RoleWriter)
		})
		for _, x := range AskAll[LedgerAnswer](ctx, p, some, "/api/v1/ledger", q) {
			if x.Err != nil {
				ans.Warnings = append(ans.Warnings, x.From.Role+" "+x.From.ID+" did not answer: "+x.Err.Error()+"; what it counted is missing")
				continue
			}
			if replica := x.From.Group != "" && x.From.Group != primary; replica {
				x.Body.forgetStored() // The first group stored the same.
			}
			ans.merge(x.Body)
		}
	}
	ans.balance()
}

// primaryGroup is the group of writers whose counts are taken: others that take the same metrics store replicas.
func primaryGroup(all []Peer, own string) string {
	first := ""
	for _, p := range all {
		if p.Group == own {
			return p.Group
		}
		if first == "" {
			first = p.Group
		}
	}
	return first
}
