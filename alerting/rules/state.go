// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	promrules "github.com/prometheus/prometheus/rules"
)

// State tells of the rules of the processes that evaluate them.
type State interface {
	// RuleGroups returns the groups as they are loaded there, each once, and warnings for people: sources that do not load, processes
	// that do not answer. With some of the processes away it returns what the others have. Safe for concurrent use.
	RuleGroups(ctx context.Context) (groups []EvaluatedGroup, warnings []string, err error)
}

// EvaluatedGroup is a rule group as Prometheus' API (/api/v1/rules) shows it. In JSON it is what that API answered, untouched.
type EvaluatedGroup struct {
	// File is a file's name, or APIPrefix and the id of a group from the API, or BuiltInPrefix and the name of one that comes with the program.
	File  string
	Group rulefmt.RuleGroup
	// LastEvaluation is zero for a group that was never evaluated.
	LastEvaluation time.Time

	raw json.RawMessage
}

// MarshalJSON returns the group as it was answered.
func (g EvaluatedGroup) MarshalJSON() ([]byte, error) {
	if g.raw == nil {
		return nil, fmt.Errorf("encode rule group %s: it was not read from an answer", g.Group.Name)
	}
	return g.raw, nil
}

// ParseGroups reads an answer of Prometheus' /api/v1/rules.
func ParseGroups(body []byte) ([]EvaluatedGroup, error) {
	var answer struct {
		Status string `json:"status"`
		Error  string `json:"error"`
		Data   struct {
			Groups []json.RawMessage `json:"groups"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	if answer.Status != "success" {
		return nil, fmt.Errorf("read rules: status %q: %s", answer.Status, answer.Error)
	}
	out := make([]EvaluatedGroup, len(answer.Data.Groups))
	for i, raw := range answer.Data.Groups {
		g, err := parseEvaluated(raw)
		if err != nil {
			return nil, err
		}
		out[i] = g
	}
	return out, nil
}

func parseEvaluated(raw json.RawMessage) (EvaluatedGroup, error) {
	var g struct {
		Name           string    `json:"name"`
		File           string    `json:"file"`
		Interval       float64   `json:"interval"`
		Limit          int       `json:"limit"`
		LastEvaluation time.Time `json:"lastEvaluation"`
		Rules          []struct {
			Type          string            `json:"type"`
			Name          string            `json:"name"`
			Query         string            `json:"query"`
			Duration      float64           `json:"duration"`
			KeepFiringFor float64           `json:"keepFiringFor"`
			Labels        map[string]string `json:"labels"`
			Annotations   map[string]string `json:"annotations"`
		} `json:"rules"`
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		return EvaluatedGroup{}, fmt.Errorf("read rule group: %w", err)
	}
	out := EvaluatedGroup{
		File: g.File, LastEvaluation: g.LastEvaluation, raw: raw,
		Group: rulefmt.RuleGroup{Name: g.Name, Interval: seconds(g.Interval), Limit: g.Limit},
	}
	for _, r := range g.Rules {
		rule := rulefmt.Rule{
			Expr: r.Query, For: seconds(r.Duration), KeepFiringFor: seconds(r.KeepFiringFor), Labels: r.Labels, Annotations: r.Annotations,
		}
		if r.Type == "alerting" {
			rule.Alert = r.Name
		} else {
			rule.Record = r.Name
		}
		out.Group.Rules = append(out.Group.Rules, rule)
	}
	return out, nil
}

func seconds(s float64) model.Duration { return model.Duration(s * float64(time.Second)) }

// MergeGroups makes one list of the answers of several copies, in the order of Prometheus: of each group the answer of the copy that
// evaluated it last, which is the one that has its lease.
func MergeGroups(answers ...[]EvaluatedGroup) []EvaluatedGroup {
	newest := make(map[string]EvaluatedGroup)
	for _, groups := range answers {
		for _, g := range groups {
			key := promrules.GroupKey(g.File, g.Group.Name)
			if had, ok := newest[key]; !ok || g.LastEvaluation.After(had.LastEvaluation) {
				newest[key] = g
			}
		}
	}
	out := make([]EvaluatedGroup, 0, len(newest))
	for _, key := range slices.Sorted(maps.Keys(newest)) {
		out = append(out, newest[key])
	}
	return out
}

// AlertsOf lists the alerts of the groups as Prometheus' /api/v1/alerts does.
func AlertsOf(groups []EvaluatedGroup) ([]json.RawMessage, error) {
	alerts := []json.RawMessage{}
	for _, g := range groups {
		var state struct {
			Rules []struct {
				Alerts []json.RawMessage `json:"alerts"`
			} `json:"rules"`
		}
		if err := json.Unmarshal(g.raw, &state); err != nil {
			return nil, fmt.Errorf("read alerts of rule group %s: %w", g.Group.Name, err)
		}
		for _, r := range state.Rules {
			alerts = append(alerts, r.Alerts...)
		}
	}
	return alerts, nil
}

// loadedRules are the groups of this process.
type loadedRules struct{ loader *loader }

// RuleGroups implements State for what was read from files.
func (l loadedRules) RuleGroups(context.Context) ([]EvaluatedGroup, []string, error) {
	var out []EvaluatedGroup
	for file, groups := range l.loader.fileGroups() {
		for _, g := range groups {
			out = append(out, EvaluatedGroup{File: file, Group: g})
		}
	}
	return out, l.loader.warnings(), nil
}
