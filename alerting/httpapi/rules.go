// SPDX-License-Identifier: Apache-2.0

package httpapi

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
	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/rulefmt"

	"github.com/strata-apm/strata/alerting/rules"
	"github.com/strata-apm/strata/internal/httpx"
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
	Source string `json:"source" enum:"file,api,builtin"`
	// File is what Prometheus' API shows as the group's file, to find its state there.
	File      string    `json:"file"`
	Interval  string    `json:"interval"`
	YAML      string    `json:"yaml"`
	UpdatedAt time.Time `json:"updated_at"`
}

func (a *API) apiGroup(g storage.RuleGroup) groupJSON {
	parsed, err := rules.ParseGroup(g.YAML, a.opts.Parser)
	interval := a.opts.EvaluationInterval
	if err == nil && parsed.Interval > 0 {
		interval = time.Duration(parsed.Interval)
	}
	return groupJSON{
		ID: g.ID, Name: g.Name, Source: "api", File: rules.APIPrefix + g.ID, Interval: interval.String(), YAML: g.YAML, UpdatedAt: g.UpdatedAt,
	}
}

func (a *API) fileGroup(file string, g rulefmt.RuleGroup) groupJSON {
	sum := sha256.Sum256([]byte(file + "\x00" + g.Name))
	interval := a.opts.EvaluationInterval
	if g.Interval > 0 {
		interval = time.Duration(g.Interval)
	}
	out := groupJSON{
		ID: fileIDPrefix + hex.EncodeToString(sum[:8]), Name: g.Name, Source: "file", File: file, Interval: interval.String(), YAML: rules.RenderGroup(g),
	}
	if strings.HasPrefix(file, rules.BuiltInPrefix) {
		out.ID, out.Source = builtInIDPrefix+hex.EncodeToString(sum[:8]), "builtin"
	} else if info, err := os.Stat(file); err == nil {
		out.UpdatedAt = info.ModTime().UTC()
	}
	return out
}

type groupsAnswer struct {
	Groups   []groupJSON `json:"groups"`
	Warnings []string    `json:"warnings"`
}

func (a *API) listRules(r *http.Request) (any, error) {
	stored, err := a.opts.Rules.ListRuleGroups(r.Context())
	if err != nil {
		return nil, catalogError(err)
	}
	out := groupsAnswer{Groups: make([]groupJSON, 0, len(stored))}
	for _, g := range stored {
		out.Groups = append(out.Groups, a.apiGroup(g))
	}
	evaluated, warnings, err := a.opts.State.RuleGroups(r.Context())
	if err != nil {
		a.opts.Logger.Error("rule files not listed", "error", err)
		warnings = append(warnings, "rule files are not shown: "+err.Error())
	}
	for _, g := range evaluated {
		if !strings.HasPrefix(g.File, rules.APIPrefix) {
			out.Groups = append(out.Groups, a.fileGroup(g.File, g.Group))
		}
	}
	out.Warnings = append([]string{}, warnings...)
	slices.SortFunc(out.Groups, func(x, y groupJSON) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID)) })
	return out, nil
}

// groupBody is a rule group as it is written.
type groupBody struct {
	// YAML is one group of a Prometheus rule file.
	YAML string `json:"yaml"`
}

// readGroup reads and validates the body.
func (a *API) readGroup(r *http.Request) (storage.RuleGroup, error) {
	var body groupBody
	if err := httpx.ReadJSON(r, maxBody, &body); err != nil {
		return storage.RuleGroup{}, err // The client's own words.
	}
	parsed, err := rules.ParseGroup(body.YAML, a.opts.Parser)
	if err != nil {
		bad := httpx.BadRequest("%v", err)
		if all, ok := errors.AsType[rules.Errors](err); ok {
			bad.Details = map[string]any{"errors": all}
		}
		return storage.RuleGroup{}, bad
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	return storage.RuleGroup{Name: parsed.Name, YAML: body.YAML, CreatedAt: now, UpdatedAt: now}, nil
}

func (a *API) createRules(r *http.Request) (any, error) {
	g, err := a.readGroup(r)
	if err != nil {
		return nil, err
	}
	g.ID = ulid.Make().String()
	if err := a.opts.Rules.CreateRuleGroup(r.Context(), g); err != nil {
		return nil, catalogError(err)
	}
	a.opts.Watcher.RulesChanged(r.Context())
	return a.apiGroup(g), nil
}

func (a *API) updateRules(r *http.Request) (any, error) {
	id := chi.URLParam(r, "id")
	if err := refuseFile(id); err != nil {
		return nil, err
	}
	g, err := a.readGroup(r)
	if err != nil {
		return nil, err
	}
	g.ID = id
	if err := a.opts.Rules.UpdateRuleGroup(r.Context(), g); err != nil {
		return nil, catalogError(err)
	}
	a.opts.Watcher.RulesChanged(r.Context())
	return a.apiGroup(g), nil
}

func (a *API) deleteRules(r *http.Request) (any, error) {
	id := chi.URLParam(r, "id")
	if err := refuseFile(id); err != nil {
		return nil, err
	}
	if err := a.opts.Rules.DeleteRuleGroup(r.Context(), id); err != nil {
		return nil, catalogError(err)
	}
	a.opts.Watcher.RulesChanged(r.Context())
	return nil, nil // The answer has no body.
}

// refuseFile refuses the change of a group that the catalog does not hold.
func refuseFile(id string) error {
	switch {
	case strings.HasPrefix(id, fileIDPrefix):
		return httpx.Conflict("this group comes from a file; edit the file")
	case strings.HasPrefix(id, builtInIDPrefix):
		return httpx.Conflict("this group comes with a pack; alerting.disable_packs switches it off")
	default:
		return nil
	}
}
