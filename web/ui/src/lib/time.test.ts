// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { formatAxis, formatStamp, formatTime, parseTyped, relative } from './time';

const at = '2026-03-01T12:34:56.789123Z';

describe('formatting', () => {
  it('formats in UTC', () => {
    expect(formatTime(at, 'utc')).toBe('2026-03-01 12:34:56');
    expect(formatTime(at, 'utc', true)).toBe('2026-03-01 12:34:56.789');
    expect(formatStamp(at, 'utc')).toBe('03-01 12:34:56.789');
  });

  it('shows a dash for what is no time', () => {
    for (const value of [null, undefined, '', 'soon']) expect(formatTime(value, 'utc')).toBe('—');
  });

  it('labels axes by their step', () => {
    const noon = Date.parse('2026-03-01T12:00:00Z') / 1000;
    expect(formatAxis(noon, 3600, 'utc')).toBe('12:00');
    expect(formatAxis(noon, 1, 'utc')).toBe('12:00:00');
    expect(formatAxis(noon - 43200, 3600, 'utc')).toBe('03-01');
  });
});

describe('relative', () => {
  const now = Date.parse('2026-03-01T12:35:00Z');
  it.each([
    ['2026-03-01T12:34:58Z', 'time.now', 0],
    ['2026-03-01T12:34:00Z', 'time.secondsAgo', 60],
    ['2026-03-01T12:05:00Z', 'time.minutesAgo', 30],
    ['2026-03-01T02:35:00Z', 'time.hoursAgo', 10],
    ['2026-02-25T12:35:00Z', 'time.daysAgo', 4],
    [null, 'time.never', 0],
  ])('%s', (time, key, n) => expect(relative(time, now)).toEqual({ key, n }));
});

describe('parseTyped', () => {
  const now = new Date('2026-03-01T12:35:00Z');
  it.each([
    ['now-15m', 'now-15m'],
    ['2026-02-01 08:00', '2026-02-01T08:00:00.000Z'],
    ['2026-02-01', '2026-02-01T00:00:00.000Z'],
    ['2026-02-01T08:00:01.5Z', '2026-02-01T08:00:01.500Z'],
    ['9:05', '2026-03-01T09:05:00.000Z'],
    ['yesterday', null],
    ['2026-13-01', null],
  ])('%s', (text, iso) => expect(parseTyped(text, 'utc', now)).toBe(iso));
});
