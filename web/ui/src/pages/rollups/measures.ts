// SPDX-License-Identifier: Apache-2.0
import type { Definition, Measure, RollupGroup } from '@/api/rollups';
import { formatUnit, none, type Unit } from '@/lib/format';

export const funcs = [
  'count',
  'rate',
  'sum',
  'avg',
  'min',
  'max',
  'p50',
  'p90',
  'p95',
  'p99',
  'distinct',
  'last',
] as const;

/** Measures of the field duration of spans are in seconds; sizes are in bytes; anything else is a plain number. */
export function unitOf(measure: Measure, source: string): Unit {
  const field = measure.field ?? '';
  const bytes = /(\.size|bytes)$/.test(field);
  if (measure.func === 'count' || measure.func === 'distinct') return 'number';
  if (measure.func === 'rate') return bytes ? 'bytes/s' : 'rate';
  if (source === 'spans' && field === 'duration') return 's';
  return bytes ? 'bytes' : 'number';
}

/** Whether the parts add up to the total, so that one has a share of it. */
export const addsUp = (measure: Measure) => ['count', 'sum', 'rate'].includes(measure.func);

/** Whether no event means zero and not that nothing is known. */
export const zeroIfNone = (measure: Measure) => addsUp(measure) || measure.func === 'distinct';

/** The expression a person would write: count, p95(duration). */
export const measureText = (measure: Measure) => (measure.field ? `${measure.func}(${measure.field})` : measure.func);

/** A figure; two with a dash where only bounds are known. */
export function figure(group: RollupGroup, index: number, unit: Unit): { text: string; exact: boolean } {
  const value = group.measures[index] ?? null;
  const low = group.low[index] ?? null;
  const high = group.high[index] ?? null;
  if (low === null && high === null) return { text: formatUnit(value, unit), exact: group.certain || value === null };
  if (low === high) return { text: formatUnit(low, unit), exact: true };
  return { text: rangeText(formatUnit(low, unit), formatUnit(high, unit)), exact: false };
}

/** 1.2 ms – 3.4 ms; one where both read the same. */
function rangeText(low: string, high: string): string {
  if (low === high) return `≈ ${low}`;
  if (low === none) return `≤ ${high}`;
  return high === none ? `≥ ${low}` : `${low} – ${high}`;
}

export type Change = { kind: 'none' } | { kind: 'new' } | { kind: 'ratio'; ratio: number };

/** How much more than in the range before. */
export function changeOf(group: RollupGroup, index: number, zero: boolean): Change {
  if (!group.previous) return { kind: 'none' };
  const now = group.measures[index] ?? (zero ? 0 : null);
  const before = group.previous[index] ?? (zero ? 0 : null);
  if (now === null || before === null) return { kind: 'none' };
  if (before === 0) return now === 0 ? { kind: 'ratio', ratio: 0 } : { kind: 'new' };
  return { kind: 'ratio', ratio: (now - before) / Math.abs(before) };
}

const unitSeconds: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86400, w: 604800, y: 31_536_000 };

/** Seconds of a Prometheus duration as 1h30m or 365d; 0 for what is none. */
export function secondsOf(text: string): number {
  let sum = 0;
  for (const [, n, unit] of text.matchAll(/(\d+)(s|m|h|d|w|y)/g)) sum += Number(n) * (unitSeconds[unit ?? ''] ?? 0);
  return sum;
}

const widths = [10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800];

/** The width of points of which about a hundred fit into the range, never narrower than the step. */
export function everyFor(rangeSeconds: number, step: string): string {
  const least = Math.max(secondsOf(step), rangeSeconds / 120);
  return `${widths.find((width) => width >= least) ?? widths.at(-1)}s`;
}

/** The name under which PromQL has the measure. */
export const metricName = (definition: Definition, measure: Measure) =>
  `rollup:${definition.name}:${measure.name ?? measure.func}`;
