// SPDX-License-Identifier: Apache-2.0

package collector_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/strata-apm/strata/collector/otlptest"
)

const metricsDoc = "../docs/reference/agent-metrics.md"

// describe returns a metric as a row of the document: unit, type and the names of the attributes.
func describe(m pmetric.Metric) (string, map[string]bool) {
	attrs := map[string]bool{}
	note := func(points pmetric.NumberDataPointSlice) {
		for _, dp := range points.All() {
			dp.Attributes().Range(func(k string, _ pcommon.Value) bool { attrs[k] = true; return true })
		}
	}
	typ := "gauge"
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		note(m.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		note(m.Sum().DataPoints())
		typ = "sum"
		if m.Sum().IsMonotonic() {
			typ = "counter"
		}
	default:
		typ = m.Type().String()
	}
	return m.Unit() + " | " + typ, attrs
}

// testMetricsDoc compares docs/reference/agent-metrics.md with what an agent sends of this host.
func (bin agentBinary) testMetricsDoc(t *testing.T) {
	text, err := os.ReadFile(metricsDoc)
	require.NoError(t, err)
	documented, sometimes := map[string]string{}, map[string]bool{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "| `") || len(cells) < 5 {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		name := strings.Trim(cells[0], "`")
		documented[name] = fmt.Sprintf("%s | %s | %s", cells[1], cells[2], strings.ReplaceAll(cells[3], "`", ""))
		sometimes[name] = strings.Contains(cells[4], "where ")
	}
	sink := otlptest.New(t)
	p := bin.start(t, t.TempDir(), fmt.Sprintf("server: {endpoint: %q}\nmiddleware: {enabled: false}\nhost: {interval: 1s, process_interval: 1s}\n"+
		"logs: [{include: [%q]}]\n", sink.Addr, filepath.Join(t.TempDir(), "*.log")))
	missing := func() []string {
		sent := map[string]string{}
		attrs := map[string]map[string]bool{}
		for _, md := range sink.Metrics() {
			for _, rm := range md.ResourceMetrics().All() {
				for _, sm := range rm.ScopeMetrics().All() {
					for _, m := range sm.Metrics().All() {
						row, a := describe(m)
						if attrs[m.Name()] == nil {
							attrs[m.Name()] = map[string]bool{}
						}
						maps.Copy(attrs[m.Name()], a)
						sent[m.Name()] = row
					}
				}
			}
		}
		if sent["process.cpu.time"] == "" {
			return []string{"no processes yet"} // They come last.
		}
		var wrong []string
		for name, row := range sent {
			want := documented[name]
			// What is sent only where it is there may lack an attribute here too.
			if i := strings.LastIndex(want, "| "); i >= 0 && sometimes[name] {
				for a := range strings.SplitSeq(want[i+2:], ", ") {
					if a != "" {
						attrs[name][a] = true
					}
				}
			}
			row += " | " + strings.Join(slices.Sorted(maps.Keys(attrs[name])), ", ")
			if want != row {
				wrong = append(wrong, fmt.Sprintf("| `%s` | %s | is not what is documented: %s", name, row, documented[name]))
			}
		}
		for name := range documented {
			if _, ok := sent[name]; !ok && !sometimes[name] {
				wrong = append(wrong, "documented and not sent: "+name)
			}
		}
		slices.Sort(wrong)
		return wrong
	}
	var last []string
	defer func() {
		if t.Failed() {
			t.Log(strings.Join(last, "\n"))
		}
	}()
	require.Eventually(t, func() bool { last = missing(); return len(last) == 0 }, 15*time.Second, 250*time.Millisecond)
	p.stop(t)
}
