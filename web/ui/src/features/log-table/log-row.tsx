// SPDX-License-Identifier: Apache-2.0
import { memo, type Ref } from 'react';
import type { LogRecord } from '@/api/logs';
import { formatStamp, type Zone } from '@/lib/time';
import { entityColor, levelColor } from '@/theme/colors';
import { LogDetail } from './log-detail';
import c from './log-list.module.css';

interface LogRowProps {
  ref?: Ref<HTMLDivElement>;
  row: LogRecord;
  index: number;
  top: number;
  height: number | undefined;
  wrap: boolean;
  zone: Zone;
  dark: boolean;
  open: boolean;
  cursor: boolean;
  onToggle: (id: string) => void;
  onFilter?: (field: string, value: string, exclude: boolean) => void;
  hideTrace?: boolean;
}

export const LogRow = memo(function LogRow(props: LogRowProps) {
  const { row, open, dark } = props;
  const stamp = formatStamp(row.time, props.zone);
  return (
    <div
      ref={props.ref}
      data-index={props.index}
      role="listitem"
      className={c.item}
      style={{ transform: `translateY(${props.top}px)`, height: props.height }}
    >
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the list handles the keyboard as a whole */}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: as above */}
      <div
        className={c.line}
        data-open={open || undefined}
        data-cursor={props.cursor || undefined}
        data-wrap={props.wrap || undefined}
        data-testid="log-row"
        onClick={() => props.onToggle(row.id)}
      >
        <span className={c.level} style={{ background: levelColor(row.severity, dark) }} />
        <span className={c.stamp}>
          <span className={c.date}>{stamp.slice(0, 6)}</span>
          {stamp.slice(6)}
        </span>
        <span className={c.severity} data-level={row.severity}>
          {row.severity}
        </span>
        <span className={c.service} style={{ color: entityColor(row.service, dark) }}>
          {row.service}
        </span>
        <span className={c.body}>{row.body || row.event_name}</span>
      </div>
      {open && <LogDetail row={row} onFilter={props.onFilter} hideTrace={props.hideTrace} />}
    </div>
  );
});
