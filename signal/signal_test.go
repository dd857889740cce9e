// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range All() {
		require.True(t, s.Known())
		for _, text := range []string{string(s), s.Noun(), s.Topic(), s.Path(), s.Service()} {
			require.NotEmpty(t, text, s)
			require.False(t, seen[text], "%s is there twice", text)
			seen[text] = true
		}
		got, ok := OfTopic(s.Topic())
		require.True(t, ok)
		require.Equal(t, s, got)
		require.Equal(t, "/v1/"+string(s), s.Path())
	}
	require.Equal(t, []Signal{Metrics, Traces, Logs}, All())
}

func TestUnknown(t *testing.T) {
	require.False(t, Signal("profiles").Known())
	require.Empty(t, Signal("profiles").Topic())
	_, ok := OfTopic("strata.remotewrite")
	require.False(t, ok)
	_, ok = OfTopic("")
	require.False(t, ok)
}
