// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// document is an OpenAPI 3.1 document, as far as it is used here.
type document struct {
	OpenAPI    string                          `json:"openapi"`
	Info       map[string]string               `json:"info"`
	Servers    []map[string]string             `json:"servers"`
	Security   []map[string][]string           `json:"security"`
	Paths      map[string]map[string]operation `json:"paths"`
	Components map[string]any                  `json:"components"`
}

type operation struct {
	Summary     string              `json:"summary"`
	Tags        []string            `json:"tags"`
	Parameters  []parameter         `json:"parameters,omitempty"`
	RequestBody map[string]any      `json:"requestBody,omitempty"`
	Responses   map[string]response `json:"responses"`
}

type parameter struct {
	Name        string         `json:"name"`
	In          string         `json:"in"`
	Required    bool           `json:"required,omitempty"`
	Description string         `json:"description,omitempty"`
	Schema      map[string]any `json:"schema"`
}

type response struct {
	Description string         `json:"description"`
	Content     map[string]any `json:"content,omitempty"`
}

// Document returns the OpenAPI document of everything below /api/v1.
func Document() any {
	doc := document{
		OpenAPI:  "3.1.0",
		Info:     map[string]string{"title": "Strata", "version": "1", "description": "Times in a request are RFC 3339 or Unix seconds. Lists page by cursor."},
		Servers:  []map[string]string{{"url": "/api/v1"}},
		Security: []map[string][]string{{}, {"key": {}}, {"session": {}}},
		Paths:    map[string]map[string]operation{},
		Components: map[string]any{
			"schemas": map[string]any{"Error": schemaOf(reflect.TypeFor[errorAnswer]())},
			"securitySchemes": map[string]any{
				"key":     map[string]string{"type": "http", "scheme": "bearer", "description": "an API key, strata_…"},
				"session": map[string]string{"type": "apiKey", "in": "cookie", "name": "strata_session"},
			},
		},
	}
	for _, rt := range routes() {
		if doc.Paths[rt.path] == nil {
			doc.Paths[rt.path] = map[string]operation{}
		}
		doc.Paths[rt.path][strings.ToLower(rt.method)] = rt.operation()
	}
	return doc
}

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) { WriteJSON(w, http.StatusOK, Document()) }

// route is one line of the table of routes.
type route struct {
	method, path, tag, summary string
	// params are names of the query's parameters, known to parameterOf.
	params string
	// body and answer are examples of the types; nil is a JSON object that its own package describes, or nothing.
	body, answer any
	// status is that of success.
	status int
	stream bool
}

func (rt route) operation() operation {
	op := operation{Summary: rt.summary, Tags: []string{rt.tag}, Responses: map[string]response{}}
	for part := range strings.SplitSeq(rt.path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			op.Parameters = append(op.Parameters, parameter{
				Name: strings.TrimSuffix(name, "}"), In: "path", Required: true, Schema: map[string]any{"type": "string"},
			})
		}
	}
	for name := range strings.FieldsSeq(rt.params) {
		op.Parameters = append(op.Parameters, parameterOf(name))
	}
	if rt.body != nil {
		op.RequestBody = map[string]any{"required": true, "content": jsonOf(schemaOf(reflect.TypeOf(rt.body)))}
	}
	ok := response{Description: "success"}
	switch {
	case rt.stream:
		ok.Content = map[string]any{"text/event-stream": map[string]any{"schema": map[string]any{"type": "string"}}}
	case rt.answer != nil:
		ok.Content = jsonOf(schemaOf(reflect.TypeOf(rt.answer)))
	case rt.status != http.StatusNoContent:
		ok.Content = jsonOf(map[string]any{"type": "object"})
	}
	op.Responses[strconv.Itoa(rt.status)] = ok
	op.Responses["default"] = response{Description: "an error", Content: jsonOf(map[string]any{"$ref": "#/components/schemas/Error"})}
	return op
}

func jsonOf(schema map[string]any) map[string]any {
	return map[string]any{"application/json": map[string]any{"schema": schema}}
}

func parameterOf(name string) parameter {
	text := map[string]any{"type": "string"}
	number := map[string]any{"type": "integer", "minimum": 1}
	p := parameter{Name: name, In: "query", Schema: text}
	switch name {
	case "start":
		p.Description = "RFC 3339 or Unix seconds; default: an hour before end"
	case "end":
		p.Description = "RFC 3339 or Unix seconds; default: now"
	case "query":
		p.Description = "the search language"
	case "cursor":
		p.Description = "next_cursor of the page before"
	case "env":
		p.Description = "one environment only"
	case "limit", "points", "buckets":
		p.Schema = number
	case "signal":
		p.Schema = map[string]any{"type": "string", "enum": []string{"traces", "logs"}}
	case "sort":
		p.Schema = map[string]any{"type": "string", "enum": []string{"newest", "slowest"}}
	case "state":
		p.Schema = map[string]any{"type": "string", "enum": []string{"online", "late", "offline", "stopped"}}
	case "order":
		p.Schema = map[string]any{"type": "string", "enum": []string{"desc", "asc"}}
	}
	return p
}

// schemaOf describes a Go type as encoding/json writes it.
func schemaOf(t reflect.Type) map[string]any {
	if t == reflect.TypeFor[time.Time]() {
		return map[string]any{"type": "string", "format": "date-time"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		s := schemaOf(t.Elem())
		if typ, ok := s["type"].(string); ok {
			s["type"] = []string{typ, "null"}
		}
		return s
	case reflect.Struct:
		properties, required := map[string]any{}, []string{}
		for f := range t.Fields() {
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" || name == "-" {
				continue
			}
			properties[name] = schemaOf(f.Type)
			if options != "omitempty" {
				required = append(required, name)
			}
		}
		return map[string]any{"type": "object", "properties": properties, "required": required}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer"}
	default:
		return map[string]any{}
	}
}
