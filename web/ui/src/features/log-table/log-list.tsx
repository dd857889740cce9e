// SPDX-License-Identifier: Apache-2.0
import { useVirtualizer } from '@tanstack/react-virtual';
import { useCallback, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { LogRecord } from '@/api/logs';
import { useDark } from '@/components/blocks';
import { Empty } from '@/components/states';
import { useKeymap } from '@/state/keyboard';
import { useView } from '@/state/view';
import c from './log-list.module.css';
import { LogRow } from './log-row';

export type Density = 'compact' | 'comfortable' | 'wrap';

interface LogListProps {
  rows: LogRecord[];
  onEnd?: () => void;
  empty: string;
  density?: Density;
  /** Adds a term to the query: field, value, and whether to exclude it. */
  onFilter?: (field: string, value: string, exclude: boolean) => void;
  hideTrace?: boolean;
  open?: string;
  onOpen?: (id: string | undefined) => void;
}

const heights: Record<Density, number> = { compact: 22, comfortable: 30, wrap: 26 };

export function LogList({ rows, onEnd, empty, density = 'compact', onFilter, hideTrace, open, onOpen }: LogListProps) {
  const { t } = useTranslation();
  const { zone } = useView();
  const dark = useDark();
  const scroll = useRef<HTMLDivElement>(null);
  const [ownOpen, setOwnOpen] = useState<string>();
  const [cursor, setCursor] = useState(-1);
  const expanded = onOpen ? open : ownOpen;
  const setExpanded = onOpen ?? setOwnOpen;
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => heights[density],
    getItemKey: (index) => rows[index]?.id ?? index,
    overscan: 20,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: another density means other heights
  useEffect(() => virtualizer.measure(), [density]);
  const items = virtualizer.getVirtualItems();
  const last = items.at(-1)?.index ?? -1;
  useEffect(() => {
    if (onEnd && rows.length > 0 && last >= rows.length - 40) onEnd();
  }, [onEnd, last, rows.length]);

  const toggle = useCallback((id: string) => setExpanded(expanded === id ? undefined : id), [expanded, setExpanded]);
  const move = (delta: number) => {
    const next = Math.max(0, Math.min(rows.length - 1, cursor + delta));
    setCursor(next);
    virtualizer.scrollToIndex(next, { align: 'auto' });
  };
  useKeymap(
    {
      j: () => move(1),
      k: () => move(-1),
      Enter: () => {
        const row = rows[cursor];
        if (row) toggle(row.id);
      },
      Escape: () => setExpanded(undefined),
    },
    rows.length > 0,
  );

  if (rows.length === 0) return <Empty title={empty} />;
  return (
    <div ref={scroll} className={c.scroll} role="list" aria-label={t('nav.logs')} data-testid="log-list">
      <div style={{ height: virtualizer.getTotalSize(), position: 'relative' }}>
        {items.map((item) => {
          const row = rows[item.index];
          if (!row) return null;
          const isOpen = expanded === row.id;
          return (
            <LogRow
              key={item.key}
              ref={isOpen || density === 'wrap' ? virtualizer.measureElement : undefined}
              row={row}
              index={item.index}
              top={item.start}
              height={isOpen || density === 'wrap' ? undefined : heights[density]}
              wrap={density === 'wrap'}
              zone={zone}
              dark={dark}
              open={isOpen}
              cursor={cursor === item.index}
              onToggle={toggle}
              onFilter={onFilter}
              hideTrace={hideTrace}
            />
          );
        })}
      </div>
    </div>
  );
}
