// SPDX-License-Identifier: Apache-2.0

// Package openapi makes the OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.0) of tables of routes. Schemas come from the Go types of bodies and
// answers, as encoding/json writes them.
package openapi

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/danielgtaylor/huma/v2"

	"github.com/strata-apm/strata/internal/httpx"
)

const (
	jsonType   = "application/json"
	schemasRef = "#/components/schemas/"
)

// Document describes the routes. Every answer of JSON has a schema; a route without Answer whose success has a body of JSON is an error.
func Document(routes []httpx.Route) (*huma.OpenAPI, error) {
	types := huma.NewMapRegistry(schemasRef, namer(formNames(routes)))
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Strata", Version: "1",
			Description: "Times in a request are RFC 3339 or Unix seconds. Lists page by cursor.",
		},
		Servers:  []*huma.Server{{URL: "/api/v1"}},
		Security: []map[string][]string{{}, {"key": {}}, {"session": {}}},
		Paths:    map[string]*huma.PathItem{},
		Components: &huma.Components{
			Schemas: types,
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"key":     {Type: "http", Scheme: "bearer", Description: "an API key, strata_…"},
				"session": {Type: "apiKey", In: "cookie", Name: "strata_session"},
			},
		},
	}
	for _, rt := range routes {
		op, err := operation(types, rt)
		if err != nil {
			return nil, fmt.Errorf("describe %s %s: %w", rt.Method, rt.Path, err)
		}
		if doc.Paths[rt.Path] == nil {
			doc.Paths[rt.Path] = &huma.PathItem{}
		}
		if err := place(doc.Paths[rt.Path], rt.Method, op); err != nil {
			return nil, fmt.Errorf("describe %s %s: %w", rt.Method, rt.Path, err)
		}
	}
	for _, rt := range routes {
		if err := describeVariant(types, rt.Variant); err != nil {
			return nil, fmt.Errorf("describe %s %s: %w", rt.Method, rt.Path, err)
		}
	}
	for name, s := range types.Map() {
		settle(types.TypeFromRef(schemasRef+name), s)
	}
	return doc, nil
}

func place(item *huma.PathItem, method string, op *huma.Operation) error {
	slot := map[string]**huma.Operation{http.MethodGet: &item.Get, http.MethodPost: &item.Post, http.MethodPut: &item.Put, http.MethodDelete: &item.Delete}[method]
	switch {
	case slot == nil:
		return fmt.Errorf("method %q is none of GET, POST, PUT, DELETE", method)
	case *slot != nil:
		return errors.New("the route is there twice")
	}
	*slot = op
	return nil
}

func operation(types huma.Registry, rt httpx.Route) (*huma.Operation, error) {
	op := &huma.Operation{Summary: rt.Summary, Tags: []string{rt.Tag}, Responses: map[string]*huma.Response{}}
	if rt.Permission != httpx.Public {
		op.Description = "Needs a key or session of scope " + string(rt.Permission) + "."
	}
	for part := range strings.SplitSeq(rt.Path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			op.Parameters = append(op.Parameters, &huma.Param{Name: strings.TrimSuffix(name, "}"), In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}})
		}
	}
	for _, p := range rt.Params {
		op.Parameters = append(op.Parameters, &huma.Param{Name: p.Name, In: "query", Description: p.Description, Schema: paramSchema(p)})
	}
	if rt.Body != nil {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{jsonType: {Schema: types.Schema(reflect.TypeOf(rt.Body), true, "")}}}
	}
	ok := &huma.Response{Description: http.StatusText(rt.Success())}
	switch {
	case rt.ContentType != "":
		ok.Content = map[string]*huma.MediaType{rt.ContentType: {Schema: &huma.Schema{Type: huma.TypeString}}}
	case rt.Answer != nil:
		ok.Content = map[string]*huma.MediaType{jsonType: {Schema: types.Schema(reflect.TypeOf(rt.Answer), true, "")}}
	case rt.Success() < http.StatusNoContent:
		return nil, errors.New("the answer has no type")
	}
	op.Responses[strconv.Itoa(rt.Success())] = ok
	op.Responses["default"] = &huma.Response{Description: "an error", Content: map[string]*huma.MediaType{
		jsonType: {Schema: types.Schema(reflect.TypeFor[httpx.ErrorAnswer](), true, "")},
	}}
	return op, nil
}

func paramSchema(p httpx.Param) *huma.Schema {
	if p.Integer {
		one := 1.0
		return &huma.Schema{Type: huma.TypeInteger, Minimum: &one}
	}
	s := &huma.Schema{Type: huma.TypeString}
	for _, v := range p.OneOf {
		s.Enum = append(s.Enum, v)
	}
	return s
}

// formNames names the forms of fields that vary: the form webhook of a field config is WebhookConfig.
func formNames(routes []httpx.Route) map[reflect.Type]string {
	names := map[reflect.Type]string{}
	for _, rt := range routes {
		if rt.Variant == nil {
			continue
		}
		for by, form := range rt.Variant.Forms {
			names[reflect.TypeOf(form)] = capital(by) + capital(rt.Variant.Field)
		}
	}
	return names
}

// describeVariant says which forms a field may have, and which values the field beside it.
func describeVariant(types huma.Registry, v *httpx.Variant) error {
	if v == nil {
		return nil
	}
	field, by := &huma.Schema{Description: "its keys are those of the " + v.By}, &huma.Schema{Type: huma.TypeString}
	for _, value := range slices.Sorted(maps.Keys(v.Forms)) {
		field.AnyOf = append(field.AnyOf, types.Schema(reflect.TypeOf(v.Forms[value]), true, ""))
		by.Enum = append(by.Enum, value)
	}
	for _, in := range v.In {
		t := reflect.TypeOf(in)
		s := types.SchemaFromRef(types.Schema(t, true, "").Ref)
		if s.Properties[v.Field] == nil || s.Properties[v.By] == nil {
			return fmt.Errorf("%s has not both %s and %s", t, v.Field, v.By)
		}
		s.Properties[v.Field], s.Properties[v.By] = field, by
	}
	return nil
}

// settle makes the schema of a type say what the API promises: lists are never null, a pointer to an object may be, and an answer may gain fields.
func settle(t reflect.Type, s *huma.Schema) {
	switch s.Type {
	case huma.TypeArray:
		s.Nullable = false
		if s.Items != nil {
			settle(nil, s.Items)
		}
	case huma.TypeObject:
		if allowed, ok := s.AdditionalProperties.(bool); ok && !allowed {
			s.AdditionalProperties = nil
		}
		if of, ok := s.AdditionalProperties.(*huma.Schema); ok {
			settle(nil, of)
		}
		for name, p := range s.Properties {
			settle(nil, p)
			if p.Ref != "" && t != nil && isPointer(t, name) {
				s.Properties[name] = &huma.Schema{OneOf: []*huma.Schema{{Ref: p.Ref}, {Type: "null"}}}
			}
		}
	}
}

// isPointer says whether the field that JSON calls name is a pointer.
func isPointer(t reflect.Type, name string) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return false
	}
	for _, f := range reflect.VisibleFields(t) {
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag == name {
			return f.Type.Kind() == reflect.Pointer
		}
	}
	return false
}

// namer names the schema of a type as given, else by the type's name; the package's name goes before it where two types have one name.
func namer(given map[reflect.Type]string) func(reflect.Type, string) string {
	taken := map[string]reflect.Type{}
	return func(t reflect.Type, hint string) string {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if name, ok := given[t]; ok {
			return name
		}
		name := t.Name()
		if name == "" {
			name = hint
		}
		name = capital(strings.NewReplacer("[", "", "]", "", ".", "", "/", "", "*", "").Replace(name))
		if was, ok := taken[name]; ok && was != t {
			path := strings.Split(t.PkgPath(), "/")
			name = capital(path[len(path)-1]) + name
		}
		taken[name] = t
		return name
	}
}

func capital(s string) string {
	r := []rune(s)
	if len(r) > 0 {
		r[0] = unicode.ToUpper(r[0])
	}
	return string(r)
}
