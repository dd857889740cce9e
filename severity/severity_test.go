// SPDX-License-Identifier: Apache-2.0

package severity_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/severity"
)

func TestNumber(t *testing.T) {
	for name, want := range map[string]int32{
		"trace": 1, "TRACE3": 3, "FINEST": 1, "DEBUG5": 1, "dbg": 5, "DEBUG": 5, "DEBUG-4": 1, "INFO+2": 11, "info+1": 10, "ERROR+4": 21, "ERROR+40": 24, "WARN-1": 12, "DEBUG-40": 0, "DEBUG-8": 1, "INFO+": 0, "INFO+-2": 0, "INFO+x": 0, "NOTICE+1": 0, "+2": 0, "-4": 0, "vrb": 1, "trce": 1, "dbug": 5, "DEBUG4": 8, "DEBUG1": 5, "config": 5, "Info": 9, "INFO2": 10, "Information": 9,
		"notice": 9, "LOG": 9, "WRN": 13, "warning": 13, "WARN4": 16, "SEVERE": 17, "err": 17, "ERROR2": 18, "crit": 21, "CRITICAL": 21, "emerg": 21, "alert": 21, "FATAL4": 24,
		"panic": 21, "dpanic": 21, "": 0, "hello": 0, "4": 0, "INFO5": 0, "INFO9": 0, "NOTICE2": 0, "信息": 0, "a very long word that is no level": 0,
	} {
		require.Equal(t, want, severity.Number(name), name)
	}
}
