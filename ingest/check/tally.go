// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Tally is what was found in one request. The zero value is an empty request.
type Tally struct {
	// Items is how many records the request had.
	Items int
	// Rejected counts those taken out, by reason.
	Rejected map[string]int
	// Notes count changes that took nothing out, such as values cut short, by kind.
	Notes map[string]int
	// Changed says that something was changed of which the sender need not hear.
	Changed bool
}

// Reject counts n records taken out.
func (t *Tally) Reject(reason string, n int) {
	if n == 0 {
		return
	}
	if t.Rejected == nil {
		t.Rejected = map[string]int{}
	}
	t.Rejected[reason] += n
}

// Note counts n changes.
func (t *Tally) Note(kind string, n int) {
	if n == 0 {
		return
	}
	if t.Notes == nil {
		t.Notes = map[string]int{}
	}
	t.Notes[kind] += n
}

// Add counts what another tally of the same request found.
func (t *Tally) Add(o Tally) {
	t.Items += o.Items
	for reason, n := range o.Rejected {
		t.Reject(reason, n)
	}
	for kind, n := range o.Notes {
		t.Note(kind, n)
	}
	t.Changed = t.Changed || o.Changed
}

// RejectedItems is how many records were taken out.
func (t Tally) RejectedItems() int {
	n := 0
	for _, v := range t.Rejected {
		n += v
	}
	return n
}

// Kept is how many records are left.
func (t Tally) Kept() int { return t.Items - t.RejectedItems() }

// Clean says that everything was taken as it came.
func (t Tally) Clean() bool { return len(t.Rejected) == 0 && len(t.Notes) == 0 && !t.Changed }

// Message says in words what was refused or changed of so many records, "" when there is nothing to tell; noun is that of the signal.
func (t Tally) Message(noun string) string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(t.Rejected)) {
		parts = append(parts, fmt.Sprintf("%d %s%s", t.Rejected[reason], reason, hint(reason)))
	}
	for _, kind := range slices.Sorted(maps.Keys(t.Notes)) {
		parts = append(parts, fmt.Sprintf("%d %s", t.Notes[kind], kind))
	}
	if len(parts) == 0 {
		return ""
	}
	what := "took all of"
	if n := t.RejectedItems(); n > 0 {
		what = fmt.Sprintf("refused %d of", n)
	}
	return fmt.Sprintf("%s %d %s: %s", what, t.Items, noun, strings.Join(parts, ", "))
}

// hint says what to do about a reason.
func hint(reason string) string {
	switch reason {
	case ReasonDelta:
		return " (send cumulative: set OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative)"
	case ReasonScale:
		return " (exponential histograms are kept from scale -4 up; limit the instrument's buckets less)"
	case ReasonTooOld, ReasonTooNew:
		return " (check the clock of the sender)"
	case ReasonSeriesLimit:
		return " (the store takes no new series: look for a label with ever new values, or raise metrics.max_series)"
	default:
		return ""
	}
}
