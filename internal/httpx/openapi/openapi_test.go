// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/httpx"
)

type part struct {
	X int `json:"x"`
}

type body struct {
	Kind   string          `json:"kind" enum:"a,b"`
	Config json.RawMessage `json:"config"`
	Part   *part           `json:"part"`
	List   []string        `json:"list"`
	At     *time.Time      `json:"at,omitempty"`
}

type round struct {
	R     float64 `json:"r" doc:"half of it"`
	Token string  `json:"token,omitempty" writeOnly:"true"`
}

type square struct {
	A float64 `json:"a"`
}

// described is the document as a client reads it.
type described struct {
	Paths      map[string]map[string]operationJSON
	Components struct{ Schemas map[string]schemaJSON }
}

type operationJSON struct {
	Summary, Description string
	Tags                 []string
	Parameters           []struct {
		Name, In string
		Required bool
		Schema   schemaJSON
	}
	RequestBody *struct {
		Content map[string]struct{ Schema schemaJSON }
	}
	Responses map[string]struct {
		Content map[string]struct{ Schema schemaJSON }
	}
}

type schemaJSON struct {
	Ref                  string `json:"$ref"`
	Type                 any
	Description          string
	Enum                 []string
	AnyOf, OneOf         []schemaJSON
	Properties           map[string]schemaJSON
	Required             []string
	Minimum              *float64
	WriteOnly            bool
	AdditionalProperties any
}

func document(t *testing.T, routes ...httpx.Route) described {
	t.Helper()
	doc, err := Document(routes)
	require.NoError(t, err)
	b, err := json.Marshal(doc)
	require.NoError(t, err)
	var out described
	require.NoError(t, json.Unmarshal(b, &out))
	return out
}

func TestDocument(t *testing.T) {
	doc := document(t,
		httpx.Route{
			Method: http.MethodPut, Path: "/things/{id}", Permission: httpx.Admin, Tag: "things", Summary: "Change a thing", Body: body{}, Answer: body{},
			Params: []httpx.Param{{Name: "limit", Integer: true}, {Name: "sort", OneOf: []string{"up", "down"}}},
		},
		httpx.Route{Method: http.MethodGet, Path: "/things/{id}", Permission: httpx.Public, Summary: "Watch", ContentType: "text/event-stream"},
		httpx.Route{Method: http.MethodDelete, Path: "/things/{id}", Status: http.StatusNoContent},
	)
	put := doc.Paths["/things/{id}"]["put"]
	require.Equal(t, []string{"Change a thing", "Needs a key or session of scope admin."}, []string{put.Summary, put.Description})
	require.Len(t, put.Parameters, 3)
	require.Equal(t, "path", put.Parameters[0].In)
	require.True(t, put.Parameters[0].Required)
	require.InDelta(t, 1, *put.Parameters[1].Schema.Minimum, 0)
	require.Equal(t, []string{"up", "down"}, put.Parameters[2].Schema.Enum)
	require.Equal(t, "#/components/schemas/Body", put.RequestBody.Content["application/json"].Schema.Ref)
	require.Contains(t, put.Responses, "default", "errors have a schema")
	get := doc.Paths["/things/{id}"]["get"]
	require.Empty(t, get.Description, "whoever asks")
	require.Contains(t, get.Responses["200"].Content, "text/event-stream")
	require.Empty(t, doc.Paths["/things/{id}"]["delete"].Responses["204"].Content)

	s := doc.Components.Schemas["Body"]
	require.ElementsMatch(t, []string{"kind", "config", "part", "list"}, s.Required)
	require.Equal(t, []string{"a", "b"}, s.Properties["kind"].Enum)
	require.Equal(t, "array", s.Properties["list"].Type, "a list is never null")
	require.Len(t, s.Properties["part"].OneOf, 2, "a pointer may be null")
	require.Nil(t, s.AdditionalProperties, "an answer may gain fields")
}

func TestVariant(t *testing.T) {
	v := &httpx.Variant{In: []any{body{}}, Field: "config", By: "kind", Forms: map[string]any{"round": round{}, "angular": square{}}}
	route := httpx.Route{Method: http.MethodPost, Path: "/things", Body: body{}, Answer: body{}, Variant: v}
	list := httpx.Route{Method: http.MethodGet, Path: "/things", Answer: struct {
		Things []body `json:"things"`
	}{}, Variant: v}
	doc := document(t, route, list)
	s := doc.Components.Schemas["Body"]
	require.Equal(t, []string{"angular", "round"}, s.Properties["kind"].Enum)
	require.Equal(t, []schemaJSON{{Ref: "#/components/schemas/AngularConfig"}, {Ref: "#/components/schemas/RoundConfig"}}, s.Properties["config"].AnyOf)
	form := doc.Components.Schemas["RoundConfig"]
	require.Equal(t, []string{"r"}, form.Required)
	require.Equal(t, "half of it", form.Properties["r"].Description)
	require.True(t, form.Properties["token"].WriteOnly)
	require.NotContains(t, doc.Components.Schemas, "Round", "a form has one name")
}

func TestDocumentRefuses(t *testing.T) {
	for want, routes := range map[string][]httpx.Route{
		"is none of GET, POST, PUT, DELETE": {{Method: http.MethodPatch, Path: "/x", Answer: body{}}},
		"the route is there twice":          {{Method: http.MethodGet, Path: "/x", Answer: body{}}, {Method: http.MethodGet, Path: "/x", Answer: body{}}},
		"the answer has no type":            {{Method: http.MethodGet, Path: "/x"}},
		"has not both config and colour": {{
			Method: http.MethodGet, Path: "/x", Answer: body{}, Variant: &httpx.Variant{In: []any{body{}}, Field: "config", By: "colour", Forms: map[string]any{"a": part{}}},
		}},
	} {
		_, err := Document(routes)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "/x")
	}
}
