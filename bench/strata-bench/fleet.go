// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/strata-apm/strata/bench/agents"
	"github.com/strata-apm/strata/bench/postgres"
)

const (
	// agentRamp is between the starts of two agents: a thousand a second.
	agentRamp = time.Millisecond
	// fleetPatience is how long all agents may take to be online.
	fleetPatience = 5 * time.Minute
	// boardEvery is the agent's: its counts are new each time, so it sends a board, and no empty heartbeat between two.
	boardEvery     = 5 * time.Second
	agentHeartbeat = 10 * time.Second
	fleetPage      = 1000
)

// fleetRuns measures the server under agents that do nothing but say that they live and what they know.
func (b *bench) fleetRuns(ctx context.Context) error {
	for n := range strings.SplitSeq(b.agents, ",") {
		number, err := strconv.Atoi(n)
		if err != nil || number < 1 {
			return fmt.Errorf("-agents: %q is no number of agents", n)
		}
		if err := b.fleetRun(ctx, number); err != nil {
			return fmt.Errorf("%d agents: %w", number, err)
		}
	}
	return nil
}

// fleetRun is one number of agents.
type fleetRun struct {
	*bench
	number  int
	servers *fleetServers
	holders agents.Holders
}

func (b *bench) fleetRun(ctx context.Context, number int) (err error) {
	s, err := b.startFleetServers(ctx, number)
	if err != nil {
		return err
	}
	r := &fleetRun{bench: b, number: number, servers: s}
	defer func() { err = errors.Join(err, r.holders.Stop(), s.stop(ctx)) }()
	r.note("gateways", "", float64(len(s.gateways)))
	r.note("memory of the gateways: without agents", "MiB", s.memory("VmRSS"))
	if err := r.holders.Start(agents.Settings{
		Addrs: s.addrs, Key: s.key, Number: number, Heartbeat: agentHeartbeat, Board: r.board, Ramp: agentRamp,
	}); err != nil {
		return err
	}
	took, err := r.allOnline(ctx, time.Now(), agents.Counts{})
	if err != nil {
		return err
	}
	r.note("until all are online, a thousand starting a second", "s", took.Seconds())
	if err := r.steady(ctx); err != nil {
		return err
	}
	if err := r.list(ctx); err != nil {
		return err
	}
	return r.comeBack(ctx)
}

func (r *fleetRun) note(name, unit string, v float64) {
	r.add(fmt.Sprintf("fleet, %d agents: %s", r.number, name), unit, "", v)
}

// allOnline waits until all agents have connected since before, and been answered. Where a server has no room for all the error says how
// many it has.
func (r *fleetRun) allOnline(ctx context.Context, since time.Time, before agents.Counts) (time.Duration, error) {
	err := poll(ctx, r.patience, 50*time.Millisecond, func() error {
		c, want := r.holders.Counts(), int64(r.number)
		if made := c.Dials - c.Failed - before.Dials + before.Failed; c.Online < want || made < want {
			return fmt.Errorf("%d of %d agents are online; %d attempts, %d of them refused", c.Online, want, c.Dials, c.Failed)
		}
		return nil
	})
	return time.Since(since), err
}

// steady measures the work of living agents.
func (r *fleetRun) steady(ctx context.Context) error {
	if err := sleep(ctx, 2*agentHeartbeat); err != nil {
		return err
	}
	before, err := r.servers.cpu()
	if err != nil {
		return err
	}
	stored, err := r.catalog(ctx)
	if err != nil {
		return err
	}
	began, counted := time.Now(), r.holders.Counts()
	if err := sleep(ctx, r.fleetTime); err != nil {
		return err
	}
	after, err := r.servers.cpu()
	if err != nil {
		return err
	}
	took, now := time.Since(began).Seconds(), r.holders.Counts()
	now.Add(counted, -1)
	used := after.minus(before)
	r.note("messages answered", "/s", float64(now.Answers)/took)
	r.note("answer, p50", "ms", agents.Quantile(now.Latency, 0.5).Seconds()*1000)
	r.note("answer, p99", "ms", agents.Quantile(now.Latency, 0.99).Seconds()*1000)
	r.note("processor of the gateways", "% of a core", 100*used.gateways.Seconds()/took)
	r.note("messages per CPU-second of the gateways", "", float64(now.Answers)/used.gateways.Seconds())
	r.note("memory of the gateways", "MiB", r.servers.memory("VmRSS"))
	if r.servers.postgres != nil {
		r.note("processor of PostgreSQL", "% of a core", 100*used.catalog.Seconds()/took)
		r.note("processor of the process with the page", "% of a core", 100*used.page.Seconds()/took)
		r.note("processor of the broker", "% of a core", 100*used.broker.Seconds()/took)
		end, err := r.catalog(ctx)
		if err != nil {
			return err
		}
		r.note("catalog: transactions", "/s", float64(end.Commits-stored.Commits)/took)
		r.note("catalog: rows written", "/s", float64(end.Rows-stored.Rows)/took)
		r.note("catalog: log written", "MB/s", float64(end.WAL-stored.WAL)/took/1e6)
		r.note("catalog: table of agents", "MB", float64(end.Agents)/1e6)
	}
	if lost := now.Failed + now.Silences + now.Errors; lost > 0 {
		r.note("attempts refused, silences and errors meanwhile", "", float64(lost))
	}
	return nil
}

func (r *fleetRun) catalog(ctx context.Context) (postgres.Numbers, error) {
	if r.servers.postgres == nil {
		return postgres.Numbers{}, nil
	}
	return r.servers.postgres.Numbers(ctx)
}

// list reads all pages of the list and counts who is shown as online.
func (r *fleetRun) list(ctx context.Context) error {
	began, pages, online, cursor := time.Now(), 0, 0, ""
	for {
		var page struct {
			Agents []struct {
				State string `json:"state"`
			} `json:"agents"`
			NextCursor string `json:"next_cursor"`
		}
		q := url.Values{"limit": {strconv.Itoa(fleetPage)}, "cursor": {cursor}}
		if err := get(ctx, r.servers.page.base+"/api/v1/agents?"+q.Encode(), &page); err != nil {
			return err
		}
		pages++
		for _, a := range page.Agents {
			if a.State == "online" {
				online++
			}
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	took := time.Since(began).Seconds()
	r.note("list of all, pages of 1000", "s", took)
	r.note("list of all, one page", "s", took/float64(pages))
	r.note("shown as online", "", float64(online))
	return nil
}

// comeBack restarts the gateways and waits for their agents.
func (r *fleetRun) comeBack(ctx context.Context) error {
	before, began := r.holders.Counts(), time.Now()
	if err := r.servers.restart(ctx); err != nil {
		return err
	}
	down := time.Since(began)
	if _, err := r.allOnline(ctx, began, before); err != nil {
		return err
	}
	took, c := time.Since(began), r.holders.Counts()
	c.Add(before, -1)
	used, err := r.servers.cpu() // Of new processes: all of it was spent on this.
	if err != nil {
		return err
	}
	r.note("restart: until the servers were ready again", "s", down.Seconds())
	r.note("restart: until all were online again", "s", took.Seconds())
	r.note("restart: attempts to connect", "", float64(c.Dials))
	r.note("restart: of them refused", "", float64(c.Failed))
	r.note("restart: sessions given up", "", float64(c.Sessions))
	r.note("restart: work of the gateways", "CPU-s", used.gateways.Seconds())
	r.note("restart: peak memory of the gateways", "MiB", r.servers.memory("VmHWM"))
	return nil
}
