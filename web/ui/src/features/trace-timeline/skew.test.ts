// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import type { Span } from '@/api/traces';
import { recordedRange } from './skew';

const span = (offset_ns: number, duration_ns: number, clock_skew_ns: number) =>
  ({ offset_ns, duration_ns, clock_skew_ns }) as Span;

it('recordedRange takes in the times that skewed clocks recorded', () => {
  expect(recordedRange([], 100)).toEqual({ from: 0, to: 100 });
  expect(recordedRange([span(0, 100, 0), span(20, 50, 5000)], 100)).toEqual({ from: -4980, to: 100 });
  expect(recordedRange([span(0, 100, 0), span(20, 50, -5000)], 100)).toEqual({ from: 0, to: 5070 });
});
