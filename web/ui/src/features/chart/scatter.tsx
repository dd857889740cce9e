// SPDX-License-Identifier: Apache-2.0
import { useElementSize } from '@mantine/hooks';
import { useEffect, useMemo, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useDark } from '@/components/blocks';
import { useView } from '@/state/view';
import c from './chart.module.css';
import { axes, readLook } from './plot';

export interface Dot {
  id: string;
  time: number;
  value: number;
  bad: boolean;
  label: string;
}

/** On a logarithmic axis only the powers of ten get a mark. */
function decadeAxes([x, y]: uPlot.Axis[]): uPlot.Axis[] {
  const splits = (_u: uPlot, _axis: number, min: number, max: number) => {
    const out: number[] = [];
    for (let at = 10 ** Math.ceil(Math.log10(min)); at <= max; at *= 10) out.push(at);
    return out.length > 0 ? out : [min];
  };
  return [{ ...x }, { ...y, splits, filter: (_u, marks) => marks }];
}

interface ScatterProps {
  dots: readonly Dot[];
  height: number;
  label: string;
  format: (value: number) => string;
  onOpen: (id: string) => void;
  /** The time axis starts with the earliest dot and not with the page's range: there are more than are shown. */
  partial?: boolean;
}

const reach = 10;

/** Duration over time, one dot per trace on a logarithmic axis. Click opens, drag zooms. */
export function Scatter({ dots, height, label, format, onOpen, partial }: ScatterProps) {
  const { zone, zoom, range: all } = useView();
  const dark = useDark();
  const { ref: box, width } = useElementSize<HTMLDivElement>();
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [hover, setHover] = useState<{ dot: Dot; left: number; top: number } | null>(null);
  const sorted = useMemo(() => dots.filter((dot) => dot.value > 0).sort((a, b) => a.time - b.time), [dots]);
  const first = sorted[0]?.time;
  const range = useMemo(
    () => (partial && first !== undefined ? { start: Math.max(all.start, first), end: all.end } : all),
    [partial, first, all],
  );
  const data = useMemo(
    (): uPlot.AlignedData => [
      sorted.map((dot) => dot.time),
      sorted.map((dot) => (dot.bad ? null : dot.value)),
      sorted.map((dot) => (dot.bad ? dot.value : null)),
    ],
    [sorted],
  );
  const live = useRef({ zoom, onOpen, sorted, range, data });
  live.current = { zoom, onOpen, sorted, range, data };

  useEffect(() => {
    if (!host.current || width === 0) return;
    const find = (u: uPlot, x: number, y: number): Dot | null => {
      let best: Dot | null = null;
      let distance = reach;
      for (const dot of live.current.sorted) {
        const d = Math.hypot(u.valToPos(dot.time, 'x') - x, u.valToPos(dot.value, 'y') - y);
        if (d < distance) {
          best = dot;
          distance = d;
        }
      }
      return best;
    };
    const series = (stroke: string): uPlot.Series => ({
      paths: () => null,
      points: { show: true, size: 6, width: 0, fill: stroke, stroke },
    });
    const u = new uPlot(
      {
        width,
        height,
        padding: [8, 8, 0, 0],
        legend: { show: false },
        cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false, dist: 4 } },
        scales: {
          x: { time: true, range: () => [live.current.range.start, live.current.range.end] },
          y: {
            distr: 3,
            range: (_u, min, max) => (min === null || max === null ? [1e6, 1e9] : [min / 1.6, max * 1.6]),
          },
        },
        axes: decadeAxes(axes(readLook(), 'ns', zone)),
        series: [
          {},
          series(dark ? 'rgba(110,168,254,.65)' : 'rgba(47,111,222,.6)'),
          series(dark ? '#e5534b' : '#d64541'),
        ],
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
              const { left = -1, top = -1 } = u.cursor;
              const dot = left < 0 ? null : find(u, left, top);
              u.over.style.cursor = dot ? 'pointer' : '';
              setHover(
                dot
                  ? { dot, left: u.valToPos(dot.time, 'x') + u.over.offsetLeft, top: u.valToPos(dot.value, 'y') }
                  : null,
              );
            },
          ],
        },
      },
      live.current.data,
      host.current,
    );
    u.over.addEventListener('click', (event) => {
      const dot = find(u, event.offsetX, event.offsetY);
      if (dot) live.current.onOpen(dot.id);
    });
    plot.current = u;
    return () => {
      u.destroy();
      plot.current = null;
    };
  }, [width, height, zone, dark]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a changed range only needs the scales again
  useEffect(() => {
    plot.current?.setData(data);
  }, [data, range]);

  return (
    <div ref={box} className={c.box} style={{ height }} role="img" aria-label={label} data-testid="scatter">
      <div ref={host} />
      {hover && (
        <div
          className={c.tooltip}
          style={{
            top: Math.max(0, hover.top - 12),
            ...(hover.left > width / 2 ? { right: width - hover.left + 12 } : { left: hover.left + 12 }),
          }}
        >
          <div className="truncate">{hover.dot.label}</div>
          <b>{format(hover.dot.value)}</b>
        </div>
      )}
    </div>
  );
}
