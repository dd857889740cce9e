// SPDX-License-Identifier: Apache-2.0

package parse

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// TestJSONTimes: every digit of a time counts, in any unit, as a number or a text; what is no time stays an attribute.
func TestJSONTimes(t *testing.T) {
	for object, want := range map[string]string{
		`{"time":1795941317470}`:                                          "2026-11-29T08:35:17.47Z",
		`{"ts":1795941317470095160}`:                                      "2026-11-29T08:35:17.47009516Z",
		`{"ts":1795941317.470}`:                                           "2026-11-29T08:35:17.47Z",
		`{"ts":1795941317.470095161}`:                                     "2026-11-29T08:35:17.470095161Z",
		`{"ts":1795941317.4700951619}`:                                    "2026-11-29T08:35:17.470095161Z",
		`{"ts":1795941317470.095161}`:                                     "2026-11-29T08:35:17.470095161Z",
		`{"ts":1795941317470095}`:                                         "2026-11-29T08:35:17.470095Z",
		`{"ts":1795941317470095.161}`:                                     "2026-11-29T08:35:17.470095161Z",
		`{"ts":1.795941317470095161e9}`:                                   "2026-11-29T08:35:17.470095161Z",
		`{"ts":1795941317}`:                                               "2026-11-29T08:35:17Z",
		`{"timestamp":"1795941317470"}`:                                   "2026-11-29T08:35:17.47Z",
		`{"timestamp":"1795941317"}`:                                      "2026-11-29T08:35:17Z",
		`{"timestamp":"1795941317.47"}`:                                   "2026-11-29T08:35:17.47Z",
		`{"timestamp":"1795941317470095161"}`:                             "2026-11-29T08:35:17.470095161Z",
		`{"@t":"2026-11-29T08:35:17.4700951Z"}`:                           "2026-11-29T08:35:17.4700951Z",
		`{"timestamp":{"seconds":1795941317,"nanos":5}}`:                  "2026-11-29T08:35:17.000000005Z",
		`{"instant":{"epochSecond":1795941317,"nanoOfSecond":470095161}}`: "2026-11-29T08:35:17.470095161Z",
		`{"t":{"$date":"2026-11-29T08:35:17.470+00:00"},"s":"I"}`:         "2026-11-29T08:35:17.47Z",
		`{"ts":12}`: "", `{"ts":-1795941317470}`: "", `{"ts":1e400}`: "", `{"ts":1e-400}`: "", `{"ts":9999999999999999999}`: "", `{"ts":"17959413174x"}`: "", `{"ts":"1e"}`: "", `{"ts":"20261129081000"}`: "", `{"ts":true}`: "",
		`{"ts":0.00000000000000000000000000000000000000000000000000000000000000000001}`: "",
	} {
		lr := parseOne(t, Auto, object)
		if want == "" {
			require.Zero(t, lr.Timestamp(), object)
			require.Contains(t, lr.Attributes().AsRaw(), "ts", object)
			continue
		}
		require.Equal(t, want, lr.Timestamp().AsTime().Format(time.RFC3339Nano), object)
	}
}

// TestJSONLevels: the level is found by the names that loggers give it.
func TestJSONLevels(t *testing.T) {
	for object, want := range map[string]plog.SeverityNumber{
		`{"level":"INFO+2"}`: plog.SeverityNumberInfo3, `{"level":"ERROR+4"}`: plog.SeverityNumberFatal, `{"level":"DEBUG-4"}`: plog.SeverityNumberTrace,
		`{"@t":"2026-11-29T08:35:17Z","@m":"x","@l":"Error"}`: plog.SeverityNumberError, `{"@t":"2026-11-29T08:35:17Z","@mt":"x"}`: plog.SeverityNumberInfo,
		`{"level":{"name":"error"}}`: plog.SeverityNumberError, `{"level":400,"level_name":"ERROR"}`: plog.SeverityNumberError, `{"LogLevel":"Critical","Message":"x"}`: plog.SeverityNumberFatal,
		`{"log":{"level":"warn"}}`: plog.SeverityNumberWarn, `{"log.level":"warn"}`: plog.SeverityNumberWarn, `{"t":{"$date":"2026-11-29T08:35:17Z"},"s":"E","msg":"x"}`: plog.SeverityNumberError,
		`{"level":30}`: plog.SeverityNumberInfo, `{"level":"\u001b[33mwarn\u001b[39m"}`: plog.SeverityNumberWarn, `{"severity":"FINEST"}`: plog.SeverityNumberTrace,
		`{"level":"of the sea"}`: 0, `{"s":"E"}`: 0,
	} {
		require.Equal(t, want, parseOne(t, Auto, object).SeverityNumber(), object)
	}
	require.Equal(t, "x", parseOne(t, Auto, `{"@t":"2026-11-29T08:35:17Z","@m":"x","@l":"Error"}`).Body().Str())
	require.Equal(t, "of the sea", parseOne(t, Auto, `{"level":"of the sea"}`).Attributes().AsRaw()["level"])
}
