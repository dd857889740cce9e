// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/strata-apm/strata/storage"
)

const (
	// lossWindow is how far back losses are compared with.
	lossWindow = 10 * time.Minute
	// A pipeline that gave this much per watched time before and gives nothing now has ended. A source that writes at random times
	// gives nothing by chance once in e^20 times.
	expectedRecords = 20
	// minSilence is how long it has to be silent: an agent's counts are some seconds old.
	minSilence = 15 * time.Second
	// minLost are losses that count: a single refused point is no reason.
	minLost = 10
)

// Losses tells what was lost between a source and the stores. Safe for concurrent use.
type Losses interface {
	// Lost counts the records of a source that were refused or rejected since a time.
	Lost(ctx context.Context, source string, since time.Time) (int64, error)
}

// Reading is how an agent did at one moment, by its own counts.
type Reading struct {
	Healthy bool `json:"healthy"`
	// At is when the agent counted, by its clock, Unix seconds.
	At float64 `json:"at"`
	// Config is the hash of the pushed configuration it ran with then.
	Config string `json:"config,omitempty"`
	// Pipelines are the records each has passed on.
	Pipelines map[string]Volume `json:"pipelines,omitempty"`
	// Dropped are the records the agent gave up.
	Dropped int64 `json:"dropped"`
	// Lost are the records of its source that the server refused or rejected since LossSince.
	Lost      int64     `json:"lost"`
	LossKnown bool      `json:"loss_known"`
	LossSince time.Time `json:"loss_since,omitzero"`
}

// Volume counts the records of a pipeline.
type Volume struct {
	Total     int64   `json:"total"`
	PerMinute float64 `json:"per_minute"`
}

// readingOf reads an agent's board.
func readingOf(a storage.Agent) Reading {
	var board struct {
		Volume struct {
			At        float64           `json:"at"`
			Config    string            `json:"config"`
			Pipelines map[string]Volume `json:"pipelines"`
		} `json:"volume"`
		Logs any `json:"logs"`
	}
	r := Reading{Healthy: a.Healthy}
	if json.Unmarshal([]byte(a.Board), &board) != nil {
		return r
	}
	r.At, r.Config, r.Pipelines, r.Dropped = board.Volume.At, board.Volume.Config, board.Volume.Pipelines, dropped(board.Logs)
	return r
}

// dropped adds up what is called dropped anywhere in a section.
func dropped(v any) (n int64) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if f, ok := x.(float64); ok && strings.HasPrefix(k, "dropped") && !strings.HasSuffix(k, "bytes") {
				n += int64(f)
				continue
			}
			n += dropped(x)
		}
	case []any:
		for _, x := range v {
			n += dropped(x)
		}
	}
	return n
}

// worse returns in what a canary that applied a configuration got worse, empty when it did not.
func worse(p Plan, t *Target, a storage.Agent, w world) string {
	now := readingOf(a)
	if t.Before.Healthy && !now.Healthy {
		return "unhealthy: " + healthError(a.Health)
	}
	if n := now.Dropped - t.After.Dropped; t.Before.Dropped == 0 && n >= minLost {
		return fmt.Sprintf("it began to drop records: %d", n)
	}
	if !p.AllowSilence {
		if reason := silenced(t, now, w.now); reason != "" {
			return reason
		}
	}
	if !t.Before.LossKnown {
		return ""
	}
	total, ok := w.lost(a.Source, t.Before.LossSince)
	if !ok {
		return ""
	}
	n, elapsed := total-t.Before.Lost, w.now.Sub(t.OfferedAt)
	if usual := float64(t.Before.Lost) * elapsed.Seconds() / lossWindow.Seconds(); n >= minLost && float64(n) > 2*usual {
		return fmt.Sprintf("the server refused or rejected %d records of %s since it has the configuration", n, a.Source)
	}
	return ""
}

// counted says that the agent's own counts were seen for long enough to say something. An agent that counts nothing needs no time.
func counted(p Plan, t *Target, now Reading) bool {
	return t.Before.At == 0 || t.After.At != 0 && now.At-t.After.At >= min(minSilence.Seconds(), p.WatchSeconds)
}

// silenced finds a pipeline that gave data before and gives none now. A pipeline that is gone gives none.
func silenced(t *Target, now Reading, at time.Time) string {
	elapsed := now.At - t.After.At
	if t.After.At == 0 || elapsed < minSilence.Seconds() {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(t.Before.Pipelines)) {
		before := t.Before.Pipelines[name].PerMinute
		if before*elapsed/60 < expectedRecords {
			continue
		}
		if now.Pipelines[name].Total != t.After.Pipelines[name].Total {
			continue
		}
		return fmt.Sprintf("%s gave %.0f records per minute before and none for %s", name, before, at.Sub(t.AppliedAt).Round(time.Second))
	}
	return ""
}

func healthError(text string) string {
	var h Health
	if json.Unmarshal([]byte(text), &h) != nil {
		return text
	}
	if h.Error != "" {
		return h.Error
	}
	for _, name := range slices.Sorted(maps.Keys(h.Parts)) {
		if part := h.Parts[name]; !part.Healthy {
			return name + ": " + part.Error
		}
	}
	return h.Status
}
