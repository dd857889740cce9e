// SPDX-License-Identifier: Apache-2.0

package writer

import "context"

// turns bound how many batches of a topic a process stores at once. The partitions that wait gather more meanwhile: the store gets few large blocks instead of many
// small ones, and memory is that of few batches however many partitions there are. Safe for concurrent use.
type turns chan struct{}

func newTurns(n int) turns { return make(turns, n) }

// turn is one partition's share of turns. Not safe for concurrent use.
type turn struct {
	of   turns
	held bool
}

// take waits for a turn and says whether it had to. The error is ctx's.
func (t *turn) take(ctx context.Context) (waited bool, err error) {
	if t.held {
		return false, nil
	}
	select {
	case t.of <- struct{}{}:
	default:
		select {
		case t.of <- struct{}{}:
			waited = true
		case <-ctx.Done():
			return true, ctx.Err() // The caller's own end.
		}
	}
	t.held = true
	return waited, nil
}

// give lets another partition have its turn.
func (t *turn) give() {
	if t.held {
		<-t.of
		t.held = false
	}
}
