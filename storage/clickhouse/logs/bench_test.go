// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
	"github.com/strata-apm/strata/tenant"
)

// BenchmarkEncode is the conversion of pdata to a block alone.
func BenchmarkEncode(b *testing.B) {
	ld, _ := clickhousetest.NewGenerator().Logs(clickhousetest.Rows)
	block := newBlock()
	for b.Loop() {
		block.Reset()
		require.NoError(b, block.fill("b", storage.Own(tenant.Default, ld)))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/clickhousetest.Rows, "ns/row")
}
