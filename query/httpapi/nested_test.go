// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

// Maps and lists come as JSON too, with every digit; what only looks like JSON stays text.
func TestNestedAttributes(t *testing.T) {
	attributes := map[string]string{
		"map": `{"id":9007199254740993,"in":{"x":["a"]}}`, "list": `[18446744073709551615]`, "text": "{not json", "plain": "x", "empty": "", "brace": "{",
	}
	scope := storage.Scope{Name: "lib", SchemaURL: "https://s", Attributes: map[string]string{"k": "v"}}
	for name, answer := range map[string]any{
		"log":  logOf(&storage.Log{Attributes: attributes, Scope: scope, ResourceSchemaURL: "https://r", Flags: 1}),
		"span": spanOf(&storage.Span{Attributes: attributes, ResourceSchemaURL: "https://r", Flags: 1}, time.Time{}),
	} {
		b, err := json.Marshal(answer)
		require.NoError(t, err)
		var got struct {
			Attributes     map[string]string          `json:"attributes"`
			Nested         map[string]json.RawMessage `json:"nested"`
			Flags          int                        `json:"flags"`
			ResourceSchema string                     `json:"resource_schema_url"`
		}
		require.NoError(t, json.Unmarshal(b, &got))
		require.Equal(t, attributes, got.Attributes, name)
		require.Equal(t, map[string]json.RawMessage{"map": json.RawMessage(attributes["map"]), "list": json.RawMessage(attributes["list"])}, got.Nested, name)
		require.Equal(t, 1, got.Flags)
		require.Equal(t, "https://r", got.ResourceSchema)
	}
	require.Equal(t, scopeAnswer{Name: "lib", SchemaURL: "https://s", Attributes: map[string]string{"k": "v"}}, scopeOf(scope))
}
