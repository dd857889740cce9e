// SPDX-License-Identifier: Apache-2.0
import type { LedgerRow, LedgerSignal } from '@/api/ledger';

export interface SourceRow {
  signal: LedgerSignal;
  source: string;
  received: number;
  accepted: number;
  stored: number;
  refused: Record<string, number>;
  rejected: Record<string, number>;
  last: string;
}

function add(into: Record<string, number>, from: Record<string, number>): void {
  for (const [reason, count] of Object.entries(from)) into[reason] = (into[reason] ?? 0) + count;
}

export const sum = (counts: Record<string, number>) => Object.values(counts).reduce((a, b) => a + b, 0);

/** One row per signal and source, over all minutes. */
export function bySource(rows: readonly LedgerRow[]): SourceRow[] {
  const out = new Map<string, SourceRow>();
  for (const row of rows) {
    const key = `${row.signal}\u0000${row.source}`;
    const to = out.get(key) ?? {
      signal: row.signal,
      source: row.source,
      received: 0,
      accepted: 0,
      stored: 0,
      refused: {},
      rejected: {},
      last: row.minute,
    };
    to.received += row.received;
    to.accepted += row.accepted;
    to.stored += row.stored;
    add(to.refused, row.refused);
    add(to.rejected, row.rejected);
    if (row.minute > to.last) to.last = row.minute;
    out.set(key, to);
  }
  return [...out.values()];
}

/** Why records of a signal were turned away, largest first. */
export function reasons(rows: readonly LedgerRow[], signal: LedgerSignal): { reason: string; count: number }[] {
  const all: Record<string, number> = {};
  for (const row of rows) {
    if (row.signal !== signal) continue;
    add(all, row.refused);
    add(all, row.rejected);
  }
  return Object.entries(all)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => ({ reason, count }))
    .sort((a, b) => b.count - a.count);
}

export interface MinuteSeries {
  time: number[];
  stored: (number | null)[];
  lost: (number | null)[];
  received: (number | null)[];
}

/** Counts per minute of one signal; a minute without a row is a gap, not a zero. */
export function byMinute(rows: readonly LedgerRow[], signal: LedgerSignal): MinuteSeries {
  const minutes = new Map<number, { received: number; stored: number; lost: number }>();
  for (const row of rows) {
    if (row.signal !== signal) continue;
    const at = Math.floor(Date.parse(row.minute) / 60_000) * 60;
    const to = minutes.get(at) ?? { received: 0, stored: 0, lost: 0 };
    to.received += row.received;
    to.stored += row.stored;
    to.lost += sum(row.refused) + sum(row.rejected);
    minutes.set(at, to);
  }
  const known = [...minutes.keys()];
  if (known.length === 0) return { time: [], stored: [], lost: [], received: [] };
  const first = Math.min(...known);
  const count = Math.min(20_000, (Math.max(...known) - first) / 60 + 1);
  const time = Array.from({ length: count }, (_, i) => first + i * 60);
  const column = (key: 'received' | 'stored' | 'lost') => time.map((at) => minutes.get(at)?.[key] ?? null);
  return { time, received: column('received'), stored: column('stored'), lost: column('lost') };
}
