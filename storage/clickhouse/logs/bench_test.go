// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
)

// BenchmarkEncode is the conversion of pdata to a block alone.
func BenchmarkEncode(b *testing.B) {
	ld, _ := clickhousetest.NewGenerator().Logs(clickhousetest.Rows)
	block := newBlock()
	for b.Loop() {
		block.Reset()
		block.fill("b", []plog.Logs{ld})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/clickhousetest.Rows, "ns/row")
}
