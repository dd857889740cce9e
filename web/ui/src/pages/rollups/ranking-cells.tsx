// SPDX-License-Identifier: Apache-2.0
import { Tooltip } from '@mantine/core';
import { IconFileText, IconTimeline } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { RollupValue } from '@/api/rollups';
import { Swatch } from '@/components/blocks';
import { formatCount, formatPercent, none } from '@/lib/format';
import { AppLink } from '@/state/navigation';
import c from './rollups.module.css';

/** A rank that folded events could change says so. */
export function Rank({ rank, certain }: { rank: number | null; certain: boolean }) {
  const { t } = useTranslation();
  if (rank === null) return null;
  if (certain) return <span className="dim">{rank}</span>;
  return (
    <Tooltip label={t('rollups.uncertain')} events={{ hover: true, focus: true, touch: true }} multiline maw={320}>
      <button
        type="button"
        className={c.rank}
        aria-label={`${rank}: ${t('rollups.uncertain')}`}
        onClick={(event) => event.stopPropagation()}
      >
        ~{rank}
      </button>
    </Tooltip>
  );
}

interface ValueProps {
  value: RollupValue;
  hidden: number;
  color: string | undefined;
  onOpen: () => void;
}

export function Value({ value, hidden, color, onOpen }: ValueProps) {
  const { t } = useTranslation();
  const about = hidden > 0 ? t('rollups.hiddenShort', { count: hidden, n: formatCount(hidden) }) : '';
  const text = value.other ? t('rollups.other') : value.value || t('search.noValue');
  return (
    <span className={c.value}>
      {color && <Swatch color={color} />}
      <button
        type="button"
        className={`${c.open} truncate`}
        title={value.other ? t('rollups.otherDetail') : text}
        onClick={(event) => {
          event.stopPropagation();
          onOpen();
        }}
      >
        <span className={value.other || value.value === '' ? 'dim' : undefined}>{text}</span>
        {value.other && about && <span className="faint"> · {about}</span>}
      </button>
    </span>
  );
}

interface ShareProps {
  ratio: number | null;
  other: boolean;
  /** Folded events could only make it larger. */
  atLeast: boolean;
}

export function Share({ ratio, other, atLeast }: ShareProps) {
  if (ratio === null) return <span className="faint">{none}</span>;
  const width = `${Math.min(100, Math.max(0, ratio * 100))}%`;
  return (
    <span className={c.share}>
      <span className={c.track} data-other={other || undefined}>
        <i style={{ width }} />
      </span>
      <span className="dim">
        {atLeast && '≥ '}
        {formatPercent(ratio)}
      </span>
    </span>
  );
}

/** The raw records behind a row. The environment of the top bar is left out: a rollup counts all. */
export function RawLink({ source, query }: { source: string; query: string | null }) {
  const { t } = useTranslation();
  if (query === null) return null;
  const logs = source === 'logs';
  const label = logs ? t('rollups.rawLogs') : t('rollups.rawTraces');
  return (
    <Tooltip label={label}>
      <AppLink
        to={logs ? '/logs' : '/traces'}
        search={{ q: query, env: undefined }}
        className={c.raw}
        aria-label={label}
        onClick={(event) => event.stopPropagation()}
      >
        {logs ? <IconFileText size={15} stroke={1.6} /> : <IconTimeline size={15} stroke={1.6} />}
      </AppLink>
    </Tooltip>
  );
}
