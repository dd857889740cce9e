// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/strata-apm/strata/storage"
)

// loader is a rules.GroupLoader of files, API groups and what comes with the program. A source that does not load keeps its last good groups, because one broken
// file must neither stop the alerts of others nor hide that its own still fire. Safe for concurrent use.
type loader struct {
	parser  parser.Parser
	logger  *slog.Logger
	builtIn map[string]string // by identifier; not changed

	mu       sync.Mutex
	api      map[string]storage.RuleGroup   // by identifier; guarded by mu
	good     map[string]*rulefmt.RuleGroups // last good content by identifier; guarded by mu
	problems map[string]string              // by identifier; guarded by mu
}

func newLoader(p parser.Parser, builtIn map[string]string, logger *slog.Logger) *loader {
	byID := make(map[string]string, len(builtIn))
	for name, text := range builtIn {
		byID[BuiltInPrefix+name] = text
	}
	return &loader{
		parser: p, logger: logger, builtIn: byID,
		api: make(map[string]storage.RuleGroup), good: make(map[string]*rulefmt.RuleGroups), problems: make(map[string]string),
	}
}

// begin takes the sources of the next load and forgets those that are gone. It returns their identifiers.
func (l *loader) begin(globs []string, groups []storage.RuleGroup) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.problems)
	clear(l.api)
	ids := make(map[string]bool)
	for _, pattern := range globs {
		files, err := filepath.Glob(pattern)
		if err != nil {
			l.problems[pattern] = err.Error()
		}
		for _, f := range files {
			ids[f] = true
		}
	}
	for id := range l.builtIn {
		ids[id] = true
	}
	for _, g := range groups {
		l.api[APIPrefix+g.ID] = g
		ids[APIPrefix+g.ID] = true
	}
	maps.DeleteFunc(l.good, func(id string, _ *rulefmt.RuleGroups) bool { return !ids[id] })
	return slices.Sorted(maps.Keys(ids))
}

// Load implements rules.GroupLoader.
func (l *loader) Load(identifier string, _ bool, scheme model.ValidationScheme) (*rulefmt.RuleGroups, []error) {
	l.mu.Lock()
	stored, fromAPI := l.api[identifier]
	l.mu.Unlock()
	var groups *rulefmt.RuleGroups
	var errs []error
	builtIn, comesWithUs := l.builtIn[identifier]
	switch {
	case comesWithUs:
		groups, errs = rulefmt.Parse([]byte(builtIn), false, scheme, l.parser, l.logger)
	case fromAPI:
		g, err := ParseGroup(stored.YAML, l.parser)
		groups = &rulefmt.RuleGroups{Groups: []rulefmt.RuleGroup{g}}
		if err != nil {
			errs = []error{err}
		}
	default:
		groups, errs = rulefmt.ParseFile(identifier, false, scheme, l.parser, l.logger)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(errs) == 0 {
		l.good[identifier] = groups
		return groups, nil
	}
	l.problems[identifier] = fmt.Sprint(errs[0])
	l.logger.Error("rules not loaded, the last good ones stay", "source", identifier, "error", errs[0], "errors", len(errs))
	if last, ok := l.good[identifier]; ok {
		return last, nil
	}
	return &rulefmt.RuleGroups{}, nil
}

// Parse implements rules.GroupLoader.
func (l *loader) Parse(query string) (parser.Expr, error) {
	return l.parser.ParseExpr(query)
}

// warnings describes the sources that do not load.
func (l *loader) warnings() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]string, 0, len(l.problems))
	for _, id := range slices.Sorted(maps.Keys(l.problems)) {
		out = append(out, id+": "+strings.TrimPrefix(l.problems[id], id+": "))
	}
	return out
}

// fileGroups returns the groups that were read from files or come with the program, by file.
func (l *loader) fileGroups() map[string][]rulefmt.RuleGroup {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[string][]rulefmt.RuleGroup)
	for id, g := range l.good {
		if _, fromAPI := l.api[id]; !fromAPI {
			out[id] = g.Groups
		}
	}
	return out
}
