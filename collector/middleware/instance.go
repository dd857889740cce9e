// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/strata-apm/strata/collector/middleware/reader"
)

// States of an instance on the board.
const (
	stateCollecting = "collecting"
	// stateLimited collects, and could collect more.
	stateLimited = "limited"
	// stateFailed runs, and nothing can be read.
	stateFailed = "failed"
	// stateDown runs no longer, or does not answer.
	stateDown = "down"
)

const (
	// readTimeout bounds one read.
	readTimeout = 5 * time.Second
	// silentReads is after how many reads in a row without an answer an instance whose process runs is down.
	silentReads = 2
)

// Memory is what is known of instances that were found. It is kept over reloads of the configuration. Safe for concurrent use.
type Memory struct {
	mu        sync.Mutex
	instances map[string]remembered // by key; guarded by mu
}

type remembered struct {
	kind    string
	address netip.AddrPort
	seen    time.Time
}

// NewMemory returns an empty memory.
func NewMemory() *Memory { return &Memory{instances: make(map[string]remembered)} }

func (m *Memory) put(key string, r remembered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.instances[key] = r
}

func (m *Memory) forget(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.instances, key)
}

func (m *Memory) all() map[string]remembered {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[string]remembered, len(m.instances))
	maps.Copy(out, m.instances)
	return out
}

// Entry is an instance on the status board.
type Entry struct {
	Kind     string `json:"kind"`
	Instance string `json:"instance"`
	// Addresses are those by which other hosts reach it; empty where it listens on loopback alone.
	Addresses []string  `json:"addresses,omitempty"`
	PID       int       `json:"pid,omitempty"`
	Version   string    `json:"version,omitempty"`
	State     string    `json:"state"`
	Since     time.Time `json:"since"`
	// Collects are the names of the metrics that are sent.
	Collects []string         `json:"collects"`
	Error    string           `json:"error,omitempty"`
	Missing  []reader.Missing `json:"missing"`
}

// instance is an instance of middleware that was found. It is used by one goroutine at a time.
type instance struct {
	key    string
	id     string // service.instance.id
	mapper *mapper
	target reader.Target
	pid    int
	static bool
	// running says that discovery sees its process; of a static one only its answers tell.
	running bool
	seen    time.Time
	retry   time.Duration // how long a refusal is taken for one

	reader  reader.Reader
	budget  budget
	last    []*labelSet // of the last reading
	silent  int         // reads in a row without an answer
	refused time.Time   // not to be asked again before
	entry   Entry
	pending *reader.AccessError
}

func (m *middleware) newInstance(key, id string, target reader.Target, now time.Time) *instance {
	mapper := m.mappers[target.Kind]
	return &instance{
		key: key, id: id, mapper: mapper, target: target, seen: now, retry: cmp.Or(m.opts.AccessRetry, time.Minute),
		budget: budget{limit: mapper.pack.Budget, sets: make(map[string]admitted)},
		entry:  Entry{Kind: target.Kind, Instance: target.Address.String(), State: stateFailed, Since: now},
	}
}

// retarget is for a process that was started again, or a credential that has changed.
func (in *instance) retarget(t reader.Target) {
	in.close()
	in.target, in.silent, in.refused, in.pending = t, 0, time.Time{}, nil
}

func (in *instance) close() {
	if in.reader != nil {
		_ = in.reader.Close()
		in.reader = nil
	}
}

// read looks once and writes what there is to md, which is its own.
func (in *instance) read(ctx context.Context, now time.Time) pmetric.Metrics {
	md := pmetric.NewMetrics()
	var r reader.Reading
	var err error
	switch {
	case !in.running && !in.static:
		in.close()
		err = errGone
	case in.pending != nil && now.Before(in.refused):
		err = in.pending
	default:
		r, err = in.ask(ctx)
	}
	w := newWriter(md, in.target.Kind, in.id, now)
	var collects []string
	series, dropped := 0, 0
	missing := r.Missing
	if err == nil {
		in.pending, in.silent = nil, 0
		var sets []*labelSet
		droppedSets := 0
		sets, series, droppedSets, dropped = in.budget.admit(in.mapper.group(r.Samples), now)
		collects = w.sets(in.mapper.pack, sets, vanished(in.last, sets))
		in.last = sets
		if dropped > 0 {
			missing = append(missing, in.overBudget(droppedSets, dropped))
		}
		if r.Version != "" {
			in.entry.Version = r.Version
		}
	}
	in.settle(err, missing, collects, now)
	up := 1.0
	if in.entry.State == stateDown {
		up = 0
	}
	w.own("strata.middleware.up", "1 while the instance runs and answers, 0 when it does not.", up)
	w.own("strata.middleware.info", "1, with the version of the instance.", 1, "version", in.entry.Version)
	w.own("strata.middleware.missing", "How many things could be collected with more access.", float64(len(in.entry.Missing)))
	w.own("strata.middleware.series", "Series that are collected of the instance.", float64(series))
	w.own("strata.middleware.series.dropped", "Series that are dropped because they are over the budget.", float64(dropped))
	return md
}

// errGone says that discovery does not see the process any more.
var errGone = errors.New("the process has ended")

func (in *instance) ask(ctx context.Context) (reader.Reading, error) {
	if in.reader == nil {
		r, err := reader.New(in.target)
		if err != nil {
			return reader.Reading{}, fmt.Errorf("read %s: %w", in.target.Kind, err)
		}
		in.reader = r
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return in.reader.Read(ctx) // The reader says what it did.
}

// settle decides the state.
func (in *instance) settle(err error, missing []reader.Missing, collects []string, now time.Time) {
	state, text := stateCollecting, ""
	access, refused := errors.AsType[*reader.AccessError](err)
	switch {
	case err == nil && len(missing) > 0:
		state = stateLimited
	case err == nil:
	case refused:
		state, text, missing, in.silent = stateFailed, access.Missing.Why, []reader.Missing{access.Missing}, 0
		if in.pending == nil || !now.Before(in.refused) {
			in.pending, in.refused = access, now.Add(in.retry)
		}
	default:
		in.silent++
		state, text = stateFailed, err.Error()
		if in.silent >= silentReads || errors.Is(err, errGone) || errors.Is(err, syscall.ECONNREFUSED) {
			state = stateDown
		}
	}
	if state != in.entry.State {
		in.entry.Since = now
	}
	in.entry.State, in.entry.Error, in.entry.Missing, in.entry.Collects, in.entry.PID = state, text, missing, collects, in.pid
	if in.entry.Missing == nil {
		in.entry.Missing = []reader.Missing{}
	}
	if in.entry.Collects == nil {
		in.entry.Collects = []string{}
	}
	if !in.running && !in.static {
		in.entry.PID = 0
	}
	if state != stateDown {
		in.seen = now
	}
}

func (in *instance) overBudget(sets, series int) reader.Missing {
	return reader.Missing{
		What: fmt.Sprintf("%d series of %d parts (databases, topics, queues)", series, sets),
		Why:  "the budget of " + strconv.Itoa(in.budget.limit) + " series for one instance is used up",
		How:  "# nothing to add: the parts with most traffic, or the first ones, are collected",
	}
}
