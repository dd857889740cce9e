// SPDX-License-Identifier: Apache-2.0

package check

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// minScale is the coarsest exponential histogram that Prometheus keeps (native histograms, schema -4).
const minScale = -4

// HistogramReason checks what opentelemetry-proto demands of HistogramDataPoint; "" is a point that agrees with itself. Bounds are finite: the last bucket ends at
// infinity by itself, and a bound there would be a second bucket of that name.
func HistogramReason(p pmetric.HistogramDataPoint) string {
	counts, bounds := p.BucketCounts(), p.ExplicitBounds()
	if p.Flags().NoRecordedValue() || counts.Len() == 0 && bounds.Len() == 0 {
		return ""
	}
	if counts.Len() != bounds.Len()+1 || !addsUp(p.Count(), 0, counts) {
		return ReasonHistogram
	}
	last := math.Inf(-1)
	for _, b := range bounds.All() {
		if !(last < b) || math.IsInf(b, 0) { // Also refuses NaN.
			return ReasonHistogram
		}
		last = b
	}
	return ""
}

// ExponentialReason is HistogramReason for exponential histograms.
func ExponentialReason(p pmetric.ExponentialHistogramDataPoint) string {
	if p.Scale() < minScale {
		return ReasonScale
	}
	if p.Flags().NoRecordedValue() {
		return ""
	}
	if z := p.ZeroThreshold(); !(z >= 0) || math.IsInf(z, 0) { // Also refuses NaN.
		return ReasonHistogram
	}
	for _, b := range []pmetric.ExponentialHistogramDataPointBuckets{p.Positive(), p.Negative()} {
		if int64(b.Offset())+int64(b.BucketCounts().Len()) > math.MaxInt32-1 {
			return ReasonHistogram // The indexes of its buckets are numbers of 32 bits.
		}
	}
	if !addsUp(p.Count(), p.ZeroCount(), p.Positive().BucketCounts(), p.Negative().BucketCounts()) {
		return ReasonHistogram
	}
	return ""
}

// SummaryReason checks the quantiles of a summary: each is between 0 and 1, and there once.
func SummaryReason(p pmetric.SummaryDataPoint) string {
	quantiles := p.QuantileValues()
	if p.Flags().NoRecordedValue() || quantiles.Len() == 0 {
		return ""
	}
	seen := make(map[float64]struct{}, quantiles.Len())
	for _, q := range quantiles.All() {
		if !(q.Quantile() >= 0 && q.Quantile() <= 1) { // Also refuses NaN.
			return ReasonSummary
		}
		seen[q.Quantile()] = struct{}{}
	}
	if len(seen) != quantiles.Len() {
		return ReasonSummary
	}
	return ""
}

// addsUp says whether count is the sum of zeros and the buckets, without passing 64 bits.
func addsUp(count, zeros uint64, buckets ...pcommon.UInt64Slice) bool {
	sum := zeros
	for _, b := range buckets {
		for _, n := range b.All() {
			if sum+n < sum {
				return false
			}
			sum += n
		}
	}
	return sum == count
}
