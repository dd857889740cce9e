// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { stack, toData, yRange } from './plot';

it('stacks over gaps and keeps a gap where all are missing', () => {
  expect(
    stack([
      [1, null, null],
      [2, 3, null],
    ]),
  ).toEqual([
    [1, null, null],
    [3, 3, null],
  ]);
});

it('gives stacked columns from the top down', () => {
  const series = [
    { key: 'a', label: 'a', color: '#000000', values: [1] },
    { key: 'b', label: 'b', color: '#000000', values: [2] },
  ];
  expect(toData([0], series, 'stack')).toEqual([[0], [3], [1]]);
  expect(toData([0], series, 'line')).toEqual([[0], [1], [2]]);
});

it('never makes an axis of nothing', () => {
  const range = yRange('number', 'line') as (
    u: never,
    min: number | null,
    max: number | null,
    key: string,
  ) => [number, number];
  expect(range(undefined as never, null, null, 'y')).toEqual([0, 1]);
  expect(range(undefined as never, 0, 0, 'y')).toEqual([0, 1]);
});
