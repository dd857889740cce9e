// SPDX-License-Identifier: Apache-2.0
import { formatUnit, type Unit } from '@/lib/format';
import { formatTime, type Zone } from '@/lib/time';
import c from './chart.module.css';
import type { ChartSeries } from './plot';

export interface Hover {
  index: number;
  left: number;
  top: number;
}

interface TooltipProps {
  hover: Hover;
  time: number;
  series: readonly ChartSeries[];
  unit: Unit;
  zone: Zone;
  width: number;
}

const most = 12;

export function ChartTooltip({ hover, time, series, unit, zone, width }: TooltipProps) {
  const rows = series
    .map((s) => ({ key: s.key, label: s.label, color: s.color, value: s.values[hover.index] ?? null }))
    .filter((row) => row.value !== null)
    .sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
  const right = hover.left > width / 2;
  const style = right ? { right: width - hover.left + 12, top: 8 } : { left: hover.left + 12, top: 8 };
  return (
    <div className={c.tooltip} style={style}>
      <div className={c.tooltipTime}>{formatTime(time, zone)}</div>
      {rows.slice(0, most).map((row) => (
        <div key={row.key} className={c.tooltipRow}>
          <span className={c.swatch} style={{ background: row.color }} />
          <span className="truncate">{row.label}</span>
          <b>{formatUnit(row.value, unit)}</b>
        </div>
      ))}
      {rows.length > most && <div className="faint">+{rows.length - most}</div>}
    </div>
  );
}
