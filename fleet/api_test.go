// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

func TestAgentJSONOfStoredTexts(t *testing.T) {
	for _, c := range []struct{ health, board, wantHealth, wantBoard string }{
		{"", "", `{"healthy":false,"status":""}`, `{}`},
		{"{", "[1]", `{"healthy":false,"status":""}`, `{}`},
		{"null", "null", `{"healthy":false,"status":""}`, `{}`},
		{
			`{"healthy":true,"status":"running","parts":{"otlp":{"healthy":false,"status":"","error":"no"}}}`, `{"queue":[],"later":1.50}`,
			`{"healthy":true,"status":"running","parts":{"otlp":{"healthy":false,"status":"","error":"no"}}}`, `{"queue":[],"later":1.50}`,
		},
	} {
		got := agentOf(storage.Agent{Health: c.health, Board: c.board}, assignments{})
		health, err := json.Marshal(got.Health)
		require.NoError(t, err)
		board, err := json.Marshal(got.Status)
		require.NoError(t, err)
		require.JSONEq(t, c.wantHealth, string(health))
		require.JSONEq(t, c.wantBoard, string(board))
	}
}
