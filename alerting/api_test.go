// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/alerting/webhook"
)

func TestRulesAPI(t *testing.T) {
	f := newFixture(t)
	f.start()
	id := f.group(simpleGroup)
	require.NotNil(t, f.rule("Broken"), "effective when the call returns")
	require.Equal(t, 409, f.do("POST", "/rules", map[string]string{"yaml": simpleGroup}).Code)
	list := decode[struct {
		Groups   []groupJSON
		Warnings []string
	}](t, f.do("GET", "/rules", ""))
	require.Len(t, list.Groups, 1)
	g := list.Groups[0]
	require.Equal(t, []string{"shop", "api", "api/" + id, "50ms", simpleGroup}, []string{g.Name, g.Source, g.File, g.Interval, g.YAML})
	require.Empty(t, list.Warnings)

	w := f.do("PUT", "/rules/"+id, map[string]string{"yaml": "name: shop2\nrules:\n- {alert: Other, expr: up == 0}\n"})
	require.Equal(t, 200, w.Code, w.Body)
	require.Nil(t, f.rule("Broken"))
	require.NotNil(t, f.rule("Other"))
	require.Equal(t, 404, f.do("PUT", "/rules/none", map[string]string{"yaml": simpleGroup}).Code)
	require.Equal(t, 204, f.do("DELETE", "/rules/"+id, "").Code)
	require.Nil(t, f.rule("Other"))
	require.Equal(t, 404, f.do("DELETE", "/rules/"+id, "").Code)
}

func TestRulesAPIRefuses(t *testing.T) {
	f := newFixture(t)
	for _, tc := range []struct{ yaml, want string }{
		{"", "expected one group, found 0"},
		{"name: a\n", "no rules"},
		{"name: a\nrules:\n- alert: X\n  expr: sum(\n", "line 4: group \"a\", rule 1, \"X\": could not parse expression"},
		{"name: a\nrules:\n- alert: X\n  expr: up\n  colour: red\n", "line 5: field colour not found"},
		{"# comment\n\nname: a\nrules:\n- record: 'a b{}'\n  expr: up\n", "line 5: group \"a\", rule 1"},
		{"name: [", "line 1"},
		{"name: a\nrules:\n- alert: X\n  expr: up\n  annotations: {s: '{{ .x'}\n", "template"},
		{"groups:\n- {name: a, rules: [{alert: X, expr: up}]}\n- {name: b, rules: [{alert: X, expr: up}]}\n", "expected one group, found 2"},
		{"name: a\nrules:\n- alert: X\n  record: y\n  expr: up\n", "only one of"},
		{"name: " + strings.Repeat("x", maxGroupYAML), "more than"},
	} {
		w := f.do("POST", "/rules", map[string]string{"yaml": tc.yaml})
		require.Equal(t, 400, w.Code, tc.yaml)
		e := decode[struct {
			Error struct{ Code, Message string }
		}](t, w)
		require.Equal(t, "bad_request", e.Error.Code)
		require.Contains(t, e.Error.Message, tc.want)
	}
	require.Equal(t, 400, f.do("POST", "/rules", "{").Code)
	require.Equal(t, 400, f.do("POST", "/rules", `{"yml":""}`).Code)
}

func TestParseGroupWholeFile(t *testing.T) {
	g, err := parseGroup("groups:\n- name: a\n  rules: [{alert: X, expr: up}]\n", parser.NewParser(parser.Options{}))
	require.NoError(t, err)
	require.Equal(t, "a", g.Name)
}

func TestRulesWithNamesOutsideASCII(t *testing.T) {
	g, err := parseGroup(`
name: 订单
rules:
- {record: "订单:总", expr: 'sum by ("地区") (rate({"订单数量", "地区"!=""}[5m]))', labels: {区: 东}}
- {alert: 订单太少, expr: '{"订单:总", "地区"="华东"} < 1', annotations: {summary: '{{ $labels.地区 }}: {{ index $labels "地区" }}'}}
`, parser.NewParser(parser.Options{}))
	require.NoError(t, err)
	require.Equal(t, "订单:总", g.Rules[0].Record)
	require.Equal(t, "东", g.Rules[0].Labels["区"])
	require.Len(t, g.Rules, 2)
}

func FuzzParseGroup(f *testing.F) {
	f.Add(simpleGroup)
	f.Add("groups:\n- name: a\n  rules: [{record: x, expr: up}]\n")
	f.Add("name: a\nrules:\n- expr: |\n    sum(\n")
	p := parser.NewParser(parser.Options{})
	f.Fuzz(func(t *testing.T, text string) {
		g, err := parseGroup(text, p)
		if err == nil {
			require.NotEmpty(t, g.Rules)
		}
	})
}

func TestRuleFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	f := newFixture(t, func(o *Options) { o.RuleFiles = []string{filepath.Join(dir, "*.yml"), "["} })
	good := write("good.yml", "groups:\n- {name: g, rules: [{alert: One, expr: up == 0}]}\n")
	write("broken.yml", "groups: [")
	f.start()
	f.eventually("loaded", func() bool { return f.rule("One") != nil })
	list := decode[struct {
		Groups   []groupJSON
		Warnings []string
	}](t, f.do("GET", "/rules", ""))
	require.Len(t, list.Groups, 1)
	require.Equal(t, "file", list.Groups[0].Source)
	require.Equal(t, good, list.Groups[0].File)
	require.Len(t, list.Warnings, 2, "the broken file and the broken pattern: %v", list.Warnings)
	require.Equal(t, 409, f.do("DELETE", "/rules/"+list.Groups[0].ID, "").Code)
	require.Equal(t, 409, f.do("PUT", "/rules/"+list.Groups[0].ID, map[string]string{"yaml": simpleGroup}).Code)

	write("good.yml", "groups:\n- {name: g, rules: [{alert: Two, expr: up == 0}]}\n")
	f.eventually("a change is seen", func() bool { return f.rule("Two") != nil && f.rule("One") == nil })
	write("good.yml", "groups:\n- {name: g, rules: [{alert: Three, expr: (}]}\n")
	f.eventually("a mistake is reported", func() bool { return len(f.loader.warnings()) == 3 })
	require.NotNil(t, f.rule("Two"), "and the last good rules stay")
	f.group(simpleGroup)
	require.NotNil(t, f.rule("Broken"), "nor does it stop the API")
	require.NoError(t, os.Remove(good))
	f.eventually("a removed file is gone", func() bool { return f.rule("Two") == nil })
}

// TestBuiltInRules: what comes with the program is evaluated, listed, and cannot be changed.
func TestBuiltInRules(t *testing.T) {
	f := newFixture(t, func(o *Options) {
		o.BuiltIn = map[string]string{"redis": "groups:\n- {name: redis, rules: [{alert: RedisDown, expr: up == 0}]}\n"}
	})
	f.start()
	f.eventually("loaded", func() bool { return f.rule("RedisDown") != nil })
	list := decode[struct{ Groups []groupJSON }](t, f.do("GET", "/rules", ""))
	require.Len(t, list.Groups, 1)
	require.Equal(t, []string{"builtin", "builtin:redis"}, []string{list.Groups[0].Source, list.Groups[0].File})
	require.Equal(t, 409, f.do("DELETE", "/rules/"+list.Groups[0].ID, "").Code)
}

func TestNotifiersAPI(t *testing.T) {
	f, s := newFixture(t), newSink(t)
	f.start()
	for _, body := range []string{
		`{"name":"","url":"https://x.example"}`,
		`{"name":"a","type":"pigeon","url":"https://x.example"}`,
		`{"name":"a","url":"http://127.0.0.1/"}`,
		`{"name":"a","url":"http://169.254.169.254/"}`,
		`{"name":"a","url":"http://[::1]/"}`,
		`{"name":"a","url":"http://[::ffff:10.0.0.1]/"}`,
		`{"name":"a","url":"ftp://x.example"}`,
		`{"name":"a","url":"https://x.example","secret":"short"}`,
		`{"name":"a","url":"https://x.example","colour":"red"}`,
	} {
		require.Equal(t, 400, f.do("POST", "/notifiers", body).Code, body)
	}
	id := f.webhook("n", s.URL, "secret", "0123456789abcdef")
	require.Equal(t, 409, f.do("POST", "/notifiers", `{"name":"n","url":"https://x.example"}`).Code)
	w := f.do("GET", "/notifiers", "")
	require.NotContains(t, w.Body.String(), "0123456789abcdef")
	n := f.notifier(id)
	require.True(t, n.SecretSet)
	require.Equal(t, "never", n.LastStatus)
	require.Contains(t, w.Body.String(), `"last_attempt":null`)

	w = f.do("POST", "/notifiers/"+id+"/test", "")
	require.JSONEq(t, `{"ok":true,"status":200,"error":""}`, w.Body.String())
	require.Equal(t, webhook.StatusFiring, s.all()[0].message.Status)
	require.Equal(t, "ok", f.notifier(id).LastStatus)

	n.Name = "renamed"
	require.Equal(t, 200, f.do("PUT", "/notifiers/"+id, n).Code)
	require.True(t, f.notifier(id).SecretSet, "the secret stays")
	require.Equal(t, "renamed", f.notifier(id).Name)
	require.Equal(t, 200, f.do("PUT", "/notifiers/"+id, map[string]any{"name": "n", "url": s.URL, "allow_private": true, "secret": ""}).Code)
	require.False(t, f.notifier(id).SecretSet)
	require.Equal(t, 404, f.do("PUT", "/notifiers/none", n).Code)
	require.Equal(t, 404, f.do("POST", "/notifiers/none/test", "").Code)
	require.Equal(t, 204, f.do("DELETE", "/notifiers/"+id, "").Code)
	require.Equal(t, 404, f.do("DELETE", "/notifiers/"+id, "").Code)
}

// TestRefusedAtDial is row 51 through the whole pipeline: a name is only known to be loopback when it is dialled.
func TestRefusedAtDial(t *testing.T) {
	f, s := newFixture(t), newSink(t)
	f.start()
	w := f.do("POST", "/notifiers", map[string]any{"name": "n", "url": strings.Replace(s.URL, "127.0.0.1", "localhost", 1)})
	require.Equal(t, 201, w.Code, w.Body)
	id := decode[notifierJSON](t, w).ID
	test := decode[struct {
		OK    bool
		Error string
	}](t, f.do("POST", "/notifiers/"+id+"/test", ""))
	require.False(t, test.OK)
	require.Contains(t, test.Error, "not allowed")
	f.group(simpleGroup)
	f.sample(time.Now(), 1, "broken")
	f.eventually("failing and shown", func() bool { n := f.notifier(id); return n.LastStatus == "failing" && n.Pending == 1 })
	require.Empty(t, s.all())
}

// TestNewNotifierHears what fires already, without waiting for the next change.
func TestNewNotifierHears(t *testing.T) {
	f, s := newFixture(t), newSink(t)
	f.start()
	f.group(simpleGroup)
	f.sample(time.Now(), 1, "broken")
	f.eventually("fires", func() bool {
		r := f.rule("Broken")
		return r != nil && len(r.ActiveAlerts()) == 1 && !r.ActiveAlerts()[0].LastSentAt.IsZero()
	})
	f.webhook("late", s.URL)
	f.eventually("told", func() bool { return len(s.all()) == 1 })
}
