// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { autoStep, toGrid } from './metrics';

describe('autoStep', () => {
  it.each([
    [300, 2],
    [3600, 15],
    [86400, 600],
    [604800, 3600],
  ])('%d seconds', (length, step) => expect(autoStep({ start: 0, end: length })).toBe(step));
});

describe('toGrid', () => {
  it('leaves gaps where samples are missing', () => {
    const { time, series } = toGrid(
      [
        {
          metric: { a: '1' },
          values: [
            [0, '1'],
            [20, 'NaN'],
            [30, '4'],
          ],
        },
      ],
      { start: 0, end: 30 },
      10,
    );
    expect(time).toEqual([0, 10, 20, 30]);
    expect(series[0]?.values).toEqual([1, null, null, 4]);
  });
});
