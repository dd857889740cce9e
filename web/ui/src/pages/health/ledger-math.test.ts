// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import type { LedgerRow } from '@/api/ledger';
import { byMinute, bySource, reasons } from './ledger-math';

const row = (minute: string, source: string, received: number, refused: Record<string, number> = {}): LedgerRow => ({
  minute,
  signal: 'logs',
  source,
  received,
  accepted: received,
  refused,
  stored: received,
  rejected: {},
  resent: 0,
});

const rows = [
  row('2026-03-01T00:00:00Z', 'a', 10, { too_old: 1 }),
  row('2026-03-01T00:00:00Z', 'b', 5),
  row('2026-03-01T00:02:00Z', 'a', 7, { too_old: 2, too_large: 5 }),
];

it('sums per source', () => {
  expect(bySource(rows).map((r) => [r.source, r.received])).toEqual([
    ['a', 17],
    ['b', 5],
  ]);
});

it('lists reasons, largest first', () => {
  expect(reasons(rows, 'logs')).toEqual([
    { reason: 'too_large', count: 5 },
    { reason: 'too_old', count: 3 },
  ]);
  expect(reasons(rows, 'traces')).toEqual([]);
});

it('shows a minute without rows as a gap', () => {
  expect(byMinute(rows, 'logs').received).toEqual([15, null, 7]);
  expect(byMinute(rows, 'metrics').time).toEqual([]);
});
