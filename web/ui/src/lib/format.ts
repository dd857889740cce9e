// SPDX-License-Identifier: Apache-2.0

/** What every formatter shows where there is no number. */
export const none = '—';

type Maybe = number | null | undefined;

function missing(value: Maybe): value is null | undefined {
  return value === null || value === undefined || !Number.isFinite(value);
}

/** Three significant digits without trailing zeros. */
export function sig3(value: number): string {
  if (value === 0) return '0';
  const abs = Math.abs(value);
  if (abs >= 100) return String(Math.round(value));
  if (abs < 0.001) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

const siUnits = ['', 'k', 'M', 'G', 'T', 'P'];
const iecUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

function scaled(value: number, base: number, units: readonly string[]): [number, string] {
  let scale = value;
  let unit = 0;
  // 999.5 rounds to 1000, which belongs to the next unit.
  while (Math.abs(scale) >= base * 0.9995 && unit < units.length - 1) {
    scale /= base;
    unit++;
  }
  return [scale, units[unit] ?? ''];
}

/** Counts and rates: 1234 → 1.23 k. */
export function formatNumber(value: Maybe): string {
  if (missing(value)) return none;
  const [scale, unit] = scaled(value, 1000, siUnits);
  return unit === '' ? sig3(scale) : `${sig3(scale)} ${unit}`;
}

/** Exact count with separators. */
export function formatCount(value: Maybe): string {
  return missing(value) ? none : Math.round(value).toLocaleString('en-US').replaceAll(',', '\u2009');
}

export function formatBytes(value: Maybe): string {
  if (missing(value)) return none;
  const [scale, unit] = scaled(value, 1024, iecUnits);
  return `${sig3(scale)} ${unit}`;
}

/** Per second; what is rare per minute or per hour, so that one digit before the point says how often. */
export function formatRate(value: Maybe): string {
  if (missing(value)) return none;
  const abs = Math.abs(value);
  if (abs === 0 || abs >= 0.0995) return `${formatNumber(value)}/s`;
  if (abs >= 0.0995 / 60) return `${sig3(value * 60)}/min`;
  return abs < 0.01 / 3600 ? '<0.01/h' : `${sig3(value * 3600)}/h`;
}

export function formatBytesRate(value: Maybe): string {
  return missing(value) ? none : `${formatBytes(value)}/s`;
}

/** A ratio 0…1 as a percentage. */
export function formatPercent(value: Maybe): string {
  if (missing(value)) return none;
  const percent = value * 100;
  if (percent !== 0 && Math.abs(percent) < 0.01) return '<0.01 %';
  return `${sig3(percent)} %`;
}

/** 1.23 ms, 4.5 s, 2 m 3 s, 5 h 2 m, 3 d 4 h. */
export function formatDuration(ns: Maybe): string {
  if (missing(ns)) return none;
  const abs = Math.abs(ns);
  if (abs === 0) return '0 s';
  if (abs < 999.5) return `${sig3(ns)} ns`;
  if (abs < 999.5e3) return `${sig3(ns / 1e3)} µs`;
  if (abs < 999.5e6) return `${sig3(ns / 1e6)} ms`;
  if (abs < 59.95e9) return `${sig3(ns / 1e9)} s`;
  const seconds = Math.round(abs / 1e9);
  const sign = ns < 0 ? '-' : '';
  const two = (a: number, ua: string, b: number, ub: string) =>
    sign + (b === 0 ? `${a} ${ua}` : `${a} ${ua} ${b} ${ub}`);
  if (seconds < 3600) return two(Math.floor(seconds / 60), 'm', seconds % 60, 's');
  if (seconds < 86400) return two(Math.floor(seconds / 3600), 'h', Math.floor((seconds % 3600) / 60), 'm');
  return two(Math.floor(seconds / 86400), 'd', Math.floor((seconds % 86400) / 3600), 'h');
}

export function formatSeconds(seconds: Maybe): string {
  return missing(seconds) ? none : formatDuration(seconds * 1e9);
}

export type Unit = 'number' | 'rate' | 'bytes' | 'bytes/s' | 'percent' | 'ns' | 's';

const byUnit: Record<Unit, (value: Maybe) => string> = {
  number: formatNumber,
  rate: formatRate,
  bytes: formatBytes,
  'bytes/s': formatBytesRate,
  percent: formatPercent,
  ns: formatDuration,
  s: formatSeconds,
};

export function formatUnit(value: Maybe, unit: Unit): string {
  return byUnit[unit](value);
}

/** Guesses the unit of a PromQL result from the names in the query. */
export function unitOfQuery(query: string): Unit {
  const rate = /\b(rate|irate|deriv)\s*\(/.test(query);
  if (/_(utilization|ratio)\b/.test(query)) return 'percent';
  if (/_bytes(_total)?\b/.test(query)) return rate ? 'bytes/s' : 'bytes';
  if (/_seconds(_bucket)?\b/.test(query) && (!rate || /histogram_quantile|histogram_avg/.test(query))) return 's';
  return 'number';
}

/** Parses the decimal strings of the Prometheus API; anything that is no finite number is null. */
export function parseSample(text: string | undefined): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}
