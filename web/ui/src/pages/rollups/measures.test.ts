// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { ApiError } from '@/api/client';
import type { RollupAnswer, RollupGroup } from '@/api/rollups';
import { changedMeasure, definitionOf, refusals } from './form-state';
import { changeOf, everyFor, figure, secondsOf, unitOf } from './measures';
import { colorsOf, countedTimes, timesOf, valuesAt } from './series';

const group = (more: Partial<RollupGroup>): RollupGroup => ({
  values: [],
  measures: [5],
  low: [5],
  high: [5],
  certain: true,
  ...more,
});

describe('a figure', () => {
  it.each([
    [group({}), '5', true],
    [group({ high: [9], certain: false }), '5 – 9', false],
    [group({ low: [5000], high: [5001], certain: false }), '≈ 5 k', false],
    [group({ measures: [null], low: [null], high: [9], certain: false }), '≤ 9', false],
    [group({ low: [null], high: [null], certain: false }), '5', false],
    [group({ measures: [null], low: [null], high: [null] }), '—', true],
  ])('%#', (given, text, exact) => expect(figure(given, 0, 'number')).toEqual({ text, exact }));

  it('has the unit of its field', () => {
    expect(unitOf({ func: 'p95', field: 'duration' }, 'spans')).toBe('s');
    expect(unitOf({ func: 'p95', field: 'duration' }, 'logs')).toBe('number');
    expect(unitOf({ func: 'rate' }, 'spans')).toBe('rate');
    expect(unitOf({ func: 'sum', field: 'attr.http.response.body.size' }, 'spans')).toBe('bytes');
  });

  it('is compared with the one before', () => {
    expect(changeOf(group({}), 0, true)).toEqual({ kind: 'none' });
    expect(changeOf(group({ previous: [4] }), 0, true)).toEqual({ kind: 'ratio', ratio: 0.25 });
    expect(changeOf(group({ previous: [0] }), 0, true)).toEqual({ kind: 'new' });
    expect(changeOf(group({ previous: [null] }), 0, false)).toEqual({ kind: 'none' });
  });
});

describe('points', () => {
  it('are about a hundred and never narrower than the step', () => {
    expect(everyFor(900, '10s')).toBe('10s');
    expect(everyFor(900, '5m')).toBe('300s');
    expect(everyFor(3600, '10s')).toBe('30s');
    expect(everyFor(365 * 86400, '10s')).toBe('604800s');
    expect(secondsOf('1h30m')).toBe(5400);
  });

  const at = (second: number) => new Date(second * 1000).toISOString();
  const answer = (groups: RollupGroup[], others: RollupGroup[] = []) =>
    ({ range: { start: at(0), end: at(40) }, every_seconds: 10, groups, others }) as unknown as RollupAnswer;

  it('are zero where others were counted, and missing where nothing was', () => {
    const a = group({ points: [{ time: at(0), measures: [1] }] });
    const b = group({ points: [{ time: at(20), measures: [2] }] });
    const times = timesOf(answer([a, b]), 35_000);
    expect(times).toEqual([0, 10, 20]);
    expect(valuesAt(a, 0, times, countedTimes(answer([a, b])))).toEqual([1, null, 0]);
    expect(valuesAt(a, 0, times, null)).toEqual([1, null, null]);
    // It may be among what was folded then.
    const folded = group({ points: [{ time: at(20), measures: [9] }] });
    expect(valuesAt(a, 0, times, countedTimes(answer([a, b], [folded])))).toEqual([1, null, null]);
  });

  it('have a colour of their own while there are ten', () => {
    const groups = Array.from({ length: 10 }, (_, i) => group({ values: [{ value: `v${i}`, other: false }] }));
    expect(new Set(colorsOf(groups, true).values()).size).toBe(10);
  });
});

describe('the form', () => {
  it('finds the part that a sentence is about', () => {
    const errors = [
      'name "A": a name starts with a letter',
      'dimension "x": there is no field',
      '6 dimensions: a rollup has at most 5',
      'measure 2 (p95): p95 needs a field; name one',
      'there are no measures; add one',
      'budget of 0 values: use 1 to 10000',
      'something new',
    ];
    const { by, rest } = refusals(new ApiError(400, 'bad_request', '', { errors }));
    expect(by.name).toEqual(['"A": a name starts with a letter']);
    expect(by.dimensions).toHaveLength(2);
    expect(by.measures).toHaveLength(2);
    expect(by.budget).toHaveLength(1);
    expect(rest).toEqual(['something new']);
  });

  it('sends no name that was made of another function', () => {
    expect(changedMeasure({ name: 'p95_duration', func: 'p95', field: 'duration' }, { func: 'count' })).toEqual({
      func: 'count',
    });
    const sent = definitionOf({
      name: ' a ',
      source: 'spans',
      measures: [{ func: 'rate', field: ' ' }],
      step: '10s',
      retention: '1y',
      budget: { values: 3 },
    });
    expect(sent).toEqual({
      name: 'a',
      source: 'spans',
      filter: '',
      dimensions: [],
      measures: [{ func: 'rate' }],
      step: '10s',
      retention: '1y',
      budget: { values: 3 },
    });
  });
});
