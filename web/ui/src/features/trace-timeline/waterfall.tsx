// SPDX-License-Identifier: Apache-2.0
import { useVirtualizer } from '@tanstack/react-virtual';
import { type PointerEvent, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useDark } from '@/components/blocks';
import { formatDuration } from '@/lib/format';
import { useKeymap } from '@/state/keyboard';
import { useStored } from '@/state/storage';
import { Minimap } from './minimap';
import { SpanRow } from './span-row';
import c from './trace-timeline.module.css';
import { findSpan, hasChildren, type TraceTree, visibleRows } from './tree';

interface WaterfallProps {
  tree: TraceTree;
  durationNs: number;
  /** False while pages are still on their way: a missing parent may yet come. */
  complete: boolean;
  /** A span's key in the tree. */
  selected: string | undefined;
  onSelect: (key: string | undefined) => void;
  matched: ReadonlySet<number> | null;
  /** Row to bring into view; a new object scrolls again. */
  reveal: { row: number } | null;
}

const rowHeight = 26;

export interface Window {
  from: number;
  to: number;
}

export function Waterfall({ tree, durationNs, complete, selected, onSelect, matched, reveal }: WaterfallProps) {
  const { t } = useTranslation();
  const dark = useDark();
  const scroll = useRef<HTMLDivElement>(null);
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(new Set());
  const [view, setView] = useState<Window | null>(null);
  const [split, setSplit] = useStored('trace-split', 40);
  const rows = useMemo(() => visibleRows(tree, collapsed), [tree, collapsed]);
  const window = view ?? { from: 0, to: Math.max(1, durationNs) };
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => rowHeight,
    overscan: 8,
  });

  const positionOf = useCallback((row: number) => lowerBound(rows, row), [rows]);
  const selectedRow = findSpan(tree, selected);
  const cursor = positionOf(selectedRow);

  const toggle = useCallback(
    (id: string) =>
      setCollapsed((old) => {
        const next = new Set(old);
        if (!next.delete(id)) next.add(id);
        return next;
      }),
    [],
  );

  // biome-ignore lint/correctness/useExhaustiveDependencies: only a new wish to reveal scrolls
  useEffect(() => {
    if (!reveal || reveal.row < 0) return;
    setCollapsed((old) => (old.size === 0 ? old : openAncestors(tree, old, reveal.row)));
    requestAnimationFrame(() => virtualizer.scrollToIndex(positionOf(reveal.row), { align: 'center' }));
  }, [reveal]);

  const go = (position: number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, position))];
    const key = row === undefined ? undefined : tree.key[row];
    if (key === undefined) return;
    onSelect(key);
    virtualizer.scrollToIndex(position, { align: 'auto' });
  };
  const fold = (close: boolean) => {
    const row = rows[cursor];
    const key = row === undefined ? undefined : tree.key[row];
    if (row === undefined || key === undefined) return;
    if (close && (collapsed.has(key) || !hasChildren(tree, row))) {
      const parent = tree.parent[row] ?? -1;
      if (parent >= 0) go(positionOf(parent));
    } else if (collapsed.has(key) !== close) {
      toggle(key);
    } else if (!close && hasChildren(tree, row)) {
      go(cursor + 1);
    }
  };
  useKeymap({
    j: () => go(cursor + 1),
    k: () => go(cursor - 1),
    ArrowDown: () => go(cursor + 1),
    ArrowUp: () => go(cursor - 1),
    ArrowLeft: () => fold(true),
    ArrowRight: () => fold(false),
    h: () => fold(true),
    l: () => fold(false),
    Home: () => go(0),
    End: () => go(rows.length - 1),
    c: () => setCollapsed(allBelow(tree, 1)),
    e: () => setCollapsed(new Set()),
    Escape: () => (selected === undefined ? setView(null) : onSelect(undefined)),
  });

  const span = window.to - window.from;
  const ticks = [0, 0.25, 0.5, 0.75].map((part) => window.from + span * part);
  const items = virtualizer.getVirtualItems();
  return (
    <div className={c.waterfall} style={{ ['--split' as string]: `${split}%` }}>
      <Minimap
        tree={tree}
        rows={rows}
        durationNs={durationNs}
        window={view}
        onWindow={setView}
        onJump={(part) => virtualizer.scrollToIndex(Math.floor(part * rows.length), { align: 'center' })}
      />
      <div className={c.ruler}>
        <span className={c.rulerName}>
          {t('trace.spanColumn')}
          <Splitter onSplit={setSplit} />
        </span>
        <span className={c.rulerTime}>
          {ticks.map((tick, i) => (
            <span key={i} style={{ left: `${i * 25}%` }}>
              {formatDuration(tick)}
            </span>
          ))}
        </span>
      </div>
      <div ref={scroll} className={c.rows} role="tree" aria-label={t('trace.timeline')} data-testid="waterfall">
        <div style={{ height: virtualizer.getTotalSize(), position: 'relative' }}>
          {items.map((item) => {
            const row = rows[item.index] as number;
            const data = tree.spans[row];
            const key = tree.key[row];
            if (!data || key === undefined) return null;
            return (
              <SpanRow
                key={key}
                id={key}
                span={data}
                top={item.start}
                height={rowHeight}
                depth={tree.depth[row] ?? 0}
                folded={collapsed.has(key)}
                hidden={hasChildren(tree, row) ? (tree.end[row] ?? 0) - row - 1 : 0}
                errorsBelow={tree.errorsBelow[row] ?? 0}
                orphan={complete && tree.orphan[row] === 1}
                selected={row === selectedRow}
                faded={matched !== null && !matched.has(row)}
                from={window.from}
                span_ns={span}
                dark={dark}
                onSelect={onSelect}
                onToggle={toggle}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

function lowerBound(rows: Int32Array, row: number): number {
  let low = 0;
  let high = rows.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((rows[middle] as number) <= row) low = middle;
    else high = middle - 1;
  }
  return row < 0 ? -1 : low;
}

function openAncestors(tree: TraceTree, collapsed: ReadonlySet<string>, row: number): ReadonlySet<string> {
  const next = new Set(collapsed);
  for (let at = tree.parent[row] ?? -1; at >= 0; at = tree.parent[at] ?? -1) next.delete(tree.key[at] as string);
  return next;
}

function allBelow(tree: TraceTree, depth: number): ReadonlySet<string> {
  const out = new Set<string>();
  tree.key.forEach((key, row) => {
    if ((tree.depth[row] ?? 0) >= depth && hasChildren(tree, row)) out.add(key);
  });
  return out;
}

function Splitter({ onSplit }: { onSplit: (percent: number) => void }) {
  const start = (event: PointerEvent<HTMLSpanElement>) => {
    event.preventDefault();
    const handle = event.currentTarget;
    const box = handle.closest(`.${c.waterfall}`)?.getBoundingClientRect();
    if (!box) return;
    handle.setPointerCapture(event.pointerId);
    const onMove = (e: globalThis.PointerEvent) =>
      onSplit(Math.round(Math.max(15, Math.min(75, ((e.clientX - box.left) / box.width) * 100))));
    handle.addEventListener('pointermove', onMove);
    handle.addEventListener('pointerup', () => handle.removeEventListener('pointermove', onMove), { once: true });
  };
  return <span className={c.splitter} onPointerDown={start} aria-hidden />;
}
