// SPDX-License-Identifier: Apache-2.0
import { useViewportSize } from '@mantine/hooks';
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type PointerEvent, type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import { useKeymap } from '@/state/keyboard';
import { useStored } from '@/state/storage';
import { type Column, sortRows, template, totalWidth } from './columns';
import c from './data-table.module.css';

interface DataTableProps<T> {
  /** Key under which the widths of this table are kept. */
  id: string;
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
  sort?: { id: string; desc: boolean };
  onSort?: (sort: string) => void;
  onOpen?: (row: T) => void;
  selected?: string;
  rowHeight?: number;
  maxHeight?: number;
  /** Takes the height of the page, with its own scrolling. */
  fill?: boolean;
  /** Only one table of a page listens to j and k. */
  keyboard?: boolean;
  empty?: ReactNode;
  onEnd?: () => void;
  footer?: ReactNode;
}

const virtualOver = 200;

export function DataTable<T>(props: DataTableProps<T>) {
  const { id, label, rows, rowKey, onOpen, rowHeight = 32, maxHeight, fill, onEnd } = props;
  const { width: pageWidth } = useViewportSize();
  const [widths, setWidths] = useStored<Record<string, number>>(`columns.${id}`, {});
  const columns = useMemo(
    () => props.columns.filter((column) => !column.minPage || pageWidth === 0 || pageWidth >= column.minPage),
    [props.columns, pageWidth],
  );
  const [ownSort, setOwnSort] = useState<{ id: string; desc: boolean }>();
  const sort = props.onSort ? props.sort : (ownSort ?? props.sort);
  const sorted = useMemo(
    () =>
      sortRows(
        rows,
        props.columns.find((column) => column.id === sort?.id),
        sort?.desc ?? false,
      ),
    [rows, props.columns, sort?.id, sort?.desc],
  );
  const scroll = useRef<HTMLDivElement>(null);
  const [cursor, setCursor] = useState(-1);
  const virtual = sorted.length > virtualOver;
  const virtualizer = useVirtualizer({
    count: virtual ? sorted.length : 0,
    getScrollElement: () => scroll.current,
    estimateSize: () => rowHeight,
    overscan: 12,
  });
  const items = virtualizer.getVirtualItems();
  const lastIndex = items.at(-1)?.index ?? -1;
  useEffect(() => {
    if (onEnd && virtual && lastIndex >= sorted.length - 20) onEnd();
  }, [onEnd, virtual, lastIndex, sorted.length]);

  const move = (delta: number) => {
    const next = Math.max(0, Math.min(sorted.length - 1, cursor + delta));
    setCursor(next);
    if (virtual) virtualizer.scrollToIndex(next, { align: 'auto' });
    else scroll.current?.querySelectorAll('[data-row]')[next]?.scrollIntoView({ block: 'nearest' });
  };
  const openCursor = () => {
    const row = sorted[cursor];
    if (row && onOpen) onOpen(row);
  };
  useKeymap(
    {
      j: () => move(1),
      k: () => move(-1),
      Enter: (event) => {
        if (event.target instanceof HTMLAnchorElement || event.target instanceof HTMLButtonElement) {
          event.target.click();
          return;
        }
        openCursor();
      },
    },
    props.keyboard === true && sorted.length > 0,
  );

  const changeSort = (column: Column<T>) => {
    // Numbers are mostly wanted largest first, names from A.
    const numeric = column.align === 'end';
    const desc = sort?.id === column.id ? !sort.desc : numeric;
    if (props.onSort) props.onSort(desc ? `-${column.id}` : column.id);
    else setOwnSort({ id: column.id, desc });
  };
  const grid = { gridTemplateColumns: template(columns, widths) };
  const row = (item: T, index: number, style?: React.CSSProperties) => (
    // biome-ignore lint/a11y/useKeyWithClickEvents: j, k and Enter are handled for the whole table
    <div
      key={rowKey(item)}
      role="row"
      data-row
      data-click={onOpen ? true : undefined}
      aria-rowindex={index + 2}
      aria-selected={props.selected === rowKey(item) || cursor === index}
      className={c.row}
      style={{ ...grid, ...style }}
      onClick={() => onOpen?.(item)}
    >
      {columns.map((column) => (
        <div key={column.id} role="cell" className={column.align === 'end' ? `${c.cell} ${c.end}` : c.cell}>
          {column.render(item)}
        </div>
      ))}
    </div>
  );

  return (
    <div
      ref={scroll}
      className={c.scroll}
      data-fill={fill || undefined}
      style={{
        maxHeight: fill ? undefined : (maxHeight ?? (virtual ? 640 : undefined)),
        ['--row' as string]: `${rowHeight}px`,
      }}
    >
      <div
        role="table"
        aria-label={label}
        aria-rowcount={sorted.length + 1}
        className={c.inner}
        style={{ minWidth: totalWidth(columns, widths) }}
      >
        <div role="row" className={c.head} style={grid}>
          {columns.map((column) => {
            const active = sort?.id === column.id;
            return (
              <div
                key={column.id}
                role="columnheader"
                aria-sort={active ? (sort.desc ? 'descending' : 'ascending') : undefined}
                className={column.align === 'end' ? `${c.headCell} ${c.end}` : c.headCell}
              >
                {column.sort ? (
                  <button type="button" onClick={() => changeSort(column)}>
                    <span className="truncate">{column.header}</span>
                    {active && (sort.desc ? <IconArrowDown size={11} /> : <IconArrowUp size={11} />)}
                  </button>
                ) : (
                  <span className="truncate">{column.header}</span>
                )}
                <Grip onResize={(width) => setWidths({ ...widths, [column.id]: width })} />
              </div>
            );
          })}
        </div>
        {virtual ? (
          <div style={{ height: virtualizer.getTotalSize(), position: 'relative' }}>
            {items.map((item) => {
              const data = sorted[item.index];
              const style = {
                position: 'absolute' as const,
                top: 0,
                left: 0,
                right: 0,
                height: rowHeight,
                transform: `translateY(${item.start}px)`,
              };
              return data === undefined ? null : row(data, item.index, style);
            })}
          </div>
        ) : (
          sorted.map((item, index) => row(item, index))
        )}
      </div>
      {sorted.length === 0 && props.empty && <div className={c.empty}>{props.empty}</div>}
      {props.footer}
    </div>
  );
}

function Grip({ onResize }: { onResize: (width: number) => void }) {
  const start = (event: PointerEvent<HTMLSpanElement>) => {
    event.preventDefault();
    const handle = event.currentTarget;
    const from = event.clientX;
    const width = handle.parentElement?.getBoundingClientRect().width ?? 100;
    handle.setPointerCapture(event.pointerId);
    const onMove = (e: globalThis.PointerEvent) => onResize(Math.max(48, Math.round(width + e.clientX - from)));
    handle.addEventListener('pointermove', onMove);
    handle.addEventListener('pointerup', () => handle.removeEventListener('pointermove', onMove), { once: true });
  };
  return <span className={c.grip} onPointerDown={start} aria-hidden />;
}
