// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// The model of docs/design/0008-kafka.md: one partition of a few records, two writers, a coordinator that fences by generation, a store that
// remembers tokens. Every interleaving of the steps of batches.go with crashes, rebalances, pauses (a writer that just takes no step),
// lost answers and delayed commits is explored; no reachable state may hold a record twice or a position past a record that is not stored.

const (
	modelRecords     = 4
	modelGenerations = 4
)

// phase is where a writer is between two steps.
type phase uint8

const (
	away     phase = iota // no partition: never assigned, crashed, fenced
	assigned              // the position is to be read
	idle                  // the position is known, nothing is decided
	cutting               // the end is chosen, or was read, and is to be committed
	decided               // the decision is committed, the insert follows
	inserted              // the store has it, the commit behind it follows
)

type modelWriter struct {
	phase      phase
	generation int8
	first, end int8
}

// commit is a request that lies in a socket: it is done later, if the coordinator still takes it then.
type commit struct {
	waiting         bool
	generation      int8
	offset, decided int8
}

// modelState is one state. It is comparable, so that states are visited once.
type modelState struct {
	writers         [2]modelWriter
	generation      int8
	offset, decided int8 // the committed position; decided is -1 for none
	delayed         commit
	tokens          [modelRecords][modelRecords]bool // tokens[first][end]
}

// rules are what the protocol consists of; a test that takes one away shows that the model can fail.
type rules struct {
	fenced, decideFirst, leaveInDoubt, sameRange bool
}

func (m modelState) broken() string {
	for r := range modelRecords {
		n := 0
		for first := 0; first <= r; first++ {
			for end := r; end < modelRecords; end++ {
				if m.tokens[first][end] {
					n++
				}
			}
		}
		if n > 1 {
			return fmt.Sprintf("record %d is stored %d times", r, n)
		}
		if n == 0 && int(m.offset) > r {
			return fmt.Sprintf("record %d is lost: the position is %d", r, m.offset)
		}
	}
	return ""
}

// take does a commit as the coordinator would.
func (m *modelState) take(r rules, generation, offset, decided int8) bool {
	if r.fenced && generation != m.generation {
		return false
	}
	m.offset, m.decided = offset, decided
	return true
}

// next returns every state that one step leads to.
func (m modelState) next(r rules) []modelState {
	var out []modelState
	add := func(change func(*modelState)) {
		n := m
		change(&n)
		out = append(out, n)
	}
	if m.generation < modelGenerations {
		for i := range m.writers { // A rebalance: the other writer does not know of it yet.
			add(func(n *modelState) {
				n.generation++
				n.writers[i] = modelWriter{phase: assigned, generation: n.generation}
			})
		}
	}
	if d := m.delayed; d.waiting {
		add(func(n *modelState) { n.delayed = commit{}; n.take(r, d.generation, d.offset, d.decided) })
		add(func(n *modelState) { n.delayed = commit{} })
	}
	for i, w := range m.writers {
		if w.phase == away {
			continue
		}
		add(func(n *modelState) { n.writers[i] = modelWriter{} }) // Killed, or told that its partition is gone.
		m.step(r, i, w, add)
	}
	return out
}

// step is one step of batches.go by writer i.
func (m modelState) step(r rules, i int, w modelWriter, add func(func(*modelState))) {
	switch w.phase {
	case away:
	case assigned:
		add(func(n *modelState) {
			to := &n.writers[i]
			to.phase, to.first = idle, m.offset
			if m.decided >= 0 && r.sameRange {
				to.phase, to.end = cutting, m.decided
			}
		})
	case idle:
		for end := w.first; end < modelRecords; end++ {
			add(func(n *modelState) {
				n.writers[i].phase, n.writers[i].end = cutting, end
				if !r.decideFirst {
					n.writers[i].phase = decided
				}
			})
		}
	case cutting:
		m.commit(r, i, w.first, w.end, add, func(n *modelState) { n.writers[i].phase = decided })
	case decided:
		insert := func(n *modelState) { n.tokens[w.first][w.end] = true } // Dropped when the token is known.
		add(func(n *modelState) { insert(n); n.writers[i].phase = inserted })
		add(insert) // The answer is lost; it is inserted again.
	case inserted:
		m.commit(r, i, w.end+1, -1, add, func(n *modelState) {
			n.writers[i] = modelWriter{phase: idle, generation: w.generation, first: w.end + 1}
		})
	}
}

// commit is a commit by writer i: taken and answered, refused, taken without an answer, or delayed.
func (m modelState) commit(r rules, i int, offset, end int8, add func(func(*modelState)), then func(*modelState)) {
	w := m.writers[i]
	if r.fenced && w.generation != m.generation {
		add(func(n *modelState) { n.writers[i] = modelWriter{} })
		return
	}
	add(func(n *modelState) { n.take(r, w.generation, offset, end); then(n) })
	add(func(n *modelState) {
		n.take(r, w.generation, offset, end)
		if r.leaveInDoubt {
			n.writers[i] = modelWriter{}
		}
	})
	if !m.delayed.waiting {
		add(func(n *modelState) {
			n.delayed = commit{true, w.generation, offset, end}
			if r.leaveInDoubt {
				n.writers[i] = modelWriter{}
			}
		})
	}
}

// explore visits every reachable state and returns how many there are and what is wrong in the first that is broken.
func explore(r rules) (states int, broken string) {
	begin := modelState{decided: -1}
	seen, todo := map[modelState]bool{begin: true}, []modelState{begin}
	for len(todo) > 0 {
		m := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if what := m.broken(); what != "" {
			return len(seen), what
		}
		for _, n := range m.next(r) {
			if !seen[n] {
				seen[n] = true
				todo = append(todo, n)
			}
		}
	}
	return len(seen), ""
}

func TestModelOfExactlyOnce(t *testing.T) {
	states, broken := explore(rules{fenced: true, decideFirst: true, leaveInDoubt: true, sameRange: true})
	t.Logf("%d states", states)
	require.Empty(t, broken)
	require.Greater(t, states, 10_000)
	for name, r := range map[string]rules{
		"no fencing":                        {decideFirst: true, leaveInDoubt: true, sameRange: true},
		"insert before the decision":        {fenced: true, leaveInDoubt: true, sameRange: true},
		"a commit in doubt is sent again":   {fenced: true, decideFirst: true, sameRange: true},
		"the recorded end is not cut again": {fenced: true, decideFirst: true, leaveInDoubt: true},
	} {
		t.Run(name, func(t *testing.T) {
			_, broken := explore(r)
			require.NotEmpty(t, broken, "the model does not notice")
			t.Log(broken)
		})
	}
}
