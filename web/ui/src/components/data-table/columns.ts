// SPDX-License-Identifier: Apache-2.0
import type { ReactNode } from 'react';

export interface Column<T> {
  id: string;
  header: string;
  render: (row: T) => ReactNode;
  /** What the column sorts by; a column without it cannot be sorted. */
  sort?: (row: T) => number | string | null | undefined;
  /** Pixels. */
  width: number;
  /** Takes the room that is left. */
  grow?: boolean;
  align?: 'start' | 'end';
  /** Left out where the page is narrower than this. */
  minPage?: number;
}

/** Rows in the order asked for; rows without a value come last either way. */
export function sortRows<T>(rows: readonly T[], column: Column<T> | undefined, desc: boolean): T[] {
  const key = column?.sort;
  if (!key) return [...rows];
  return rows
    .map((row, index) => ({ row, index, value: key(row) }))
    .sort((a, b) => {
      const aNone = a.value === null || a.value === undefined;
      const bNone = b.value === null || b.value === undefined;
      if (aNone || bNone) return aNone === bNone ? a.index - b.index : aNone ? 1 : -1;
      const order =
        typeof a.value === 'number' && typeof b.value === 'number'
          ? a.value - b.value
          : String(a.value).localeCompare(String(b.value), undefined, { numeric: true });
      return (desc ? -order : order) || a.index - b.index;
    })
    .map(({ row }) => row);
}

export function template<T>(columns: readonly Column<T>[], widths: Record<string, number>): string {
  return columns
    .map((column) => {
      const width = widths[column.id];
      if (width) return `${width}px`;
      return column.grow ? `minmax(${column.width}px, 1fr)` : `${column.width}px`;
    })
    .join(' ');
}

/** What the table needs at least; where there is less room it scrolls sideways. */
export function totalWidth<T>(columns: readonly Column<T>[], widths: Record<string, number>): number {
  return columns.reduce((sum, column) => sum + (widths[column.id] || column.width), 0);
}
