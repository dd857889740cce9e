// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Load loads the rules for the first time. A catalog that does not answer is an error.
func (e *Evaluator) Load(ctx context.Context) error {
	e.reloadMu.Lock()
	defer e.reloadMu.Unlock()
	// Prometheus restores pending time of the groups of the first load only, and whether or not they are evaluated. evaluate does it
	// instead, for each group that this copy begins to evaluate; so the first load is one of nothing.
	if err := e.manager.Update(e.opts.EvaluationInterval, nil, e.opts.ExternalLabels, e.opts.ExternalURL.String(), e.evaluate); err != nil {
		return fmt.Errorf("load no rules: %w", err)
	}
	e.loaded = true
	if err := e.reload(ctx, e.fileState()); err != nil {
		return err
	}
	for _, name := range e.Leases() {
		e.first[name] = true
	}
	return nil
}

// Reload reads all rules again. Files that change need a call of ReloadChanged, groups of the API that another process changes none.
// Before Load it does nothing: the manager would wait for groups that do not run yet.
func (e *Evaluator) Reload(ctx context.Context) error {
	e.reloadMu.Lock()
	defer e.reloadMu.Unlock()
	if !e.loaded {
		return nil
	}
	return e.reload(ctx, e.fileState())
}

// ReloadChanged reads the rules again when a file has changed since they were read last, or when Invalidate was called.
func (e *Evaluator) ReloadChanged(ctx context.Context) error {
	e.reloadMu.Lock()
	defer e.reloadMu.Unlock()
	state := e.fileState()
	if state == e.seen {
		return nil
	}
	return e.reload(ctx, state)
}

// Invalidate makes the next ReloadChanged read the rules whether or not a file has changed.
func (e *Evaluator) Invalidate() {
	e.reloadMu.Lock()
	defer e.reloadMu.Unlock()
	e.seen = "unknown"
}

// poll reloads the rules when another process has changed them in the catalog.
func (e *Evaluator) poll(ctx context.Context) error {
	if e.opts.Versions == nil {
		return nil
	}
	ticker := time.NewTicker(e.opts.PollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		version, err := e.opts.Versions.RulesVersion(ctx)
		if err == nil {
			err = e.reloadTo(ctx, version)
		}
		if err != nil && ctx.Err() == nil {
			e.opts.Logger.Error("rules of the catalog not looked at", "error", err)
		}
	}
}

func (e *Evaluator) reloadTo(ctx context.Context, version string) error {
	e.reloadMu.Lock()
	defer e.reloadMu.Unlock()
	if version == e.version {
		return nil
	}
	return e.reload(ctx, e.fileState())
}

// reload does the work; reloadMu is held.
func (e *Evaluator) reload(ctx context.Context, state string) error {
	version := ""
	if e.opts.Versions != nil { // Before the rules, so that a change in between is seen as one.
		var err error
		if version, err = e.opts.Versions.RulesVersion(ctx); err != nil {
			return fmt.Errorf("load rules: %w", err)
		}
	}
	groups, err := e.opts.Groups.ListRuleGroups(ctx)
	if err != nil {
		return fmt.Errorf("load rules: %w", err)
	}
	ids := e.loader.begin(e.opts.Files, groups)
	err = e.manager.Update(e.opts.EvaluationInterval, ids, e.opts.ExternalLabels, e.opts.ExternalURL.String(), e.evaluate)
	e.counts.broken.Set(float64(len(e.loader.warnings())))
	if err != nil {
		return fmt.Errorf("load rules: %w", err)
	}
	var leases []string
	for _, g := range e.manager.RuleGroups() {
		leases = append(leases, LeaseName(g.File(), g.Name()))
	}
	e.leasesMu.Lock()
	e.leases = leases
	e.leasesMu.Unlock()
	e.opts.Leases.Kick()
	e.seen, e.version = state, version
	return nil
}

// fileState changes when a rule file appears, goes, or is written.
func (e *Evaluator) fileState() string {
	var b strings.Builder
	for _, pattern := range e.opts.Files {
		files, _ := filepath.Glob(pattern) // A bad pattern is reported by the loader.
		for _, f := range files {
			if info, err := os.Stat(f); err == nil {
				fmt.Fprintf(&b, "%s %d %d\n", f, info.Size(), info.ModTime().UnixNano())
			}
		}
	}
	return b.String()
}
