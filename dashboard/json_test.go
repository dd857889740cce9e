// SPDX-License-Identifier: Apache-2.0

package dashboard_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/dashboard"
)

// text is a dashboard as files and answers have it, with every field of the model.
const text = `{
  "name": "web-1",
  "title": "Web",
  "variables": [
    {
      "name": "instance",
      "kind": "text"
    },
    {
      "name": "window",
      "kind": "window"
    }
  ],
  "figures": [
    {
      "title": "Requests",
      "unit": "rate",
      "expr": "sum by (instance) (rate(a{b=~\"x$\"}[2m]))"
    }
  ],
  "panels": [
    {
      "id": "requests",
      "title": "Requests",
      "unit": "rate",
      "kind": "area",
      "queries": [
        {
          "expr": "rate(a{instance=\"$instance\",b=~\"x$\"}[$window])",
          "legend": "requests"
        },
        {
          "source": "promql",
          "expr": "b",
          "color": "error"
        }
      ]
    },
    {
      "id": "latency",
      "title": "Latency",
      "unit": "s",
      "kind": "line",
      "queries": [
        {
          "source": "service",
          "expr": "p95",
          "service": "$instance"
        }
      ],
      "needs": "spans"
    }
  ]
}`

// TestForm: the names of the fields are what other people's files have.
func TestForm(t *testing.T) {
	got, err := json.MarshalIndent(valid(), "", "  ")
	require.NoError(t, err)
	require.JSONEq(t, text, string(got))
	d, err := dashboard.Parse([]byte(text))
	require.NoError(t, err)
	require.Equal(t, valid(), d)
}

// TestParseIsStrict: a misspelled field is an error at every level, and a value of another type is one that names the field.
func TestParseIsStrict(t *testing.T) {
	for old, replaced := range map[string]string{
		`"title": "Web"`:                       `"title": "Web", "titel": "Web"`,
		`"kind": "window"`:                     `"kind": "window", "default": "1m"`,
		`"title": "Requests",` + "\n      \"u": `"title": "Requests", "colour": "red", "u`,
		`"needs": "spans"`:                     `"needs": "spans", "width": 6`,
		`"legend": "requests"`:                 `"legend": "requests", "refId": "A"`,
	} {
		changed := strings.Replace(text, old, replaced, 1)
		require.NotEqual(t, text, changed, old)
		_, err := dashboard.Parse([]byte(changed))
		require.ErrorContains(t, err, "unknown field", replaced)
	}
	for old, replaced := range map[string]string{`"name": "web-1"`: `"name": 1`, `"expr": "b"`: `"expr": ["b"]`, `"kind": "area"`: `"kind": null, "kind": {}`} {
		_, err := dashboard.Parse([]byte(strings.Replace(text, old, replaced, 1)))
		require.ErrorContains(t, err, "read dashboard", replaced)
	}
}

// FuzzParse: whatever is read is valid, and the same when it is written and read again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(text))
	f.Add([]byte(`{"name":"a","title":"A","panels":[{"id":"p","title":"P","unit":"s","kind":"line","queries":[{"expr":"up"}]}]}`))
	f.Add([]byte(`{"name":"a","panels":null}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, in []byte) {
		d, err := dashboard.Parse(in)
		if err != nil {
			require.Zero(t, d)
			return
		}
		require.NoError(t, d.Validate())
		out, err := json.Marshal(d)
		require.NoError(t, err)
		again, err := dashboard.Parse(out)
		require.NoError(t, err)
		require.Equal(t, d, again)
	})
}
