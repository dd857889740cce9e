// SPDX-License-Identifier: Apache-2.0
import type { ReactNode } from 'react';
import type { Column } from './columns';

interface Cell {
  id: string;
  header: string;
  width: number;
  grow?: boolean;
  minPage?: number;
}

/** A column of numbers: aligned at the end, sorted by the value, shown by its format. */
export function numeric<T, V extends number | null | undefined>({
  value,
  show,
  ...cell
}: Cell & { value: (row: T) => V; show: (value: V) => ReactNode }): Column<T> {
  return { ...cell, align: 'end', sort: value, render: (row) => show(value(row)) };
}

/** A column of text, sorted as it is shown. */
export function text<T>({
  value,
  className,
  ...cell
}: Cell & { value: (row: T) => string; className?: 'mono' | 'dim' }): Column<T> {
  return {
    ...cell,
    sort: value,
    render: (row) => (className ? <span className={className}>{value(row)}</span> : value(row)),
  };
}
