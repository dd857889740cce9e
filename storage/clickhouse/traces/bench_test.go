// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
)

// BenchmarkEncode is the conversion of pdata to a block alone.
func BenchmarkEncode(b *testing.B) {
	td := clickhousetest.NewGenerator().Traces(clickhousetest.Rows)
	block := newBlock()
	for b.Loop() {
		block.Reset()
		block.fill([]ptrace.Traces{td})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/clickhousetest.Rows, "ns/row")
}
