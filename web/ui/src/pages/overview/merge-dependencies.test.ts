// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { mergeDependencies } from './merge-dependencies';

it('merges what several services call and leaves plain HTTP out', () => {
  const db = { type: 'db' as const, system: 'postgresql', target: 'orders', calls: 3, errors: 1, p95_ns: 5 };
  const http = { ...db, type: 'http' as const };
  expect(mergeDependencies(['a', 'b', 'c'], [[db, http], [{ ...db, p95_ns: null }], undefined])).toEqual([
    { type: 'db', system: 'postgresql', target: 'orders', calls: 6, errors: 2, p95_ns: 5, callers: ['a', 'b'] },
  ]);
});
