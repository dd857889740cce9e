// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/strata-apm/strata/backoff"
)

// Command is the command by which strata-bench runs itself as a holder of agents: one process may hold too few connections for all.
const Command = "fleet-agents"

// tellEvery is how often a process of agents tells what they do.
const tellEvery = 200 * time.Millisecond

// Load is many agents in one process. Run must be called once.
type Load struct {
	addrs            []string
	key              string
	first, count     int
	heartbeat, board time.Duration
	// ramp is over how long the agents start.
	ramp time.Duration

	online, dials, failed, sessions, silences, errors, messages, answers atomic.Int64
	latency                                                              latencies
}

// Counts are what has happened so far; online is how it is now.
type Counts struct {
	Online   int64   `json:"online"`
	Dials    int64   `json:"dials"`
	Failed   int64   `json:"failed"`
	Sessions int64   `json:"sessions"`
	Silences int64   `json:"silences"`
	Errors   int64   `json:"errors"`
	Messages int64   `json:"messages"`
	Answers  int64   `json:"answers"`
	Latency  []int64 `json:"latency"`
}

// Add adds o as often as sign says, which is 1 or -1.
func (c *Counts) Add(o Counts, sign int64) {
	c.Online += sign * o.Online
	c.Dials += sign * o.Dials
	c.Failed += sign * o.Failed
	c.Sessions += sign * o.Sessions
	c.Silences += sign * o.Silences
	c.Errors += sign * o.Errors
	c.Messages += sign * o.Messages
	c.Answers += sign * o.Answers
	if c.Latency == nil {
		c.Latency = make([]int64, latencyBuckets)
	}
	for i, n := range o.Latency {
		c.Latency[i] += sign * n
	}
}

const (
	latencyBuckets = 200
	latencyFirst   = 50 * time.Microsecond
	latencyOctave  = 8
)

// latencies is a histogram; each bucket reaches a twelfth further than the one before.
type latencies [latencyBuckets]atomic.Int64

func (l *latencies) note(d time.Duration) {
	i := int(latencyOctave * math.Log2(float64(max(d, latencyFirst))/float64(latencyFirst)))
	l[min(i, latencyBuckets-1)].Add(1)
}

// Quantile is the end of the bucket in which the quantile q lies.
func Quantile(counts []int64, q float64) time.Duration {
	total := int64(0)
	for _, n := range counts {
		total += n
	}
	seen := int64(0)
	for i, n := range counts {
		if seen += n; n > 0 && float64(seen) >= q*float64(total) {
			return time.Duration(float64(latencyFirst) * math.Exp2(float64(i+1)/latencyOctave))
		}
	}
	return 0
}

func (l *Load) counts() Counts {
	c := Counts{
		Online: l.online.Load(), Dials: l.dials.Load(), Failed: l.failed.Load(), Sessions: l.sessions.Load(), Silences: l.silences.Load(),
		Errors: l.errors.Load(), Messages: l.messages.Load(), Answers: l.answers.Load(), Latency: make([]int64, latencyBuckets),
	}
	for i := range l.latency {
		c.Latency[i] = l.latency[i].Load()
	}
	return c
}

// Parse reads the arguments that follow Command.
func Parse(args []string) (*Load, error) {
	l := &Load{}
	var addrs string
	f := flag.NewFlagSet(Command, flag.ContinueOnError)
	f.StringVar(&addrs, "addrs", "", "where the agents connect to, in turns")
	f.StringVar(&l.key, "key", "", "the agents' key")
	f.IntVar(&l.first, "first", 0, "the number of the first agent")
	f.IntVar(&l.count, "count", 0, "how many agents")
	f.DurationVar(&l.heartbeat, "heartbeat", 0, "between heartbeats")
	f.DurationVar(&l.board, "board", 0, "between status boards; 0 for none")
	f.DurationVar(&l.ramp, "ramp", 0, "over how long the agents start")
	if err := f.Parse(args); err != nil {
		return nil, fmt.Errorf("flags: %w", err)
	}
	if l.addrs = strings.Split(addrs, ","); addrs == "" || l.heartbeat <= 0 {
		return nil, errors.New("flags: addrs and heartbeat are needed")
	}
	return l, nil
}

// Run holds the agents until ctx ends and prints what they do as lines of JSON.
func (l *Load) Run(ctx context.Context, out io.Writer) error {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	if need := uint64(max(0, l.count)) + 100; files.Cur < need { // Go has raised it as far as it may.
		return fmt.Errorf("%d agents need %d open files, %d are allowed", l.count, need, files.Cur)
	}
	ctx, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	for i := range l.count {
		a := &agent{load: l, addr: l.addrs[(l.first+i)%len(l.addrs)], about: newTexts(l.first+i, l.heartbeat)}
		wait := time.Duration(float64(l.ramp) * float64(i) / float64(l.count))
		all.Go(func() {
			if backoff.Sleep(ctx, wait) == nil {
				a.run(ctx)
			}
		})
	}
	enc := json.NewEncoder(out)
	for backoff.Sleep(ctx, tellEvery) == nil {
		if err := enc.Encode(l.counts()); err != nil {
			return fmt.Errorf("tell: %w", err)
		}
	}
	return nil
}

// Tally is what a process of agents said last.
type Tally struct {
	mu   sync.Mutex
	last Counts // guarded by mu
}

// Get returns it.
func (t *Tally) Get() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// Follow reads the lines of a process of agents until they end.
func (t *Tally) Follow(in io.Reader) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var c Counts
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return fmt.Errorf("decode counts of agents: %w", err)
		}
		t.mu.Lock()
		t.last = c
		t.mu.Unlock()
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read counts of agents: %w", err)
	}
	return nil
}
