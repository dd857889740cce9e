// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/alerting/rules"
	"github.com/strata-apm/strata/storage"
)

const simpleGroup = "name: shop\ninterval: 50ms\nrules:\n- {alert: Broken, expr: broken > 0}\n"

func (f *fixture) group(text string) groupJSON {
	f.t.Helper()
	w := f.do("POST", "/rules", groupBody{YAML: text})
	require.Equal(f.t, 201, w.Code, w.Body)
	return decode[groupJSON](f.t, w)
}

func (f *fixture) groups() groupsAnswer {
	f.t.Helper()
	w := f.do("GET", "/rules", "")
	require.Equal(f.t, 200, w.Code, w.Body)
	return decode[groupsAnswer](f.t, w)
}

func TestNewNeedsItsOptions(t *testing.T) {
	full := newFixture(t).opts
	for name, leaveOut := range map[string]func(*Options){
		"rules": func(o *Options) { o.Rules = nil }, "notifiers": func(o *Options) { o.Notifiers = nil }, "queue": func(o *Options) { o.Queue = nil },
		"log": func(o *Options) { o.Log = nil }, "state": func(o *Options) { o.State = nil }, "logger": func(o *Options) { o.Logger = nil },
	} {
		opts := full
		leaveOut(&opts)
		_, err := New(opts)
		require.EqualError(t, err, "alerting API: an option is missing", name)
	}
}

// TestProcessWithoutRules has nobody to tell of a change.
func TestProcessWithoutRules(t *testing.T) {
	f := newFixture(t)
	f.opts.Watcher = nil
	var err error
	f.api, err = New(f.opts)
	require.NoError(t, err)
	f.group(simpleGroup)
	n := f.add("n", "https://x.example")
	n.Enabled = false
	require.Equal(t, 200, f.do("PUT", "/notifiers/"+n.ID, n).Code)
	require.Empty(t, f.changes)
}

func TestRuleGroupsAreKept(t *testing.T) {
	f := newFixture(t)
	g := f.group(simpleGroup)
	require.Equal(t, []string{"shop", "api", "api/" + g.ID, "50ms", simpleGroup}, []string{g.Name, g.Source, g.File, g.Interval, g.YAML})
	require.WithinDuration(t, time.Now(), g.UpdatedAt, time.Minute)
	require.Equal(t, groupsAnswer{Groups: []groupJSON{g}, Warnings: []string{}}, f.groups())
	require.Contains(t, f.refused(409, f.do("POST", "/rules", groupBody{YAML: simpleGroup})), "name is taken")

	w := f.do("PUT", "/rules/"+g.ID, groupBody{YAML: "name: shop2\nrules:\n- {alert: Other, expr: up == 0}\n"})
	require.Equal(t, 200, w.Code, w.Body)
	changed := decode[groupJSON](t, w)
	require.Equal(t, []string{g.ID, "shop2", "15s"}, []string{changed.ID, changed.Name, changed.Interval})
	require.Equal(t, 404, f.do("PUT", "/rules/none", groupBody{YAML: simpleGroup}).Code)
	require.Equal(t, 204, f.do("DELETE", "/rules/"+g.ID, "").Code)
	require.Equal(t, 404, f.do("DELETE", "/rules/"+g.ID, "").Code)
	require.Equal(t, []string{"rules", "rules", "rules"}, f.changes, "of what is stored, and of nothing else")
}

func TestRuleGroupsRefused(t *testing.T) {
	f := newFixture(t)
	w := f.do("POST", "/rules", groupBody{YAML: "name: a\nrules:\n- {alert: X, expr: 'sum('}\n- {alert: Y, expr: 'max('}\n"})
	require.Contains(t, f.refused(400, w), "line 3: ")
	details := decode[struct {
		Error struct {
			Code    string
			Details struct {
				Errors []struct {
					Line   int
					Reason string
				}
			}
		}
	}](t, w).Error
	require.Equal(t, "bad_request", details.Code)
	require.Len(t, details.Details.Errors, 2)
	require.Equal(t, 4, details.Details.Errors[1].Line)
	require.NotEmpty(t, details.Details.Errors[1].Reason)
	for _, body := range []string{"{", `{"yml":""}`, `{"yaml":7}`, `{}`} {
		require.Equal(t, 400, f.do("POST", "/rules", body).Code, body)
	}
	id := f.group(simpleGroup).ID
	f.changes = nil
	require.Equal(t, 400, f.do("PUT", "/rules/"+id, groupBody{YAML: "name: ["}).Code)
	require.Equal(t, simpleGroup, f.groups().Groups[0].YAML)
	require.Empty(t, f.changes)
}

// TestGroupsOfFiles are shown beside those of the API, sorted by name, and cannot be changed here.
func TestGroupsOfFiles(t *testing.T) {
	f := newFixture(t)
	file := filepath.Join(t.TempDir(), "rules.yml")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	alert := []rulefmt.Rule{{Alert: "A", Expr: "up == 0"}}
	f.evaluated = []rules.EvaluatedGroup{
		{File: file, Group: rulefmt.RuleGroup{Name: "z", Interval: model.Duration(time.Minute), Rules: alert}},
		{File: "builtin:redis", Group: rulefmt.RuleGroup{Name: "redis", Rules: alert}},
		{File: "api/1", Group: rulefmt.RuleGroup{Name: "in the catalog"}},
	}
	f.warnings = []string{"broken.yml: no"}
	f.group(simpleGroup)
	list := f.groups()
	require.Equal(t, []string{"broken.yml: no"}, list.Warnings)
	var got [][]string
	for _, g := range list.Groups {
		got = append(got, []string{g.Name, g.Source, g.Interval})
	}
	require.Equal(t, [][]string{{"redis", "builtin", "15s"}, {"shop", "api", "50ms"}, {"z", "file", "1m0s"}}, got)
	require.Equal(t, file, list.Groups[2].File)
	require.False(t, list.Groups[2].UpdatedAt.IsZero(), "the file's time")
	require.True(t, list.Groups[0].UpdatedAt.IsZero())
	require.Contains(t, list.Groups[0].YAML, "expr: up == 0")
	for i, want := range map[int]string{0: "disable_packs", 2: "edit the file"} {
		require.Contains(t, f.refused(409, f.do("DELETE", "/rules/"+list.Groups[i].ID, "")), want)
		require.Contains(t, f.refused(409, f.do("PUT", "/rules/"+list.Groups[i].ID, groupBody{YAML: simpleGroup})), want)
	}

	f.stateErr = errors.New("nobody answers")
	f.evaluated, f.warnings = nil, nil
	list = f.groups()
	require.Len(t, list.Groups, 1)
	require.Equal(t, []string{"rule files are not shown: nobody answers"}, list.Warnings)
}

func TestCatalogAwayForRules(t *testing.T) {
	f := newFixture(t)
	f.cat.read = storage.ErrUnavailable
	require.Equal(t, 503, f.do("GET", "/rules", "").Code)
	f.cat.write = storage.ErrUnavailable
	require.Equal(t, 503, f.do("POST", "/rules", groupBody{YAML: simpleGroup}).Code)
	require.Empty(t, f.changes)
}
