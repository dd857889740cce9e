// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { seriesName, shortNames, summarize } from './labels';

describe('series names', () => {
  it('writes a series as PromQL does', () => {
    expect(seriesName({ __name__: 'up', job: 'a' })).toBe('up{job="a"}');
    expect(seriesName({})).toBe('{}');
    expect(seriesName({ __name__: '订单' })).toBe('{"订单"}');
    expect(seriesName({ __name__: 'http.server', 地区: '华"东', job: 'a' })).toBe(
      '{"http.server", "地区"="华\\"东", job="a"}',
    );
  });

  it('keeps what tells series apart', () => {
    expect(
      shortNames([
        { state: 'user', job: 'x' },
        { state: 'idle', job: 'x' },
      ]),
    ).toEqual(['user', 'idle']);
    expect(
      shortNames([
        { a: '1', b: '1' },
        { a: '2', b: '3' },
      ]),
    ).toEqual(['a=1 b=1', 'a=2 b=3']);
    expect(shortNames([{ job: 'x' }])).toEqual(['{job="x"}']);
  });
});

describe('summarize', () => {
  it('ignores gaps', () => expect(summarize([1, null, 3, null])).toEqual({ last: 3, average: 2, max: 3 }));
  it('knows nothing about nothing', () => expect(summarize([null])).toEqual({ last: null, average: null, max: null }));
});
