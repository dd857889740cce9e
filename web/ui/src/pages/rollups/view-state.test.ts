// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Definition } from '@/api/rollups';
import { parseSearch, stringifySearch } from '@/state/url';
import { type Condition, drill, queryOf, rawQuery, readState, writeState } from './view-state';

const def: Definition = {
  name: 'requests',
  source: 'spans',
  filter: 'kind:server',
  dimensions: ['service', 'route', 'attr.code'],
  measures: [
    { name: 'count', func: 'count' },
    { name: 'p95_duration', func: 'p95', field: 'duration' },
  ],
  step: '10s',
  retention: '1y',
};
const is = (dimension: string, value: string, not = false): Condition => ({ dimension, value, not, other: false });
const start = readState({}, def);

describe('the state of the view', () => {
  it('begins with the first dimension and the first measure', () => {
    expect(start).toEqual({
      group: ['service'],
      conditions: [],
      measure: 'count',
      order: 'desc',
      limit: 20,
      compare: '',
    });
    expect(stringifySearch(writeState(start, def))).toBe('');
  });

  it('is the same after a way through the URL, whatever stands in values', () => {
    const state = {
      group: ['route', 'attr.code'],
      conditions: [
        is('service', 'a=b,c&d'),
        is('route', '[x]', true),
        is('attr.code', ''),
        { dimension: 'service', value: '', not: false, other: true },
      ],
      measure: 'p95_duration',
      order: 'asc' as const,
      limit: 50,
      compare: '1d',
    };
    const text = stringifySearch(writeState(state, def));
    expect(readState(parseSearch(text), def)).toEqual(state);
    const none = { ...start, group: [] };
    expect(readState(parseSearch(stringifySearch(writeState(none, def))), def)).toEqual(none);
  });

  it('leaves out what the definition does not have', () => {
    const search = { by: 'host', where: 'host=a', other: 'host', measure: 'sum', top: '7', compare: '3h' };
    expect(readState(search, def)).toEqual(start);
  });

  it('asks the server for it', () => {
    const state = { ...start, conditions: [is('service', 'cart'), is('route', '/', true)] };
    expect(queryOf(state, '10s')).toMatchObject({
      group: ['service'],
      where: ['service=cart', 'route!=/'],
      other: [],
      every: '10s',
    });
  });
});

describe('going into a value', () => {
  it('goes on with the next dimension, and ends at the last', () => {
    const one = drill(start, def, 'service', { value: 'cart', other: false });
    expect(one).toMatchObject({ group: ['route'], conditions: [is('service', 'cart')] });
    const two = drill(one, def, 'route', { value: '/pay', other: false });
    const three = drill(two, def, 'attr.code', { value: '200', other: false });
    expect(two.group).toEqual(['attr.code']);
    expect(three.group).toEqual([]);
    expect(three.conditions).toHaveLength(3);
  });

  it('stays with the other dimensions of the ranking', () => {
    const both = { ...start, group: ['service', 'route'] };
    expect(drill(both, def, 'route', { value: '/', other: false }).group).toEqual(['service']);
  });

  it('goes into what is folded', () => {
    expect(drill(start, def, 'service', { value: '', other: true }).conditions).toEqual([
      { dimension: 'service', value: '', not: false, other: true },
    ]);
  });
});

describe('the search behind a row', () => {
  const values = [{ value: 'GET /a b', other: false }];

  it('has the filter, the conditions and the values of the row', () => {
    const conditions = [is('service', 'cart'), is('service', 'pay'), is('attr.code', '500', true)];
    expect(rawQuery(def, conditions, ['route'], values)).toBe(
      'kind:server -attr.code:500 route:"GET /a b" service:cart,pay',
    );
  });

  it('keeps the meaning of OR in the filter', () => {
    expect(rawQuery({ ...def, filter: 'a OR b' }, [], ['route'], values)).toBe('(a OR b) route:"GET /a b"');
  });

  it('names what is not there', () => {
    expect(rawQuery(def, [is('route', '')], [], [])).toBe('kind:server -route:*');
    expect(rawQuery(def, [is('route', '', true)], [], [])).toBe('kind:server route:*');
    expect(rawQuery(def, [is('route', ''), is('route', '/')], [], [])).toBe('kind:server (route:/ OR -route:*)');
  });

  it('cannot name what is folded', () => {
    expect(rawQuery(def, [], ['route'], [{ value: '', other: true }])).toBeNull();
  });
});
