// SPDX-License-Identifier: Apache-2.0

// Package skew finds the spans of a trace whose host's clock disagrees with the host of the span that called them, and by how much
// their times have to be moved. The test for skew follows Jaeger's clock skew adjuster
// (https://github.com/jaegertracing/jaeger/blob/main/internal/jptrace/adjuster/clockskew.go), with what it takes for skew among
// asynchronous spans left out: see Of.
package skew

import "time"

// Tolerance is what clocks that are kept by NTP may disagree without anybody being told.
const Tolerance = time.Millisecond

// Span is what has to be known of a span.
type Span struct {
	ID, Parent string
	Service    string
	Host       string // "" when unknown
	Kind       string // in lower case
	Start      int64  // Unix nanoseconds
	Duration   int64
}

func (s *Span) end() int64     { return s.Start + s.Duration }
func (s *Span) receives() bool { return s.Kind == "server" || s.Kind == "consumer" }
func (s *Span) sends() bool    { return s.Kind == "client" || s.Kind == "producer" }

// Of returns for every span what has to be added to its times, in nanoseconds. A span is moved when it lies outside of its parent on
// another host: into the middle of its parent where it fits, to its parent's start where it does not. Every span below it on the same
// host moves along. Not skew are: a span without a parent here, one that began during its parent and goes on after it without the
// parent waiting for it, a message that is consumed after it was produced, and what is within Tolerance.
// Where a host is not known nothing is said about its clock.
func Of(spans []Span) []int64 {
	out := make([]int64, len(spans))
	parents := parentsOf(spans)
	if parents == nil {
		return out
	}
	children := make([][]int, len(spans))
	var stack []int
	for i, p := range parents {
		if p < 0 {
			stack = append(stack, i)
		} else {
			children[p] = append(children[p], i)
		}
	}
	// Members of a cycle are never reached and stay where they are.
	for len(stack) > 0 {
		p := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, c := range children[p] {
			if otherHost(&spans[c], &spans[p]) {
				parent := spans[p]
				parent.Start += out[p]
				out[c] = between(&parent, &spans[c])
			} else {
				out[c] = out[p]
			}
			stack = append(stack, c)
		}
	}
	return out
}

// parentsOf returns the index of each span's parent, -1 where there is none, or nil when no span has a parent on another host.
func parentsOf(spans []Span) []int {
	index := make(map[string][]int, len(spans))
	for i := range spans {
		index[spans[i].ID] = append(index[spans[i].ID], i)
	}
	out := make([]int, len(spans))
	crosses := false
	for i := range spans {
		if out[i] = parentOf(spans, index, i); out[i] >= 0 {
			crosses = crosses || otherHost(&spans[i], &spans[out[i]])
		}
	}
	if !crosses {
		return nil
	}
	return out
}

// parentOf finds the side of a shared span, as Zipkin's two sides of a call are, that a span hangs below. The page does the same.
func parentOf(spans []Span, index map[string][]int, i int) int {
	s := &spans[i]
	if own := index[s.ID]; len(own) > 1 && s.receives() {
		for _, at := range own {
			if o := &spans[at]; o.sends() && (s.Parent == s.ID || s.Parent == o.Parent) {
				return at
			}
		}
	}
	best, bestScore := -1, -1
	if s.Parent == "" {
		return best
	}
	for _, at := range index[s.Parent] {
		score := 0
		if spans[at].Service == s.Service {
			score += 2
		}
		if spans[at].receives() {
			score++
		}
		if at != i && score > bestScore {
			best, bestScore = at, score
		}
	}
	return best
}

// otherHost reports whether two spans have clocks of their own, as far as is known.
func otherHost(a, b *Span) bool {
	return a.Host != b.Host && a.Host != "" && b.Host != ""
}

// between returns how far the child has to move to lie within its parent.
func between(parent, child *Span) int64 {
	waits := parent.Kind == "client" && child.Kind == "server"
	queued := parent.Kind == "producer" || child.Kind == "consumer"
	early := child.Start < parent.Start-int64(Tolerance)
	late := child.end() > parent.end()+int64(Tolerance)
	switch {
	case child.Duration > parent.Duration || queued:
		if early {
			return parent.Start - child.Start
		}
		return 0 // It outlives its parent, or the parent stopped waiting.
	case early || late && (waits || child.Start > parent.end()):
		return parent.Start - child.Start + (parent.Duration-child.Duration)/2
	default:
		return 0
	}
}
