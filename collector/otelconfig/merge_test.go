// SPDX-License-Identifier: Apache-2.0

package otelconfig

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

// TestMerge: what "raw" says lies over what was generated.
func TestMerge(t *testing.T) {
	for name, tc := range map[string]struct{ base, over, want object }{
		"nothing":                     {object{"a": 1}, nil, object{"a": 1}},
		"a new key":                   {object{"a": 1}, object{"b": 2}, object{"a": 1, "b": 2}},
		"a scalar":                    {object{"a": 1}, object{"a": 2}, object{"a": 2}},
		"objects":                     {object{"a": object{"b": 1, "c": 2}}, object{"a": object{"c": 3, "d": 4}}, object{"a": object{"b": 1, "c": 3, "d": 4}}},
		"null removes":                {object{"a": 1, "b": 2}, object{"a": nil}, object{"b": 2}},
		"null removes an object":      {object{"a": object{"b": 1}}, object{"a": nil}, object{}},
		"null within an object":       {object{"a": object{"b": 1, "c": 2}}, object{"a": object{"b": nil}}, object{"a": object{"c": 2}}},
		"null of nothing":             {object{}, object{"a": nil}, object{}},
		"an object over a scalar":     {object{"a": 1}, object{"a": object{"b": 2}}, object{"a": object{"b": 2}}},
		"a scalar over an object":     {object{"a": object{"b": 2}}, object{"a": 1}, object{"a": 1}},
		"an empty object over one":    {object{"a": object{"b": 2}}, object{"a": object{}}, object{"a": object{"b": 2}}},
		"lists are replaced":          {object{"a": list{1, 2}}, object{"a": list{3}}, object{"a": list{3}}},
		"an empty list":               {object{"a": list{1}}, object{"a": list{}}, object{"a": list{}}},
		"extensions are added":        {object{"service": object{"extensions": list{1}}}, object{"service": object{"extensions": list{2}}}, object{"service": object{"extensions": list{1, 2}}}},
		"the first extensions":        {object{"service": object{}}, object{"service": object{"extensions": list{2}}}, object{"service": object{"extensions": list{2}}}},
		"extensions that are no list": {object{"service": object{"extensions": list{1}}}, object{"service": object{"extensions": 2}}, object{"service": object{"extensions": 2}}},
		"extensions elsewhere":        {object{"extensions": list{1}}, object{"extensions": list{2}}, object{"extensions": list{2}}},
		"deeper extensions":           {object{"a": object{"service": object{"extensions": list{1}}}}, object{"a": object{"service": object{"extensions": list{2}}}}, object{"a": object{"service": object{"extensions": list{2}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			merge(tc.base, tc.over)
			require.Equal(t, tc.want, tc.base)
		})
	}
}

// TestMergeLeavesOver: the configuration that "raw" is part of is used again at the next reload.
func TestMergeLeavesOver(t *testing.T) {
	over := object{"service": object{"extensions": list{"mine"}}}
	for range 2 {
		base := object{"service": object{"extensions": list{"ours"}}}
		merge(base, over)
		require.Equal(t, list{"ours", "mine"}, at(t, base, "service", "extensions"))
	}
	require.Equal(t, object{"service": object{"extensions": list{"mine"}}}, over)
}

func TestEscape(t *testing.T) {
	for _, tc := range []struct{ in, want any }{
		{object{"a": list{"x$", "${env:HOME}", 1}}, object{"a": list{"x$$", "$${env:HOME}", 1}}},
		{"$$", "$$$$"},
		{object{"$key": "v"}, object{"$key": "v"}},
		{nil, nil},
		{true, true},
		{list{}, list{}},
	} {
		require.Equal(t, tc.want, escape(tc.in))
	}
}

// testProvider is a provider as the collector's loader gets it, and what it logs.
type testProvider struct {
	confmap.Provider
	log *bytes.Buffer
}

func newTestProvider(t *testing.T, load func() (map[string]any, error)) testProvider {
	t.Helper()
	log := new(bytes.Buffer)
	p := testProvider{NewProviderFactory(slog.New(slog.NewTextHandler(log, nil)), load).Create(confmap.ProviderSettings{}), log}
	require.Equal(t, ProviderScheme, p.Scheme())
	return p
}

func (p testProvider) retrieve(t *testing.T) (any, error) {
	t.Helper()
	got, err := p.Retrieve(t.Context(), ProviderScheme+":agent", nil)
	if err != nil {
		return nil, err
	}
	raw, err := got.AsRaw()
	require.NoError(t, err)
	return raw, nil
}
