// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/stretchr/testify/require"
)

// answer is one of Prometheus' /api/v1/rules.
const answer = `{"status":"success","data":{"groups":[
{"name":"shop","file":"api/1","interval":0.05,"limit":3,"lastEvaluation":"2026-01-02T03:04:05Z","evaluationTime":0.1,"rules":[
 {"type":"alerting","name":"A","query":"up == 0","duration":90,"keepFiringFor":60,"labels":{"severity":"page"},"annotations":{"s":"x"},"state":"firing",
  "alerts":[{"state":"firing","value":"1"},{"state":"pending","value":"2"}]},
 {"type":"recording","name":"r","query":"sum(up)"}]},
{"name":"empty","file":"/etc/r.yml","interval":60,"lastEvaluation":"0001-01-01T00:00:00Z","rules":[]}]}}`

func TestParseGroups(t *testing.T) {
	groups, err := ParseGroups([]byte(answer))
	require.NoError(t, err)
	require.Len(t, groups, 2)
	require.Equal(t, "api/1", groups[0].File)
	require.Equal(t, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), groups[0].LastEvaluation)
	require.Equal(t, rulefmt.RuleGroup{Name: "shop", Interval: model.Duration(50 * time.Millisecond), Limit: 3, Rules: []rulefmt.Rule{
		{
			Alert: "A", Expr: "up == 0", For: model.Duration(90 * time.Second), KeepFiringFor: model.Duration(time.Minute),
			Labels: map[string]string{"severity": "page"}, Annotations: map[string]string{"s": "x"},
		},
		{Record: "r", Expr: "sum(up)"},
	}}, groups[0].Group)
	require.True(t, groups[1].LastEvaluation.IsZero())

	again, err := json.Marshal(groups[0])
	require.NoError(t, err)
	require.Contains(t, string(again), `"evaluationTime":0.1`, "what this program does not know stays")
	_, err = json.Marshal(EvaluatedGroup{Group: rulefmt.RuleGroup{Name: "made here"}})
	require.ErrorContains(t, err, "made here")
}

func TestParseGroupsRefuses(t *testing.T) {
	for body, want := range map[string]string{
		``:  "read rules",
		`{`: "read rules",
		`{"status":"error","error":"no such thing"}`:                              `status "error": no such thing`,
		`{"status":"success","data":{"groups":[7]}}`:                              "read rule group",
		`{"status":"success","data":{"groups":[{"lastEvaluation":"yesterday"}]}}`: "read rule group",
	} {
		_, err := ParseGroups([]byte(body))
		require.ErrorContains(t, err, want, body)
	}
	groups, err := ParseGroups([]byte(`{"status":"success","data":{"groups":[]}}`))
	require.NoError(t, err)
	require.Empty(t, groups)
}

// TestMergeGroups: of a group that several copies have loaded, the answer of the one that evaluates it counts.
func TestMergeGroups(t *testing.T) {
	at := func(file, name string, seconds int64, limit int) EvaluatedGroup {
		g := EvaluatedGroup{File: file, Group: rulefmt.RuleGroup{Name: name, Limit: limit}}
		if seconds > 0 {
			g.LastEvaluation = time.Unix(seconds, 0)
		}
		return g
	}
	got := MergeGroups(
		[]EvaluatedGroup{at("b.yml", "g", 10, 1), at("a.yml", "g", 0, 1), at("a.yml", "f", 20, 1)},
		nil,
		[]EvaluatedGroup{at("b.yml", "g", 11, 2), at("a.yml", "g", 0, 2), at("a.yml", "f", 19, 2)},
	)
	require.Equal(t, []EvaluatedGroup{at("a.yml", "f", 20, 1), at("a.yml", "g", 0, 1), at("b.yml", "g", 11, 2)}, got)
	require.Empty(t, MergeGroups())
}

func TestAlertsOf(t *testing.T) {
	groups, err := ParseGroups([]byte(answer))
	require.NoError(t, err)
	alerts, err := AlertsOf(groups)
	require.NoError(t, err)
	require.Len(t, alerts, 2)
	require.JSONEq(t, `{"state":"pending","value":"2"}`, string(alerts[1]))
	none, err := AlertsOf(nil)
	require.NoError(t, err)
	b, err := json.Marshal(none)
	require.NoError(t, err)
	require.Equal(t, "[]", string(b), "a list is never null")
	_, err = AlertsOf([]EvaluatedGroup{{Group: rulefmt.RuleGroup{Name: "bad"}, raw: json.RawMessage(`{"rules":7}`)}})
	require.ErrorContains(t, err, "bad")
}
