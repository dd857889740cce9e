// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/storage/remote/otlptranslator/prometheusremotewrite"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// BenchmarkTranslation is what keeping things apart costs: "prometheus" is the translation alone.
func BenchmarkTranslation(b *testing.B) {
	for _, kind := range []string{"prometheus", "ascii", "letters"} {
		b.Run(kind, func(b *testing.B) {
			md := pmetric.NewMetrics()
			rm := md.ResourceMetrics().AppendEmpty()
			require.NoError(b, rm.Resource().Attributes().FromRaw(map[string]any{"service.name": "shop", "service.instance.id": "1", "host.name": "h", "os.type": "linux"}))
			sm := rm.ScopeMetrics().AppendEmpty()
			sm.Scope().SetName("lib")
			for i := range 100 {
				m := sm.Metrics().AppendEmpty()
				m.SetName(fmt.Sprintf("http.server.%d", i))
				dps := m.SetEmptyGauge().DataPoints()
				for j := range 10 {
					p := dps.AppendEmpty()
					p.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
					key := "http.route"
					if kind == "letters" {
						key = "地区"
					}
					require.NoError(b, p.Attributes().FromRaw(map[string]any{"http.request.method": "GET", key: strconv.Itoa(j), "server.address": "a", "http.response.status_code": 200}))
				}
			}
			r := newRewriter(DefaultTranslation())
			b.ReportAllocs()
			for b.Loop() {
				req := pmetric.NewMetrics()
				md.CopyTo(req)

				var err error
				if kind == "prometheus" {
					_, err = prometheusremotewrite.NewPrometheusConverter(discard{}).FromMetrics(b.Context(), req, r.settings)
				} else {
					app := r.rewrite(req, discard{})
					_, err = prometheusremotewrite.NewPrometheusConverter(app).FromMetrics(b.Context(), req, r.settings)
				}
				require.NoError(b, err)
			}
		})
	}
}

// discard takes samples and forgets them.
type discard struct{ *seriesProbe }

// Append implements promstorage.AppenderV2.
func (discard) Append(promstorage.SeriesRef, labels.Labels, int64, int64, float64, *histogram.Histogram, *histogram.FloatHistogram, promstorage.AOptions) (promstorage.SeriesRef, error) {
	return 0, nil
}
