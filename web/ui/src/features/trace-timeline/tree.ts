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
  /** Row of the parent, -1 where the span is shown as a root. */
  parent: Int32Array;
  /** What tells the row from all others: the span's id or, where several spans share one, the id and the kind. */
  key: string[];
  rowOf: Map<string, number>;
}

/** Builds the tree without recursion. A span whose parent is missing, or in a cycle, becomes a root of its own. */
export function buildTree(spans: readonly Span[]): TraceTree {
  const count = spans.length;
  const index = indexById(spans);
  const firstChild = new Int32Array(count).fill(-1);
  const nextSibling = new Int32Array(count).fill(-1);
  const missing = new Uint8Array(count);
  // Linked backwards, so that walking a list of children gives the latest first: right for a stack.
  const byStart = orderByStart(spans);
  const roots: number[] = [];
  for (const i of byStart) {
    const span = spans[i] as Span;
    const parent = parentOf(spans, index, i);
    if (parent < 0) {
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
    parent: new Int32Array(count),
    key: new Array<string>(count),
    rowOf: new Map(),
  };
  const keys = keysOf(spans, index);
  const seen = new Uint8Array(count);
  let row = 0;
  const walk = (root: number) => {
    const stack: number[] = [root];
    const parents: number[] = [-1];
    while (stack.length > 0) {
      const i = stack.pop() as number;
      const above = parents.pop() as number;
      if (seen[i]) continue;
      seen[i] = 1;
      out.spans[row] = spans[i] as Span;
      out.depth[row] = above < 0 ? 0 : (out.depth[above] ?? 0) + 1;
      out.parent[row] = above;
      out.orphan[row] = missing[i] ?? 0;
      out.source[row] = i;
      out.key[row] = keys[i] as string;
      out.rowOf.set(keys[i] as string, row);
      for (let child = firstChild[i] ?? -1; child >= 0; child = nextSibling[child] ?? -1) {
        stack.push(child);
        parents.push(row);
      }
      row++;
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
  nameShared(out, spans, index);
  closeSubtrees(out, row);
  return out;
}

/** Spans by id: mostly one, the two sides of a call where the server goes on with the client's id, as Zipkin's do. */
type Index = Map<string, number | number[]>;

function indexById(spans: readonly Span[]): Index {
  const index: Index = new Map();
  for (let i = 0; i < spans.length; i++) {
    const { id } = spans[i] as Span;
    const known = index.get(id);
    if (known === undefined) index.set(id, i);
    else if (typeof known === 'number') index.set(id, [known, i]);
    else known.push(i);
  }
  return index;
}

const receives = (span: Span) => span.kind === 'server' || span.kind === 'consumer';
const sends = (span: Span) => span.kind === 'client' || span.kind === 'producer';

/** Index of the span that i hangs below, or -1. */
function parentOf(spans: readonly Span[], index: Index, i: number): number {
  const span = spans[i] as Span;
  const own = index.get(span.id);
  if (typeof own === 'object' && receives(span)) {
    // The server's side of a shared span names the client's parent, or the shared id itself.
    const caller = own.find((at) => {
      const other = spans[at] as Span;
      return sends(other) && (span.parent === span.id || span.parent === other.parent);
    });
    if (caller !== undefined) return caller;
  }
  if (span.parent === '') return -1;
  const found = index.get(span.parent);
  if (found === undefined) return -1;
  if (typeof found === 'number') return found === i ? -1 : found;
  // What a service does below a shared span belongs to its own side; of other services' spans to the side that was called.
  let best = -1;
  let bestScore = -1;
  for (const at of found) {
    if (at === i) continue;
    const other = spans[at] as Span;
    const score = (other.service === span.service ? 2 : 0) + (receives(other) ? 1 : 0);
    if (score > bestScore) {
      best = at;
      bestScore = score;
    }
  }
  return best;
}

/** A key for each span. It does not depend on what arrives later, but for the first time that an id turns out to be shared. */
function keysOf(spans: readonly Span[], index: Index): string[] {
  const keys = spans.map((span) => span.id);
  for (const [id, found] of index) {
    if (typeof found === 'number') continue;
    const kinds = new Map<string, number>();
    for (const at of found) {
      const { kind } = spans[at] as Span;
      const n = (kinds.get(kind) ?? 0) + 1;
      kinds.set(kind, n);
      keys[at] = n === 1 ? `${id}.${kind}` : `${id}.${kind}.${n}`;
    }
  }
  return keys;
}

/** A shared id alone means its first span, with a service that service's. */
function nameShared(tree: TraceTree, spans: readonly Span[], index: Index): void {
  const rows = new Int32Array(spans.length);
  for (let row = 0; row < spans.length; row++) rows[tree.source[row] ?? 0] = row;
  for (const [id, found] of index) {
    if (typeof found === 'number') continue;
    for (let n = found.length - 1; n >= 0; n--) {
      const at = found[n] as number;
      tree.rowOf.set(id, rows[at] ?? 0);
      tree.rowOf.set(`${id}@${(spans[at] as Span).service}`, rows[at] ?? 0);
    }
  }
}

/** Row of a key, of an id or of `id@service`; -1 where there is none. */
export function findSpan(tree: TraceTree, wanted: string | undefined): number {
  if (wanted === undefined) return -1;
  return tree.rowOf.get(wanted) ?? tree.rowOf.get(wanted.replace(/[@.].*$/, '')) ?? -1;
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
    row = collapsed.size > 0 && collapsed.has(tree.key[row] as string) ? (tree.end[row] as number) : row + 1;
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
