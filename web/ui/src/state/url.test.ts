// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import * as url from './url';

describe('search parameters', () => {
  it('survive a round trip', () => {
    const search = { q: 'service:"a b" c&d=e+%', from: '2026-03-01T00:00:00.000Z', list: '["a","b"]' };
    expect(url.parseSearch(url.stringifySearch(search))).toEqual(search);
  });

  it('leave out what is empty', () => {
    expect(url.stringifySearch({ a: '', b: undefined, c: null })).toBe('');
    expect(url.parseSearch('?a=&b=1')).toEqual({ b: '1' });
  });

  it('stay readable', () => expect(url.stringifySearch({ q: 'service:cart,web' })).toBe('?q=service:cart,web'));

  it('keep what is shared by all pages', () => {
    expect(url.globalsOf({ from: 'now-6h', tz: 'utc', q: 'x', sort: 'a' })).toEqual({ from: 'now-6h', tz: 'utc' });
  });
});

describe('time range', () => {
  const now = 1_000_000_000;
  it('resolves relative and absolute times', () => {
    expect(url.resolveRange({ from: 'now-15m', to: 'now' }, now)).toEqual({ start: 999_100, end: 1_000_000 });
    expect(url.resolveTime('1970-01-12T00:00:00Z', now)).toBe(950_400);
  });

  it('falls back to an hour for what cannot be read or is upside down', () => {
    const hour = { start: 996_400, end: 1_000_000 };
    expect(url.resolveRange({ from: 'x', to: 'now' }, now)).toEqual(hour);
    expect(url.resolveRange({ from: 'now', to: 'now-1h' }, now)).toEqual(hour);
  });
});

describe("Prometheus's address of a graph", () => {
  it('opens the explorer with its expressions', () => {
    expect(url.exploreOfGraph(url.parseSearch('?g0.expr=rate(a%5B5m%5D)+%3E+1&g0.tab=1&g0.range_input=2h'))).toEqual({
      q: 'rate(a[5m]) > 1',
      tab: 'table',
      from: 'now-2h',
      to: 'now',
    });
    expect(url.exploreOfGraph({ 'g0.expr': 'a', 'g1.expr': 'b', 'g0.tab': '0' }).q).toBe('["a","b"]');
    expect(url.exploreOfGraph({}).q).toBeUndefined();
  });
});

describe('lists and sort order', () => {
  it('round trips a list', () =>
    expect(url.decodeList(url.encodeList(['up', 'a{b="c,d"}']))).toEqual(['up', 'a{b="c,d"}']));
  it('keeps one item readable', () => {
    expect(url.encodeList(['rate(up[5m])'])).toBe('rate(up[5m])');
    for (const list of [[], ['up'], ['[odd'], ['[odd', 'up']])
      expect(url.decodeList(url.encodeList(list))).toEqual(list);
  });
  it('survives a broken list', () => expect(url.decodeList('[oops')).toEqual([]));
  it('reads a sort order', () => {
    expect(url.decodeSort('-rate', 'name')).toEqual({ id: 'rate', desc: true });
    expect(url.decodeSort(undefined, 'name')).toEqual({ id: 'name', desc: false });
  });
});
