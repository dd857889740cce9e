// SPDX-License-Identifier: Apache-2.0

/** Every state of the view is a flat set of strings in the URL; the empty string and undefined are absent. */
export type Search = Record<string, string | undefined>;

/** Kept when moving from page to page; everything else belongs to one page. */
export const globalKeys = ['from', 'to', 'tz', 'env', 'refresh'] as const;

export function parseSearch(text: string): Search {
  const out: Search = {};
  for (const [key, value] of new URLSearchParams(text)) {
    if (value !== '') out[key] = value;
  }
  return out;
}

export function stringifySearch(search: Record<string, unknown>): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(search)) {
    if (value !== undefined && value !== null && value !== '') params.append(key, String(value));
  }
  // Readable where the grammar of a query string allows it.
  const text = params.toString().replaceAll('%3A', ':').replaceAll('%2F', '/').replaceAll('%2C', ',');
  return text === '' ? '' : `?${text}`;
}

export function globalsOf(search: Search): Search {
  const out: Search = {};
  for (const key of globalKeys) {
    if (search[key]) out[key] = search[key];
  }
  return out;
}

export interface RawRange {
  from: string;
  to: string;
}

export const defaultRange: RawRange = { from: 'now-1h', to: 'now' };

const unitSeconds: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 };

/** Unix seconds of `now`, `now-15m` or an RFC 3339 time; null for anything else. */
export function resolveTime(text: string, nowMs: number): number | null {
  const match = /^now(?:-(\d+)([smhdw]))?$/.exec(text);
  if (match) {
    const back = match[1] ? Number(match[1]) * (unitSeconds[match[2] ?? 's'] ?? 1) : 0;
    return nowMs / 1000 - back;
  }
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : ms / 1000;
}

/** A range that cannot be read or is upside down falls back to the default, never to an empty page. */
export function resolveRange(raw: RawRange, nowMs: number): { start: number; end: number } {
  const start = resolveTime(raw.from, nowMs);
  const end = resolveTime(raw.to, nowMs);
  if (start === null || end === null || start >= end) return { start: nowMs / 1000 - 3600, end: nowMs / 1000 };
  return { start, end };
}

export function isRelative(raw: RawRange): boolean {
  return raw.from.startsWith('now') || raw.to.startsWith('now');
}

export function toIso(seconds: number): string {
  return new Date(Math.round(seconds * 1000)).toISOString();
}

/** A list in one parameter, for example the PromQL queries of the metrics page: one item as it is, more as JSON. */
export function encodeList(list: readonly string[]): string {
  const [first = ''] = list;
  return list.length <= 1 && !first.startsWith('[') ? first : JSON.stringify(list);
}

export function decodeList(text: string | undefined): string[] {
  if (!text) return [];
  if (!text.startsWith('[')) return [text];
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed.filter((item): item is string => typeof item === 'string') : [];
  } catch {
    return [];
  }
}

/** The explorer's state for Prometheus's `/graph?g0.expr=…&g0.tab=1&g0.range_input=2h`. */
export function exploreOfGraph(search: Search): Search {
  const queries: string[] = [];
  for (let i = 0; search[`g${i}.expr`] !== undefined; i++) queries.push(search[`g${i}.expr`] ?? '');
  const tab = search['g0.tab'];
  const range = search['g0.range_input'];
  return {
    ...globalsOf(search),
    q: queries.length > 0 ? encodeList(queries) : undefined,
    tab: tab === '1' || tab === 'table' ? 'table' : undefined,
    ...(range && /^\d+[smhdw]$/.test(range) ? { from: `now-${range}`, to: 'now' } : {}),
  };
}

/** Sort state as `column` or `-column` (descending). */
export function decodeSort(text: string | undefined, fallback: string): { id: string; desc: boolean } {
  const value = text ?? fallback;
  return value.startsWith('-') ? { id: value.slice(1), desc: true } : { id: value, desc: false };
}
