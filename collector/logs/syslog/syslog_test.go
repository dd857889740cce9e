// SPDX-License-Identifier: Apache-2.0

package syslog_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/collector/logs/syslog"
)

func parse(text string) plog.LogRecord {
	zone := time.FixedZone("CST", 8*3600)
	p := syslog.Parser{Zone: zone, Now: func() time.Time { return time.Date(2026, 11, 28, 17, 5, 0, 0, zone) }}
	lr := plog.NewLogRecord()
	p.Parse(text, lr)
	return lr
}

// TestParse: what senders and devices write, and that the priority is read whatever follows it.
func TestParse(t *testing.T) {
	const at, utc = "2026-11-28T09:05:00Z", "2026-11-28T17:05:00Z"
	for text, want := range map[string][6]string{ // level, time, host, program, process, body
		"<34>1 2026-11-28T17:05:00Z web su 12 ID47 - \ufefffailed": {"crit", utc, "web", "su", "12", "failed"},
		"<165>1 - - - - - -":              {"notice", "", "", "", "", ""},
		"<165>1 - web app - - - nil time": {"notice", "", "web", "app", "", "nil time"},
		`<165>1 2026-11-28T17:05:00Z web app 7 ID1 [a@1 k="v \"q\" \]"][b x="y"] m`: {"notice", utc, "web", "app", "7", "m"},
		"<13>1 2026-11-28T17:05:00Z web app 7 - - two\nlines":                       {"notice", utc, "web", "app", "7", "two\nlines"},
		"<11>Nov 28 17:05:00 web app[7]: text":                                      {"err", at, "web", "app", "7", "text"},
		"<11>Nov 28 17:05:00 web app: text: more":                                   {"err", at, "web", "app", "", "text: more"},
		"<11>Nov 28 17:05:00 app: no host":                                          {"err", at, "", "app", "", "no host"},
		"<11>Nov 28 17:05:00 web no tag here":                                       {"err", at, "web", "", "", "no tag here"},
		"<187>Nov 28 2026 17:05:00 HW-1 %%01SHELL/5/CMD(l)[1]: huawei":              {"err", at, "HW-1", "%%01SHELL/5/CMD(l)", "1", "huawei"},
		"<187>2026-11-28T17:05:00Z web app: iso":                                    {"err", utc, "web", "app", "", "iso"},
		"<187>2026-11-28T17:05:00.000+00:00 web app: iso":                           {"err", utc, "web", "app", "", "iso"},
		"<187>Nov 28 17:05:00.000 web app: ms":                                      {"err", at, "web", "app", "", "ms"},
		"<189>123: *Nov 28 17:05:00.000: %SYS-5-CONFIG_I: Configured":               {"notice", at, "", "%SYS-5-CONFIG_I", "", "Configured"},
		"<189>123: sw1: *Nov 28 17:05:00 UTC: %SYS-5-CONFIG_I: Configured":          {"notice", utc, "sw1", "%SYS-5-CONFIG_I", "", "Configured"},
		"<189>: 2026 Nov 28 17:05:00 UTC: %VSHD-5-X: nexus":                         {"notice", utc, "", "%VSHD-5-X", "", "nexus"},
		"<166>Nov 28 2026 17:05:00: %ASA-6-302013: Built":                           {"info", at, "", "%ASA-6-302013", "", "Built"},
		"<134>1 1795885500.000 MX84 flows src=1.2.3.4":                              {"info", utc, "MX84", "", "", "flows src=1.2.3.4"},
		"<0>no header at all":                                                       {"emerg", "", "", "", "", "no header at all"},
		"<191>kernel: up":                                                           {"debug", "", "", "", "", "kernel: up"},
		"<30>dhcpd[12]: lease":                                                      {"info", "", "", "dhcpd", "12", "lease"},
		"<13>":                                                                      {"notice", "", "", "", "", ""},
		"Nov 28 17:05:00 web app: without a priority":                               {"", at, "web", "app", "", "without a priority"},
		"plain text":          {"", "", "", "", "", "plain text"},
		"<192>not a priority": {"", "", "", "", "", "<192>not a priority"},
		"<x>no number":        {"", "", "", "", "", "<x>no number"},
		"<-1>x":               {"", "", "", "", "", "<-1>x"},
		"":                    {"", "", "", "", "", ""},
		`<14>1 2026-11-28T17:05:00Z web app - - [broken x="y text`: {"info", utc, "web", "app", "", `- - [broken x="y text`},
	} {
		lr := parse(text)
		value := func(name string) string {
			v, ok := lr.Attributes().Get(name)
			if !ok {
				return ""
			}
			return v.AsString()
		}
		stamp := ""
		if lr.Timestamp() != 0 {
			stamp = lr.Timestamp().AsTime().Format(time.RFC3339)
		}
		got := [6]string{lr.SeverityText(), stamp, value("syslog.hostname"), value("syslog.appname"), value("process.pid"), lr.Body().AsString()}
		if strings.Contains(text, "[broken") { // Nothing of it is lost.
			require.Equal(t, want[:3], got[:3], text)
			require.Contains(t, got[5], "[broken")
			continue
		}
		require.Equal(t, want, got, text)
		require.Equal(t, lr.SeverityText() != "", value("syslog.facility") != "", text)
	}
	lr := parse(`<165>1 2026-11-28T17:05:00Z web app 7 ID1 [a@1 k="v \"q\" \]"][b x="y"] m`)
	data, _ := lr.Attributes().Get("structured_data")
	require.Equal(t, map[string]any{"a@1": map[string]any{"k": `v "q" ]`}, "b": map[string]any{"x": "y"}}, data.Map().AsRaw())
	require.Equal(t, plog.SeverityNumberError, parse("<187>x").SeverityNumber())
}

// TestFrames: counted octets and line's ends, one after the other, however the stream is cut.
func TestFrames(t *testing.T) {
	long := "<13>" + strings.Repeat("x", syslog.MaxMessage)
	counted := func(m string) string { return fmt.Sprintf("%d %s", len(m), m) }
	for name, c := range map[string]struct {
		stream string
		want   []string
	}{
		"counted":                       {counted("<13>one") + counted("<13>two\nlines\n") + counted("<13>三"), []string{"<13>one", "<13>two\nlines", "<13>三"}},
		"lines":                         {"<13>one\r\n<13>two\n\n<13>no end", []string{"<13>one", "<13>two", "<13>no end"}},
		"both":                          {"<13>one\n" + counted("<13>two") + "<13>three\n" + counted("<13>four") + "\n" + "<13>five\n", []string{"<13>one", "<13>two", "<13>three", "<13>four", "<13>five"}},
		"zeros":                         {"<13>one\x00<13>two\x00", []string{"<13>one", "<13>two"}},
		"lines that begin with numbers": {"12 monkeys\n2026-01-02 x\n7\n0 <13>x\n12345678 <13>x\n", []string{"12 monkeys", "2026-01-02 x", "7", "0 <13>x", "12345678 <13>x"}},
		"cut off":                       {"100 <13>short", []string{"<13>short"}},
		"long":                          {counted(long) + "<13>next\n", []string{long[:syslog.MaxMessage], long[syslog.MaxMessage:], "<13>next"}},
		"long line":                     {long + "\n<13>next\n", []string{long[:syslog.MaxMessage], long[syslog.MaxMessage:], "<13>next"}},
		"nothing":                       {"", nil},
	} {
		for _, r := range []io.Reader{strings.NewReader(c.stream), iotest.OneByteReader(strings.NewReader(c.stream)), iotest.DataErrReader(strings.NewReader(c.stream))} {
			frames, got := syslog.NewFrames(r), []string(nil)
			for {
				b, err := frames.Next()
				if len(b) > 0 {
					got = append(got, string(b))
				}
				if err != nil {
					require.ErrorIs(t, err, io.EOF)
					break
				}
			}
			require.Equal(t, c.want, got, name)
		}
	}
}

// TestReady: a message that is whole is not kept back by half of the next one.
func TestReady(t *testing.T) {
	for _, half := range []string{"<13>ha", "12 <13>ha", "1", "100000 <13>ha"} {
		frames := syslog.NewFrames(io.MultiReader(strings.NewReader("8 <13>full<13>line\n"+half), iotest.ErrReader(errors.New("would wait"))))
		for _, want := range []string{"<13>full", "<13>line"} {
			b, err := frames.Next()
			require.NoError(t, err)
			require.Equal(t, want, string(b))
		}
		require.False(t, frames.Ready(), half)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("8 <13>full<13>line\n1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		frames, total := syslog.NewFrames(bytes.NewReader(data)), 0
		for {
			b, err := frames.Next()
			total += len(b)
			if err != nil {
				break
			}
			lr := plog.NewLogRecord()
			(&syslog.Parser{Zone: time.UTC, Now: time.Now}).Parse(string(b), lr)
			if lr.Body().Type() != pcommon.ValueTypeStr {
				t.Fatalf("%q has no body", b)
			}
		}
		if total > len(data) {
			t.Fatalf("%d of %d", total, len(data))
		}
	})
}
