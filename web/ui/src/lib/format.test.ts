// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import * as f from './format';

describe('missing numbers', () => {
  it.each([null, undefined, Number.NaN, Number.POSITIVE_INFINITY])('%s is a dash in every format', (value) => {
    for (const unit of ['number', 'rate', 'bytes', 'bytes/s', 'percent', 'ns', 's'] as const) {
      expect(f.formatUnit(value, unit)).toBe('—');
    }
    expect(f.formatCount(value)).toBe('—');
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0 s'],
    [850, '850 ns'],
    [1230, '1.23 µs'],
    [999_499, '999 µs'],
    [999_600, '1 ms'],
    [1_234_567, '1.23 ms'],
    [4_500_000_000, '4.5 s'],
    [59_990_000_000, '1 m'],
    [123_000_000_000, '2 m 3 s'],
    [18_120_000_000_000, '5 h 2 m'],
    [273_600_000_000_000, '3 d 4 h'],
    [-1_500_000, '-1.5 ms'],
  ])('%d', (ns, text) => expect(f.formatDuration(ns)).toBe(text));
});

describe('formatRate', () => {
  it.each([
    [0, '0/s'],
    [1234, '1.23 k/s'],
    [0.5, '0.5/s'],
    [0.0489, '2.93/min'],
    [0.0013, '4.68/h'],
    [1 / 3600, '1/h'],
    [1e-9, '<0.01/h'],
    [null, '—'],
  ])('%s', (value, want) => expect(f.formatRate(value)).toBe(want));
});

describe('numbers', () => {
  it.each([
    [0, '0'],
    [0.00012, '1.2e-4'],
    [0.1234, '0.123'],
    [12.345, '12.3'],
    [999.4, '999'],
    [999.9, '1 k'],
    [1234, '1.23 k'],
    [1_500_000, '1.5 M'],
    [-2500, '-2.5 k'],
  ])('formatNumber %d', (value, text) => expect(f.formatNumber(value)).toBe(text));

  it.each([
    [512, '512 B'],
    [1536, '1.5 KiB'],
    [1024 ** 3, '1 GiB'],
  ])('formatBytes %d', (value, text) => expect(f.formatBytes(value)).toBe(text));

  it.each([
    [0, '0 %'],
    [0.00001, '<0.01 %'],
    [0.0642, '6.42 %'],
    [1, '100 %'],
  ])('formatPercent %d', (value, text) => expect(f.formatPercent(value)).toBe(text));

  it('formatCount separates thousands', () => expect(f.formatCount(1234567)).toBe('1\u2009234\u2009567'));
});

describe('unitOfQuery', () => {
  it.each([
    ['system_memory_usage_bytes', 'bytes'],
    ['sum(rate(system_network_io_bytes_total[5m]))', 'bytes/s'],
    ['histogram_quantile(0.9, rate(http_duration_seconds_bucket[5m]))', 's'],
    ['rate(system_cpu_time_seconds_total[5m])', 'number'],
    ['system_cpu_utilization', 'percent'],
    ['up', 'number'],
  ])('%s', (query, unit) => expect(f.unitOfQuery(query)).toBe(unit));
});

describe('parseSample', () => {
  it.each([
    ['1.5', 1.5],
    ['NaN', null],
    ['+Inf', null],
    [undefined, null],
  ])('%s', (text, value) => expect(f.parseSample(text)).toBe(value));
});
