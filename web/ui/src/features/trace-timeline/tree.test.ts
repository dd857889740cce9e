// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Span } from '@/api/traces';
import { buildTree, findRows, hasChildren, visibleRows } from './tree';

function span(id: string, parent: string, offset: number, more: Partial<Span> = {}): Span {
  return {
    id,
    parent,
    name: id,
    kind: 'internal',
    service: 's',
    offset_ns: offset,
    duration_ns: 1,
    status: 'unset',
    status_message: '',
    resource: 0,
    scope: 0,
    attributes: {},
    events: [],
    links: [],
    ...more,
  };
}

const ids = (spans: Span[]) => buildTree(spans).spans.map((s) => s.id);

describe('buildTree', () => {
  it('puts children below their parent, siblings by start', () => {
    const tree = buildTree([span('a', '', 0), span('c', 'a', 5), span('b', 'a', 2), span('d', 'b', 3)]);
    expect(tree.spans.map((s) => s.id)).toEqual(['a', 'b', 'd', 'c']);
    expect([...tree.depth]).toEqual([0, 1, 2, 1]);
    expect([...tree.end]).toEqual([4, 3, 3, 4]);
    expect(hasChildren(tree, 0)).toBe(true);
    expect(hasChildren(tree, 2)).toBe(false);
  });

  it('shows a span whose parent is missing as a root and marks it', () => {
    const tree = buildTree([span('a', '', 0), span('x', 'gone', 1), span('y', 'x', 2)]);
    expect(tree.spans.map((s) => s.id)).toEqual(['a', 'x', 'y']);
    expect([...tree.orphan]).toEqual([0, 1, 0]);
  });

  it('survives cycles and spans that are their own parent', () => {
    expect(ids([span('a', 'b', 0), span('b', 'a', 1), span('c', 'c', 2)]).sort()).toEqual(['a', 'b', 'c']);
  });

  it('counts errors below', () => {
    const tree = buildTree([
      span('a', '', 0),
      span('b', 'a', 1, { status: 'error' }),
      span('c', 'b', 2, { status: 'error' }),
    ]);
    expect([...tree.errorsBelow]).toEqual([2, 1, 0]);
  });

  it('is quick with 100 000 spans, however deep', () => {
    const spans = Array.from({ length: 100_000 }, (_, i) => span(`s${i}`, i === 0 ? '' : `s${i - 1}`, i));
    const tree = buildTree(spans);
    expect(tree.spans).toHaveLength(100_000);
    expect(tree.end[0]).toBe(100_000);
  });
});

describe('visibleRows', () => {
  it('skips what is below a collapsed span', () => {
    const tree = buildTree([span('a', '', 0), span('b', 'a', 1), span('c', 'b', 2), span('d', 'a', 3)]);
    expect([...visibleRows(tree, new Set())]).toEqual([0, 1, 2, 3]);
    expect([...visibleRows(tree, new Set(['b']))]).toEqual([0, 1, 3]);
    expect([...visibleRows(tree, new Set(['a']))]).toEqual([0]);
  });
});

it('findRows looks at names, services and attributes', () => {
  const tree = buildTree([
    span('a', '', 0, { attributes: { 'user.tier': 'Gold' } }),
    span('b', 'a', 1, { service: 'cart' }),
  ]);
  expect(findRows(tree, 'gold')).toEqual([0]);
  expect(findRows(tree, 'cart')).toEqual([1]);
  expect(findRows(tree, ' ')).toEqual([]);
});
