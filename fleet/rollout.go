// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/strata-apm/strata/storage"
)

// The states of a roll-out.
const (
	RolloutPending   = "pending"      // not begun
	RolloutCanary    = "canary"       // a few have it and are watched
	RolloutRest      = "rest"         // the others get it
	RolloutBack      = "rolling_back" // those that had it get what they had before
	RolloutDone      = "done"
	RolloutFailed    = "failed"    // rolled back
	RolloutCancelled = "cancelled" // rolled back because somebody wanted it
)

// The states of an agent in a roll-out.
const (
	TargetWaiting  = "waiting"  // not its turn, or it was not heard when it was
	TargetOffered  = "offered"  // told, no answer yet
	TargetWatching = "watching" // a canary that applied it
	TargetGood     = "good"     // a canary that went well, or another that applied it
	TargetFailed   = "failed"
	TargetRestored = "restored"
)

const (
	// applyWithin is how long an agent may take to say that it applied a configuration.
	applyWithin = time.Minute
	// restoreWithin is how long a rollback waits for the agents to confirm.
	restoreWithin = time.Minute
	// A roll-out goes back from the rest too when more than one and more than a tenth of them fail.
	tolerated, toleratedShare = 1, 0.1
)

// How long each canary is watched: by default, and the bounds.
const (
	DefaultWatch = 2 * time.Minute
	MinWatch     = 5 * time.Second
	MaxWatch     = 24 * time.Hour
)

// Plan is what whoever starts a roll-out decides.
type Plan struct {
	Selector Selector `json:"selector"`
	// CanaryCount agents get it first, or CanaryPercent of those online when it is 0; at least one.
	CanaryCount   int     `json:"canary_count"`
	CanaryPercent float64 `json:"canary_percent"`
	// WatchSeconds is how long each canary is watched after it applied the configuration.
	WatchSeconds float64 `json:"watch_seconds"`
	// AllowSilence says that a signal may end, because the configuration turns it off.
	AllowSilence bool   `json:"allow_silence"`
	CreatedBy    string `json:"created_by"`
}

// Progress is the part of a roll-out that is kept as JSON.
type Progress struct {
	Plan
	Reason string `json:"reason"`
	// Then is the state after a rollback.
	Then    string    `json:"then,omitempty" enum:"failed,cancelled"`
	BackAt  time.Time `json:"back_at,omitzero"`
	Targets []*Target `json:"targets"`
}

// Target is an agent in a roll-out.
type Target struct {
	AgentID string `json:"agent_id"`
	Host    string `json:"host"`
	Canary  bool   `json:"canary"`
	State   string `json:"state" enum:"waiting,offered,watching,good,failed,restored"`
	Reason  string `json:"reason,omitempty"`
	// Previous is the configuration it had before, empty for none.
	Previous  string    `json:"previous"`
	OfferedAt time.Time `json:"offered_at,omitzero"`
	AppliedAt time.Time `json:"applied_at,omitzero"`
	Before    Reading   `json:"before,omitzero"`
	After     Reading   `json:"after,omitzero"`
}

// world is what a step looks at.
type world struct {
	now time.Time
	// looked is how long somebody has driven without a break.
	looked   time.Duration
	agents   map[string]storage.Agent
	assigned map[string]storage.Assignment
	// hash is that of the configuration, hashes those of any by id.
	hash   string
	hashes map[string]string
	// lost returns what was lost of a source since a time; ok is false when nobody knows.
	lost func(source string, since time.Time) (n int64, ok bool)
}

// gone says that an agent is silent, and not because the servers were: see knownDown.
func (w world) gone(a storage.Agent) bool { return knownDown(a, w.looked) }

// step moves a roll-out on and returns what to assign.
func step(state string, p *Progress, w world) (string, []storage.Assignment) {
	switch state {
	case RolloutPending:
		return begin(p, w)
	case RolloutCanary:
		return stepCanary(p, w)
	case RolloutRest:
		return stepRest(p, w)
	case RolloutBack:
		return stepBack(p, w), nil
	default:
		return state, nil
	}
}

// begin chooses the canaries by the agents' identifiers, which say nothing of their hosts, and offers them the configuration.
func begin(p *Progress, w world) (string, []storage.Assignment) {
	var online int
	for _, a := range w.agents {
		if !p.Selector.Matches(a) {
			continue
		}
		t := &Target{AgentID: a.ID, Host: a.HostName, State: TargetWaiting}
		if s := StateOf(a); s == Online || s == Late {
			online++
			t.Canary = true // Could be one.
		}
		p.Targets = append(p.Targets, t)
	}
	slices.SortFunc(p.Targets, func(x, y *Target) int { return cmp.Compare(x.AgentID, y.AgentID) })
	if online == 0 {
		p.Reason = "no agent that is online matches"
		return RolloutFailed, nil
	}
	n := p.CanaryCount
	if n == 0 {
		n = int(math.Ceil(float64(online) * p.CanaryPercent / 100))
	}
	n = min(max(n, 1), online)
	var out []storage.Assignment
	for _, t := range p.Targets {
		if !t.Canary || n == 0 {
			t.Canary = false
			continue
		}
		n--
		out = append(out, offer(t, w))
	}
	return RolloutCanary, out
}

func offer(t *Target, w world) storage.Assignment {
	a := w.agents[t.AgentID]
	t.State, t.OfferedAt, t.Previous = TargetOffered, w.now, w.assigned[t.AgentID].ConfigID
	t.Before = readingOf(a)
	t.Before.LossSince = w.now.Add(-lossWindow)
	t.Before.Lost, t.Before.LossKnown = w.lost(a.Source, t.Before.LossSince)
	return storage.Assignment{AgentID: t.AgentID}
}

func stepCanary(p *Progress, w world) (string, []storage.Assignment) {
	good := true
	for _, t := range p.Targets {
		if !t.Canary {
			continue
		}
		a, known := w.agents[t.AgentID]
		if reason := advance(t, a, known, w); reason != "" {
			t.State, t.Reason = TargetFailed, reason
			return back(p, w, RolloutFailed, t.Host+": "+reason)
		}
		if t.State == TargetWatching {
			now := readingOf(a)
			if t.After.At == 0 && now.Config == w.hash { // The first counts with the configuration.
				t.After = now
			}
			if reason := worse(p.Plan, t, a, w); reason != "" {
				t.State, t.Reason = TargetFailed, reason
				return back(p, w, RolloutFailed, t.Host+": "+reason)
			}
			watched := w.now.Sub(t.AppliedAt)
			switch enough := counted(p.Plan, t, now); {
			case watched.Seconds() >= p.WatchSeconds && enough:
				t.State = TargetGood
			case watched.Seconds() >= p.WatchSeconds+applyWithin.Seconds():
				t.State, t.Reason = TargetFailed, "it applied the configuration and does not report its counts"
				return back(p, w, RolloutFailed, t.Host+": "+t.Reason)
			}
		}
		good = good && t.State == TargetGood
	}
	if !good {
		return RolloutCanary, nil
	}
	var out []storage.Assignment
	for _, t := range p.Targets {
		if !t.Canary {
			out = append(out, offer(t, w))
		}
	}
	if len(out) == 0 {
		return RolloutDone, nil
	}
	return RolloutRest, out
}

// advance follows one agent from the offer to its answer and returns why it failed, if it did.
func advance(t *Target, a storage.Agent, known bool, w world) string {
	if t.State != TargetOffered && t.State != TargetWatching && t.State != TargetGood {
		return ""
	}
	if !known {
		return "it was forgotten"
	}
	if w.gone(a) {
		return fmt.Sprintf("not heard for %s", a.Silent.Round(time.Second))
	}
	switch {
	case a.ConfigHash == w.hash && a.ConfigStatus == ConfigFailed:
		return "refused: " + a.ConfigError
	case t.State != TargetOffered:
		return ""
	case a.ConfigHash == w.hash && a.ConfigStatus == ConfigApplied:
		t.State, t.AppliedAt = TargetWatching, w.now
	case w.now.Sub(t.OfferedAt) > applyWithin:
		return fmt.Sprintf("not applied within %s", applyWithin)
	}
	return ""
}

// stepRest waits for the answers of the others. Agents that are not heard get the configuration when they are back.
func stepRest(p *Progress, w world) (string, []storage.Assignment) {
	failed, open, first := 0, 0, ""
	for _, t := range p.Targets {
		if t.Canary {
			continue
		}
		a, known := w.agents[t.AgentID]
		if known && t.State == TargetOffered && w.gone(a) {
			t.State = TargetWaiting
		} else if reason := advance(t, a, known, w); reason != "" {
			t.State, t.Reason = TargetFailed, reason
		}
		switch t.State {
		case TargetWatching:
			t.State = TargetGood
		case TargetOffered:
			open++
		case TargetFailed:
			if failed++; first == "" {
				first = t.Host + ": " + t.Reason
			}
		}
	}
	if failed > tolerated && float64(failed) > toleratedShare*float64(len(p.Targets)) {
		return back(p, w, RolloutFailed, fmt.Sprintf("%d of %d agents failed, the first: %s", failed, len(p.Targets), first))
	}
	if open > 0 {
		return RolloutRest, nil
	}
	p.Reason = first
	return RolloutDone, nil
}

// back gives every agent that was offered the configuration what it had before.
func back(p *Progress, w world, then, reason string) (string, []storage.Assignment) {
	p.Then, p.Reason, p.BackAt = then, reason, w.now
	var out []storage.Assignment
	for _, t := range p.Targets {
		if !t.OfferedAt.IsZero() {
			out = append(out, storage.Assignment{AgentID: t.AgentID, ConfigID: t.Previous})
		}
	}
	if len(out) == 0 {
		return then, nil
	}
	return RolloutBack, out
}

// stepBack waits until the agents have what they had before, those at least that are heard.
func stepBack(p *Progress, w world) string {
	open := false
	for _, t := range p.Targets {
		if t.OfferedAt.IsZero() || t.State == TargetRestored {
			continue
		}
		a := w.agents[t.AgentID]
		if a.ConfigHash == w.hashes[t.Previous] && a.ConfigStatus != ConfigApplying || t.Previous == "" && a.ConfigHash == "" {
			t.State = TargetRestored
			continue
		}
		if a.ID != "" && !w.gone(a) {
			open = true
		}
	}
	if open && w.now.Sub(p.BackAt) < restoreWithin {
		return RolloutBack
	}
	return p.Then
}

// over says that a roll-out in this state does nothing any more.
func over(state string) bool {
	return state == RolloutDone || state == RolloutFailed || state == RolloutCancelled
}

func decodeProgress(text string) (*Progress, error) {
	var p Progress
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return nil, fmt.Errorf("read roll-out: %w", err)
	}
	return &p, nil
}

func (p *Progress) encode() (string, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("encode roll-out: %w", err)
	}
	return string(text), nil
}
