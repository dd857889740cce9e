// SPDX-License-Identifier: Apache-2.0
import { IconAlertCircleFilled, IconChevronDown, IconChevronRight, IconUnlink } from '@tabler/icons-react';
import { memo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Span } from '@/api/traces';
import { formatDuration } from '@/lib/format';
import { entityColor } from '@/theme/colors';
import c from './trace-timeline.module.css';

interface SpanRowProps {
  /** The span's key in the tree. */
  id: string;
  span: Span;
  top: number;
  height: number;
  depth: number;
  folded: boolean;
  /** Number of descendants. */
  hidden: number;
  errorsBelow: number;
  orphan: boolean;
  selected: boolean;
  faded: boolean;
  from: number;
  span_ns: number;
  dark: boolean;
  onSelect: (id: string) => void;
  onToggle: (id: string) => void;
}

const indent = 12;
/** Deeper levels share one indent, or the name would leave its column. */
const maxIndentLevels = 24;

export const SpanRow = memo(function SpanRow(props: SpanRowProps) {
  const { span, depth, hidden, folded, from, span_ns, dark } = props;
  const { t } = useTranslation();
  const color = entityColor(span.service, dark);
  const left = ((span.offset_ns - from) / span_ns) * 100;
  const width = (span.duration_ns / span_ns) * 100;
  const end = left + width;
  const bad = span.status === 'error';
  // The duration stands right of the bar, left of it where there is no room, and inside a bar that fills the line.
  const inside = end > 86 && left < 14;
  const labelStyle = inside
    ? { right: `${Math.max(0, 100 - end)}%` }
    : end > 86
      ? { right: `${100 - Math.min(100, left)}%` }
      : { left: `${Math.max(0, end)}%` };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the timeline handles the keyboard as a whole
    <div
      role="treeitem"
      aria-level={depth + 1}
      aria-selected={props.selected}
      aria-expanded={hidden > 0 ? !folded : undefined}
      className={c.row}
      data-faded={props.faded || undefined}
      data-span={span.id}
      data-key={props.id}
      style={{ transform: `translateY(${props.top}px)`, height: props.height }}
      onClick={() => props.onSelect(props.id)}
    >
      <div className={c.name} style={{ paddingLeft: 8 + Math.min(depth, maxIndentLevels) * indent }}>
        {hidden > 0 ? (
          <button
            type="button"
            className={c.fold}
            aria-label={folded ? t('trace.expand') : t('trace.collapse')}
            onClick={(event) => {
              event.stopPropagation();
              props.onToggle(props.id);
            }}
          >
            {folded ? <IconChevronRight size={13} /> : <IconChevronDown size={13} />}
          </button>
        ) : (
          <span className={c.fold} />
        )}
        <span className={c.stripe} style={{ background: color }} />
        {bad && <IconAlertCircleFilled size={13} className="crit" aria-label={t('trace.error')} />}
        {props.orphan && <IconUnlink size={13} className="warn" aria-label={t('trace.orphan')} />}
        <span className={c.service}>{span.service}</span>
        <span className={c.operation}>{span.name}</span>
        {folded && (
          <span className={c.hidden} data-bad={props.errorsBelow > 0 || undefined}>
            +{hidden}
          </span>
        )}
      </div>
      <div className={c.time}>
        {end >= 0 && left <= 100 && (
          <span
            className={c.bar}
            data-bad={bad || undefined}
            style={{ left: `${left}%`, width: `max(2px, ${width}%)`, background: color }}
          />
        )}
        <span className={c.label} data-inside={inside || undefined} style={labelStyle}>
          {formatDuration(span.duration_ns)}
        </span>
      </div>
    </div>
  );
});
