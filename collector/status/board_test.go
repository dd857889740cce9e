// SPDX-License-Identifier: Apache-2.0

package status

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBoard(t *testing.T) {
	b := New()
	require.NoError(t, b.Set("queue", map[string]int{"bytes": 1}))
	require.NoError(t, b.Set("queue", map[string]int{"bytes": 2}))
	require.Len(t, b.Changed(), 1)
	<-b.Changed()
	require.NoError(t, b.Set("queue", map[string]int{"bytes": 2}))
	require.Empty(t, b.Changed())
	require.JSONEq(t, `{"bytes": 2}`, string(b.Sections()["queue"]))
	delete(b.Sections(), "queue")
	require.Len(t, b.Sections(), 1)
	require.ErrorContains(t, b.Set("bad", func() {}), "write bad on the status board")
}
