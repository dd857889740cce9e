// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { diffLines } from './diff';

const show = (before: string, after: string, bound?: number) =>
  diffLines(before, after, bound).map(({ kind, text }) => ({ same: ' ', added: '+', removed: '-' })[kind] + text);

it('finds what was added and removed', () => {
  expect(show('a\nb\nc\n', 'a\nx\nc\nd\n')).toEqual([' a', '-b', '+x', ' c', '+d']);
  expect(show('', 'a')).toEqual(['+a']);
  expect(show('a', '')).toEqual(['-a']);
  expect(show('a\n', 'a')).toEqual([' a']);
  expect(show('', '')).toEqual([]);
});

it('does not compare what is too large', () => {
  expect(show('a\nb', 'a\nb', 1)).toEqual(['-a', '-b', '+a', '+b']);
});
