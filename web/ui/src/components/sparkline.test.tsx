// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { sparkPath } from './sparkline';

describe('a sparkline', () => {
  it('goes from the first to the last point, the largest value on top', () => {
    expect(sparkPath([0, 5, 10], 20, 23, 10).line).toBe('M0.0,22.0L10.0,12.0L20.0,2.0');
  });

  it('does not draw through what is missing', () => {
    const { line, area } = sparkPath([1, null, 1, Number.NaN, 1], 40, 23, 1);
    expect(line).toBe('M0.0,2.0M20.0,2.0M40.0,2.0');
    expect(area.split('Z').filter(Boolean)).toHaveLength(3);
  });

  it('stays on the ground without any value above it', () => {
    expect(sparkPath([0, 0], 10, 23, 0).line).toBe('M0.0,22.0L10.0,22.0');
  });

  it('stays below the top of its scale', () => {
    expect(sparkPath([5], 10, 23, 1).line).toBe('M0.0,2.0');
  });

  it('is empty for no point', () => {
    expect(sparkPath([], 10, 23, 1)).toEqual({ line: '', area: '' });
  });
});
