// SPDX-License-Identifier: Apache-2.0
import type { TFunction } from 'i18next';
import type { Span } from '@/api/traces';
import { formatDuration } from '@/lib/format';

/** Says how far the clock of a span's host disagrees with its caller's. */
export function skewNote(t: TFunction, span: Span): string {
  return t(span.clock_skew_ns > 0 ? 'trace.skewBehind' : 'trace.skewAhead', {
    by: formatDuration(Math.abs(span.clock_skew_ns)),
  });
}

/** When the spans were by their own clocks, in nanoseconds from the start of the trace: their log records have those times. */
export function recordedRange(spans: readonly Span[], durationNs: number): { from: number; to: number } {
  let from = 0;
  let to = durationNs;
  for (const span of spans) {
    const start = span.offset_ns - span.clock_skew_ns;
    if (start < from) from = start;
    if (start + span.duration_ns > to) to = start + span.duration_ns;
  }
  return { from, to };
}
