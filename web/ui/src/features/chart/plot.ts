// SPDX-License-Identifier: Apache-2.0
import type uPlot from 'uplot';
import { formatUnit, type Unit } from '@/lib/format';
import { formatAxis, type Zone } from '@/lib/time';

export interface ChartSeries {
  key: string;
  label: string;
  color: string;
  values: readonly (number | null)[];
}

export type ChartKind = 'line' | 'area' | 'stack' | 'bars';

type Column = (number | null)[];

/** Sums upwards, the first series lowest. Where every series is missing the stack is missing too. */
export function stack(series: readonly (readonly (number | null)[])[]): Column[] {
  const sums: Column = [];
  return series.map((values) =>
    values.map((value, i) => {
      const below = sums[i] ?? null;
      const sum = value === null ? below : (below ?? 0) + value;
      sums[i] = sum;
      return sum;
    }),
  );
}

/** Columns in uPlot's order: time, then series. Stacks are given from the top down, so that lower areas paint over. */
export function toData(time: readonly number[], series: readonly ChartSeries[], kind: ChartKind): uPlot.AlignedData {
  const columns = series.map((s) => s.values as Column);
  const drawn = kind === 'stack' || kind === 'bars' ? stack(columns).reverse() : columns;
  return [time as number[], ...drawn] as uPlot.AlignedData;
}

export interface Look {
  text: string;
  grid: string;
  surface: string;
}

/** Canvas does not read custom properties by itself. */
export function readLook(): Look {
  const style = getComputedStyle(document.documentElement);
  const get = (name: string) => style.getPropertyValue(name).trim();
  return { text: get('--faint'), grid: get('--grid'), surface: get('--bg') };
}

export function withAlpha(hex: string, alpha: number): string {
  const n = Number.parseInt(hex.slice(1), 16);
  return `rgba(${n >> 16}, ${(n >> 8) & 255}, ${n & 255}, ${alpha})`;
}

const timeSteps = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800,
];

const byteSteps = Array.from({ length: 50 }, (_, i) => 2 ** i);

export function axes(look: Look, unit: Unit, zone: Zone): uPlot.Axis[] {
  const common = {
    stroke: look.text,
    font: '11px system-ui',
    ticks: { show: false },
    grid: { stroke: look.grid, width: 1 },
  };
  return [
    {
      ...common,
      grid: { show: false },
      size: 24,
      gap: 4,
      space: 70,
      incrs: timeSteps,
      values: (_u, marks, _a, _s, step) => marks.map((mark) => formatAxis(mark, step, zone)),
    },
    {
      ...common,
      size: (u, values) => {
        if (!values) return 30;
        const longest = values.reduce((a, b) => (b && b.length > a.length ? b : a), '');
        u.ctx.font = '11px system-ui';
        return Math.ceil(u.ctx.measureText(longest).width) + 12;
      },
      gap: 6,
      space: 30,
      ...(unit === 'bytes' || unit === 'bytes/s' ? { incrs: byteSteps } : {}),
      values: (_u, marks) => marks.map((mark) => formatUnit(mark, unit)),
    },
  ];
}

export function yRange(unit: Unit, kind: ChartKind): uPlot.Range.Function {
  return (_u, min, max) => {
    if (min === null || max === null) return [0, 1];
    const low = kind === 'line' && min < 0 ? min * 1.05 : 0;
    if (max <= low) return [low, low + 1];
    if (unit === 'percent' && max <= 1 && max > 0.6) return [low, 1];
    return [low, max + (max - low) * 0.08];
  };
}
