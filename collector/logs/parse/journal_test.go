// SPDX-License-Identifier: Apache-2.0

package parse

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

func TestJournal(t *testing.T) {
	lr := plog.NewLogRecord()
	m := lr.Body().SetEmptyMap()
	for k, v := range map[string]string{"MESSAGE": "up\n", "PRIORITY": "3", "_PID": "12", "_SYSTEMD_UNIT": "shop.service", "SYSLOG_IDENTIFIER": "shop", "_BOOT_ID": "x"} {
		m.PutStr(k, v)
	}
	Journal(lr)
	require.Equal(t, "up", lr.Body().Str())
	require.Equal(t, plog.SeverityNumberError, lr.SeverityNumber())
	require.Equal(t, map[string]any{"systemd.unit": "shop.service", "syslog.appname": "shop", "process.pid": int64(12)}, lr.Attributes().AsRaw())
}
