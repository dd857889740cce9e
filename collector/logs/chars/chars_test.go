// SPDX-License-Identifier: Apache-2.0

package chars

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/collector/logs/logstest"
)

func TestPlain(t *testing.T) {
	for text, plain := range logstest.Coloured() {
		require.Equal(t, plain, Plain(text))
		require.Equal(t, plain, string(PlainLine([]byte(text))))
	}
	line := []byte("as it is")
	require.Same(t, &line[0], &PlainLine(line)[0], "a line without control sequences is not copied")
}

func TestClasses(t *testing.T) {
	for c := range 256 {
		b := byte(c)
		letter := b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
		digit := b >= '0' && b <= '9'
		require.Equal(t, letter, IsLetter(b), "%q", b)
		require.Equal(t, letter || digit || b == '_', IsWord(b), "%q", b)
		require.Equal(t, digit, Digits([]byte{'1', b}), "%q", b)
	}
	require.False(t, Digits(nil))
}
