// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

type fieldsAnswer struct {
	Fields   []fieldAnswer `json:"fields"`
	Warnings []string      `json:"warnings"`
}

type fieldAnswer struct {
	Name string           `json:"name"`
	Type search.FieldType `json:"type"`
}

func signalOf(r *http.Request) (signal.Signal, error) {
	s, err := httpx.Choice(r, "signal", string(signal.Traces), string(signal.Logs))
	return signal.Signal(s), err
}

// fields lists the builtin fields and the attribute keys that begin with the prefix. An attribute without a dot in its key is
// written attr.key, since a plain word is taken for a builtin.
func (a *API) fields(r *http.Request) (any, error) {
	signal, err := signalOf(r)
	if err != nil {
		return nil, err
	}
	rng, err := httpx.Range(r, a.now())
	if err != nil {
		return nil, err
	}
	prefix := r.URL.Query().Get("prefix")
	answer := fieldsAnswer{Fields: []fieldAnswer{}, Warnings: []string{}}
	for _, f := range search.Fields(signal) {
		if strings.HasPrefix(f.Name, prefix) {
			answer.Fields = append(answer.Fields, fieldAnswer(f))
		}
	}
	keyPrefix, explicit := strings.CutPrefix(prefix, "attr.")
	keys, err := a.opts.Fields.AttributeKeys(r.Context(), storage.FieldQuery{Tenant: tenant.FromContext(r.Context()), Signal: signal, Text: keyPrefix, Range: rng})
	if err != nil {
		return nil, err
	}
	if len(keys) == storage.MaxFieldKeys {
		answer.Warnings = append(answer.Warnings, fmt.Sprintf("there may be more than %d keys: type on", storage.MaxFieldKeys))
	}
	for _, k := range keys {
		if explicit || !strings.Contains(k, ".") {
			k = "attr." + k
		}
		answer.Fields = append(answer.Fields, fieldAnswer{Name: k, Type: search.TypeString})
	}
	return answer, nil
}

type valuesAnswer struct {
	Values   []string `json:"values"`
	Warnings []string `json:"warnings"`
}

func (a *API) fieldValues(r *http.Request) (any, error) {
	signal, err := signalOf(r)
	if err != nil {
		return nil, err
	}
	rng, err := httpx.Range(r, a.now())
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	name, prefix := q.Get("field"), q.Get("prefix")
	if name == "" {
		return nil, httpx.BadRequest("field is missing")
	}
	if values, ok := fixedValues(name); ok {
		return valuesAnswer{Values: slices.DeleteFunc(values, func(v string) bool { return !strings.Contains(v, strings.ToLower(prefix)) }), Warnings: []string{}}, nil
	}
	field, err := search.ResolveField(signal, name)
	if err != nil {
		return nil, err
	}
	values, err := a.opts.Fields.FieldValues(r.Context(), storage.FieldQuery{Tenant: tenant.FromContext(r.Context()), Signal: signal, Text: prefix, Range: rng}, field)
	if err != nil {
		return nil, err
	}
	answer := valuesAnswer{Values: orEmpty(values), Warnings: []string{}}
	if len(values) == storage.MaxFieldValues {
		answer.Warnings = append(answer.Warnings, fmt.Sprintf("there may be more than %d values: type on", storage.MaxFieldValues))
	}
	return answer, nil
}

// fixedValues are those of fields that have a few known ones.
func fixedValues(field string) ([]string, bool) {
	switch field {
	case "error", search.FieldRoot:
		return []string{"true", "false"}, true
	case search.FieldLevel:
		return []string{"trace", "debug", "info", "warn", "error", "fatal"}, true
	case search.FieldStatus:
		return []string{"ok", "error", "unset", "2xx", "3xx", "4xx", "5xx"}, true
	case search.FieldKindOfSpan:
		return []string{"server", "client", "internal", "producer", "consumer"}, true
	case search.FieldDuration:
		return []string{"1ms", "10ms", "100ms", "500ms", "1s", "5s"}, true
	default:
		return nil, false
	}
}
