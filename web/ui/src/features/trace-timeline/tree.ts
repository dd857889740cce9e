// SPDX-License-Identifier: Apache-2.0
import type { Span } from '@/api/traces';

/**
 * A trace in display order: parents before children, siblings by start. Plain arrays by row, because a trace may
 * have 100 000 spans and the list is walked on every keystroke of a search.
 */
export interface TraceTree {
  spans: Span[];
  depth: Int32Array;
  /** Row after the last descendant. */
  end: Int32Array;
  /** 1 where the span names a parent that is not in the trace. */
  orphan: Uint8Array;
  /** Errors among the descendants, the span itself left out. */
  errorsBelow: Int32Array;
  /** Index of the span in the order of arrival, to find its page. */
  source: Int32Array;
  rowOf: Map<string, number>;
}

/** Builds the tree without recursion. A span whose parent is missing, or in a cycle, becomes a root of its own. */
export function buildTree(spans: readonly Span[]): TraceTree {
  const count = spans.length;
  const index = new Map<string, number>();
  for (let i = 0; i < count; i++) index.set((spans[i] as Span).id, i);
  const firstChild = new Int32Array(count).fill(-1);
  const nextSibling = new Int32Array(count).fill(-1);
  const missing = new Uint8Array(count);
  // Linked backwards, so that walking a list of children gives the latest first: right for a stack.
  const byStart = orderByStart(spans);
  const roots: number[] = [];
  for (const i of byStart) {
    const span = spans[i] as Span;
    const parent = span.parent === '' ? undefined : index.get(span.parent);
    if (parent === undefined || parent === i) {
      roots.push(i);
      missing[i] = span.parent === '' ? 0 : 1;
    } else {
      nextSibling[i] = firstChild[parent] ?? -1;
      firstChild[parent] = i;
    }
  }
  const out: TraceTree = {
    spans: new Array<Span>(count),
    depth: new Int32Array(count),
    end: new Int32Array(count),
    orphan: new Uint8Array(count),
    errorsBelow: new Int32Array(count),
    source: new Int32Array(count),
    rowOf: new Map(),
  };
  const seen = new Uint8Array(count);
  let row = 0;
  const walk = (root: number) => {
    const stack: number[] = [root];
    const depths: number[] = [0];
    while (stack.length > 0) {
      const i = stack.pop() as number;
      const depth = depths.pop() as number;
      if (seen[i]) continue;
      seen[i] = 1;
      const span = spans[i] as Span;
      out.spans[row] = span;
      out.depth[row] = depth;
      out.orphan[row] = missing[i] ?? 0;
      out.source[row] = i;
      out.rowOf.set(span.id, row);
      row++;
      for (let child = firstChild[i] ?? -1; child >= 0; child = nextSibling[child] ?? -1) {
        stack.push(child);
        depths.push(depth + 1);
      }
    }
  };
  for (const root of roots) walk(root);
  // Only members of a cycle are left.
  for (const i of byStart) {
    if (!seen[i]) {
      missing[i] = 1;
      walk(i);
    }
  }
  closeSubtrees(out, row);
  return out;
}

function orderByStart(spans: readonly Span[]): number[] {
  const order = Array.from({ length: spans.length }, (_, i) => i);
  let sorted = true;
  for (let i = 1; i < spans.length && sorted; i++) {
    sorted = (spans[i - 1] as Span).offset_ns <= (spans[i] as Span).offset_ns;
  }
  return sorted ? order : order.sort((a, b) => (spans[a] as Span).offset_ns - (spans[b] as Span).offset_ns || a - b);
}

function closeSubtrees(tree: TraceTree, count: number): void {
  const open: number[] = [];
  for (let row = 0; row <= count; row++) {
    const depth = row < count ? (tree.depth[row] ?? 0) : -1;
    while (open.length > 0 && (tree.depth[open.at(-1) as number] ?? 0) >= depth) {
      const closed = open.pop() as number;
      tree.end[closed] = row;
      const parent = open.at(-1);
      if (parent !== undefined) {
        const own = tree.spans[closed]?.status === 'error' ? 1 : 0;
        tree.errorsBelow[parent] = (tree.errorsBelow[parent] ?? 0) + (tree.errorsBelow[closed] ?? 0) + own;
      }
    }
    if (row < count) open.push(row);
  }
}

/** Rows to show: everything except what lies below a collapsed span. */
export function visibleRows(tree: TraceTree, collapsed: ReadonlySet<string>): Int32Array {
  const count = tree.spans.length;
  const out = new Int32Array(count);
  let n = 0;
  for (let row = 0; row < count; ) {
    out[n++] = row;
    row = collapsed.size > 0 && collapsed.has((tree.spans[row] as Span).id) ? (tree.end[row] as number) : row + 1;
  }
  return out.subarray(0, n);
}

export const hasChildren = (tree: TraceTree, row: number) => (tree.end[row] ?? 0) > row + 1;

/** Rows whose span holds the text in its name, service, id or an attribute. */
export function findRows(tree: TraceTree, text: string): number[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return [];
  const out: number[] = [];
  for (let row = 0; row < tree.spans.length; row++) {
    if (matches(tree.spans[row] as Span, wanted)) out.push(row);
  }
  return out;
}

function matches(span: Span, wanted: string): boolean {
  if (span.name.toLowerCase().includes(wanted) || span.service.toLowerCase().includes(wanted) || span.id === wanted)
    return true;
  if (wanted === 'error' && span.status === 'error') return true;
  for (const key in span.attributes) {
    if (key.includes(wanted) || span.attributes[key]?.toLowerCase().includes(wanted)) return true;
  }
  return span.status_message.toLowerCase().includes(wanted);
}
