// SPDX-License-Identifier: Apache-2.0
import { useElementSize } from '@mantine/hooks';
import { useEffect, useMemo, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useDark } from '@/components/blocks';
import type { Unit } from '@/lib/format';
import { useView } from '@/state/view';
import c from './chart.module.css';
import { axes, type ChartKind, type ChartSeries, readLook, toData, withAlpha, yRange } from './plot';
import { ChartTooltip, type Hover } from './tooltip';

export interface ChartPoint {
  time: number;
  value: number;
  label: string;
  id: string;
}

export interface TimeChartProps {
  time: readonly number[];
  series: readonly ChartSeries[];
  unit: Unit;
  kind?: ChartKind;
  height?: number;
  label: string;
  /** Charts with the same key share one crosshair. */
  sync?: string;
  points?: readonly ChartPoint[];
  onPoint?: (id: string) => void;
  /** Start and end of the time axis; the page's range when left out. */
  window?: { start: number; end: number };
}

function seriesOptions(series: readonly ChartSeries[], kind: ChartKind, dark: boolean): uPlot.Series[] {
  const bars = uPlot.paths.bars?.({ size: [0.82, 40], align: 1 });
  const drawn = kind === 'stack' || kind === 'bars' ? [...series].reverse() : series;
  return drawn.map((s) => ({
    label: s.label,
    stroke: kind === 'bars' ? undefined : s.color,
    width: kind === 'bars' ? 0 : kind === 'stack' ? 1 : 1.5,
    fill:
      kind === 'bars'
        ? s.color
        : kind === 'stack'
          ? mix(s.color, dark)
          : kind === 'area'
            ? withAlpha(s.color, 0.12)
            : undefined,
    paths: kind === 'bars' ? bars : undefined,
    points: { show: kind === 'bars' ? false : undefined, size: 3, fill: s.color },
    spanGaps: false,
  }));
}

/** Stacked areas paint over each other, so their fill is opaque. */
function mix(hex: string, dark: boolean): string {
  const n = Number.parseInt(hex.slice(1), 16);
  const base = dark ? 13 : 255;
  const part = (shift: number) => Math.round(((n >> shift) & 255) * 0.4 + base * 0.6);
  return `rgb(${part(16)}, ${part(8)}, ${part(0)})`;
}

export function TimeChart(props: TimeChartProps) {
  const { time, series, unit, kind = 'line', height = 180, label, sync, points, onPoint } = props;
  const { zone, zoom, range } = useView();
  const dark = useDark();
  const { ref: box, width } = useElementSize<HTMLDivElement>();
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [hover, setHover] = useState<Hover | null>(null);
  const live = useRef({ zoom, points, onPoint });
  live.current = { zoom, points, onPoint };
  const start = props.window?.start ?? range.start;
  const end = props.window?.end ?? range.end;
  // The shape decides when uPlot must be built anew; numbers alone are only set.
  const shape = JSON.stringify([series.map((s) => [s.key, s.label, s.color]), kind, unit, zone, dark, sync, width > 0]);
  const latest = useRef({ time, series, kind, start, end });
  latest.current = { time, series, kind, start, end };

  // biome-ignore lint/correctness/useExhaustiveDependencies: `shape` stands for everything that needs a rebuild
  useEffect(() => {
    if (!host.current || width === 0) return;
    const look = readLook();
    const now = latest.current;
    const options: uPlot.Options = {
      width,
      height,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        points: { show: kind !== 'bars', size: 6, width: 2 },
        sync: sync ? { key: sync, setSeries: false } : undefined,
        drag: { x: true, y: false, setScale: false, dist: 4 },
      },
      scales: {
        x: { time: true, range: () => [latest.current.start, latest.current.end] },
        y: { range: yRange(unit, kind) },
      },
      axes: axes(look, unit, zone),
      series: [{}, ...seriesOptions(now.series, kind, dark)],
      hooks: {
        setSelect: [
          (u) => {
            if (u.select.width < 4) return;
            live.current.zoom(u.posToVal(u.select.left, 'x'), u.posToVal(u.select.left + u.select.width, 'x'));
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          },
        ],
        setCursor: [
          (u) => {
            const { idx, left, top } = u.cursor;
            // Only the chart under the pointer shows the tooltip; the others only follow with the crosshair.
            if (idx === null || idx === undefined || left === undefined || left < 0 || !u.over.matches(':hover'))
              setHover(null);
            else setHover({ index: idx, left: left + u.over.offsetLeft, top: (top ?? 0) + u.over.offsetTop });
          },
        ],
        draw: [(u) => drawPoints(u, live.current.points, look.surface)],
      },
    };
    const u = new uPlot(options, toData(now.time, now.series, kind), host.current);
    plot.current = u;
    const click = (event: MouseEvent) => {
      const hit = nearest(u, live.current.points, event);
      if (hit) live.current.onPoint?.(hit.id);
    };
    u.over.addEventListener('click', click);
    return () => {
      u.destroy();
      plot.current = null;
    };
  }, [shape, height]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a changed window only needs the data set again
  useEffect(() => {
    plot.current?.setData(toData(time, series, kind));
  }, [time, series, kind, start, end, points]);

  useEffect(() => {
    if (width > 0) plot.current?.setSize({ width, height });
  }, [width, height]);

  const shown = useMemo(() => [...series], [series]);
  return (
    <div ref={box} className={c.box} style={{ height }} role="img" aria-label={label} data-testid="chart">
      <div ref={host} />
      {hover && time[hover.index] !== undefined && (
        <ChartTooltip
          hover={hover}
          time={time[hover.index] ?? 0}
          series={shown}
          unit={unit}
          zone={zone}
          width={width}
        />
      )}
    </div>
  );
}

function drawPoints(u: uPlot, points: readonly ChartPoint[] | undefined, surface: string): void {
  if (!points || points.length === 0) return;
  const { ctx } = u;
  ctx.save();
  ctx.fillStyle = '#e07b39';
  ctx.strokeStyle = surface;
  ctx.lineWidth = devicePixelRatio;
  for (const point of points) {
    const x = u.valToPos(point.time, 'x', true);
    const y = u.valToPos(point.value, 'y', true);
    if (y < u.bbox.top || y > u.bbox.top + u.bbox.height) continue;
    const r = 3.5 * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, y - r);
    ctx.lineTo(x + r, y);
    ctx.lineTo(x, y + r);
    ctx.lineTo(x - r, y);
    ctx.closePath();
    ctx.fill();
    ctx.stroke();
  }
  ctx.restore();
}

function nearest(u: uPlot, points: readonly ChartPoint[] | undefined, event: MouseEvent): ChartPoint | null {
  if (!points) return null;
  let best: ChartPoint | null = null;
  let bestDistance = 9;
  for (const point of points) {
    const distance = Math.hypot(
      u.valToPos(point.time, 'x') - event.offsetX,
      u.valToPos(point.value, 'y') - event.offsetY,
    );
    if (distance < bestDistance) {
      best = point;
      bestDistance = distance;
    }
  }
  return best;
}
