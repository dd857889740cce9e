// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/prometheus/model/rulefmt"

	"github.com/strata-apm/strata/storage"
)

// Prefixes of the ids of groups that cannot be changed here.
const (
	fileIDPrefix    = "file_"
	builtInIDPrefix = "builtin_"
)

type groupJSON struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Source string `json:"source"` // "file", "api" or "builtin"
	// File is what Prometheus' API shows as the group's file, to find its state there.
	File      string    `json:"file"`
	Interval  string    `json:"interval"`
	YAML      string    `json:"yaml"`
	UpdatedAt time.Time `json:"updated_at"`
}

func (a *API) apiGroup(g storage.RuleGroup) groupJSON {
	parsed, err := parseGroup(g.YAML, a.opts.Parser)
	interval := a.opts.EvaluationInterval
	if err == nil && parsed.Interval > 0 {
		interval = time.Duration(parsed.Interval)
	}
	return groupJSON{
		ID: g.ID, Name: g.Name, Source: "api", File: apiPrefix + g.ID, Interval: interval.String(), YAML: g.YAML, UpdatedAt: g.UpdatedAt,
	}
}

func (a *API) fileGroup(file string, g rulefmt.RuleGroup) groupJSON {
	sum := sha256.Sum256([]byte(file + "\x00" + g.Name))
	interval := a.opts.EvaluationInterval
	if g.Interval > 0 {
		interval = time.Duration(g.Interval)
	}
	out := groupJSON{
		ID: fileIDPrefix + hex.EncodeToString(sum[:8]), Name: g.Name, Source: "file", File: file, Interval: interval.String(), YAML: renderGroup(g),
	}
	if strings.HasPrefix(file, builtInPrefix) {
		out.ID, out.Source = builtInIDPrefix+hex.EncodeToString(sum[:8]), "builtin"
	} else if info, err := os.Stat(file); err == nil {
		out.UpdatedAt = info.ModTime().UTC()
	}
	return out
}

func (a *API) listRules(w http.ResponseWriter, r *http.Request) {
	stored, err := a.opts.Store.Rules.ListRuleGroups(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	out := make([]groupJSON, 0, len(stored))
	for _, g := range stored {
		out = append(out, a.apiGroup(g))
	}
	evaluated, warnings, err := a.opts.State.RuleGroups(r.Context())
	if err != nil {
		a.opts.Logger.Error("rule files not listed", "error", err)
		warnings = append(warnings, "rule files are not shown: "+err.Error())
	}
	for _, g := range evaluated {
		if !strings.HasPrefix(g.File, apiPrefix) {
			out = append(out, a.fileGroup(g.File, g.Group))
		}
	}
	if warnings == nil {
		warnings = []string{}
	}
	slices.SortFunc(out, func(x, y groupJSON) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID)) })
	writeJSON(w, http.StatusOK, map[string]any{"groups": out, "warnings": warnings})
}

// readGroup reads and validates the body; it has answered when ok is false.
func (a *API) readGroup(w http.ResponseWriter, r *http.Request) (g storage.RuleGroup, ok bool) {
	var body struct {
		YAML string `json:"yaml"`
	}
	if !readJSON(w, r, &body) {
		return storage.RuleGroup{}, false
	}
	parsed, err := parseGroup(body.YAML, a.opts.Parser)
	if err != nil {
		details := map[string]any{}
		if all, ok := errors.AsType[ruleErrors](err); ok {
			details["errors"] = all
		}
		writeAPIError(w, http.StatusBadRequest, "bad_request", err.Error(), details)
		return storage.RuleGroup{}, false
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	return storage.RuleGroup{Name: parsed.Name, YAML: body.YAML, CreatedAt: now, UpdatedAt: now}, true
}

func (a *API) createRules(w http.ResponseWriter, r *http.Request) {
	g, ok := a.readGroup(w, r)
	if !ok {
		return
	}
	g.ID = newID("")
	if err := a.opts.Store.Rules.CreateRuleGroup(r.Context(), g); err != nil {
		a.fail(w, r, err)
		return
	}
	a.rulesChanged(r.Context())
	writeJSON(w, http.StatusCreated, a.apiGroup(g))
}

func (a *API) updateRules(w http.ResponseWriter, r *http.Request) {
	id := chi.URLParam(r, "id")
	if refuseFile(w, id) {
		return
	}
	g, ok := a.readGroup(w, r)
	if !ok {
		return
	}
	g.ID = id
	if err := a.opts.Store.Rules.UpdateRuleGroup(r.Context(), g); err != nil {
		a.fail(w, r, err)
		return
	}
	a.rulesChanged(r.Context())
	writeJSON(w, http.StatusOK, a.apiGroup(g))
}

func (a *API) deleteRules(w http.ResponseWriter, r *http.Request) {
	id := chi.URLParam(r, "id")
	if refuseFile(w, id) {
		return
	}
	if err := a.opts.Store.Rules.DeleteRuleGroup(r.Context(), id); err != nil {
		a.fail(w, r, err)
		return
	}
	a.rulesChanged(r.Context())
	w.WriteHeader(http.StatusNoContent)
}

func refuseFile(w http.ResponseWriter, id string) bool {
	switch {
	case strings.HasPrefix(id, fileIDPrefix):
		writeAPIError(w, http.StatusConflict, "conflict", "this group comes from a file; edit the file", nil)
	case strings.HasPrefix(id, builtInIDPrefix):
		writeAPIError(w, http.StatusConflict, "conflict", "this group comes with a pack; alerting.disable_packs switches it off", nil)
	default:
		return false
	}
	return true
}
