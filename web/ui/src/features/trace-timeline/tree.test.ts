// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Span } from '@/api/traces';
import { buildTree, findRows, findSpan, hasChildren, visibleRows } from './tree';

function span(id: string, parent: string, offset: number, more: Partial<Span> = {}): Span {
  return {
    id,
    parent,
    name: id,
    kind: 'internal',
    service: 's',
    offset_ns: offset,
    duration_ns: 1,
    clock_skew_ns: 0,
    status: 'unset',
    status_message: '',
    resource: 0,
    scope: 0,
    attributes: {},
    events: [],
    links: [],
    resource_schema_url: '',
    flags: 0,
    nested: {},
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

describe('spans that share an id', () => {
  const client = (parent: string) => span('x', parent, 10, { kind: 'client', service: 'front', name: 'call' });
  const server = (parent: string) => span('x', parent, 20, { kind: 'server', service: 'stock', name: 'handler' });
  const names = (spans: Span[]) => {
    const tree = buildTree(spans);
    return tree.spans.map((s, row) => `${'-'.repeat(tree.depth[row] ?? 0)}${s.name}`);
  };

  it.each([
    ['the shared id', 'x'],
    ["the client's parent", 'a'],
  ])('hang the server below the client, when it names %s', (_, parent) => {
    const root = span('a', '', 0, { service: 'front' });
    expect(names([root, client('a'), server(parent)])).toEqual(['a', '-call', '--handler']);
    expect(names([root, server(parent), client('a')])).toEqual(['a', '-call', '--handler']);
    expect(names([client(''), server('')])).toEqual(['call', '-handler']);
  });

  it('have children of their own side', () => {
    const spans = [
      span('a', '', 0, { service: 'front' }),
      client('a'),
      server('x'),
      span('connect', 'x', 11, { service: 'front' }),
      span('query', 'x', 22, { service: 'stock' }),
      span('other', 'x', 23, { service: 'third', kind: 'server' }),
    ];
    expect(names(spans)).toEqual(['a', '-call', '--connect', '--handler', '---query', '---other']);
  });

  it('have keys of their own, which a link finds again', () => {
    const tree = buildTree([span('a', '', 0), client('a'), server('x')]);
    expect(tree.key).toEqual(['a', 'x.client', 'x.server']);
    const found = (wanted: string) => tree.spans[findSpan(tree, wanted)]?.name;
    expect(found('x.client')).toBe('call');
    expect(found('x.server')).toBe('handler');
    expect(found('x')).toBe('call');
    expect(found('x@stock')).toBe('handler');
    expect(found('a@front')).toBe('a');
    expect(found('b')).toBeUndefined();
    expect(findSpan(tree, undefined)).toBe(-1);
    // Before the other side has arrived, the key still leads to the one that is there.
    expect(findSpan(buildTree([span('a', '', 0), client('a')]), 'x.client')).toBe(1);
    expect([...tree.parent]).toEqual([-1, 0, 1]);
  });

  it('fold one by one, also when one was stored twice', () => {
    const tree = buildTree([client(''), server('x'), server('x'), span('query', 'x', 22, { service: 'stock' })]);
    expect(tree.key).toEqual(['x.client', 'x.server', 'query', 'x.server.2']);
    expect([...visibleRows(tree, new Set(['x.server']))]).toEqual([0, 1, 3]);
  });

  it('survive all being their own parents', () => {
    expect(ids([server('x'), server('x'), client('x')])).toEqual(['x', 'x', 'x']);
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
