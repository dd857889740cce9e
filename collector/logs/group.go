// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"
)

const (
	// maxGroup is how many records wait in memory for the queue at the most.
	maxGroup = 8192
	// maxRequest is how many go into one request.
	maxRequest = 1000
)

// Group gathers records of senders that want no answer, while the queue writes the ones before: a message of syslog would otherwise cost a transaction
// of its own. Records that wait in memory, some milliseconds of traffic, are lost with the process, as those in the network are. Safe for concurrent use.
type Group struct {
	next   consumer.Logs
	logger *zap.Logger

	mu      sync.Mutex
	changed *sync.Cond // of mu: records were added or taken, or it was closed
	waiting plog.Logs  // guarded by mu, as what follows is
	count   int
	closed  bool
	done    chan struct{}
}

// NewGroup returns a Group that hands over to next once it is started.
func NewGroup(next consumer.Logs, logger *zap.Logger) *Group {
	g := &Group{next: next, logger: logger, waiting: plog.NewLogs(), done: make(chan struct{})}
	g.changed = sync.NewCond(&g.mu)
	return g
}

// Start starts handing over.
func (g *Group) Start() { go g.run() }

// Stop waits until everything is handed over.
func (g *Group) Stop() {
	g.mu.Lock()
	g.closed = true
	g.changed.Broadcast()
	g.mu.Unlock()
	<-g.done
}

// Add takes the records. Without space it waits, or says no.
func (g *Group) Add(ld plog.Logs, wait bool) bool {
	n := ld.LogRecordCount()
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.count > 0 && g.count+n > maxGroup {
		if !wait || g.closed {
			return false
		}
		g.changed.Wait()
	}
	g.count += n
	ld.ResourceLogs().MoveAndAppendTo(g.waiting.ResourceLogs())
	g.changed.Broadcast()
	return true
}

func (g *Group) run() {
	defer close(g.done)
	for {
		ld, ok := g.take()
		if !ok {
			return
		}
		// The queue blocks when it is full. An error is one of the disk.
		if err := g.next.ConsumeLogs(context.Background(), ld); err != nil {
			g.logger.Error("log records lost", zap.Int("records", ld.LogRecordCount()), zap.Error(err))
		}
	}
}

// take waits for records and returns them, merged by resource; false when it was closed and is empty.
func (g *Group) take() (plog.Logs, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.count == 0 {
		if g.closed {
			return plog.Logs{}, false
		}
		g.changed.Wait()
	}
	out := plog.NewLogs()
	into := out.ResourceLogs().AppendEmpty()
	records := into.ScopeLogs().AppendEmpty().LogRecords()
	taken := 0
	g.waiting.ResourceLogs().RemoveIf(func(rl plog.ResourceLogs) bool {
		if taken >= maxRequest {
			return false
		}
		for _, sl := range rl.ScopeLogs().All() {
			taken += sl.LogRecords().Len()
			sl.LogRecords().MoveAndAppendTo(records)
		}
		return true
	})
	g.count -= taken
	g.changed.Broadcast()
	return out, true
}
