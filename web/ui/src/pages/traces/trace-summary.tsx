// SPDX-License-Identifier: Apache-2.0
import { Button, Loader } from '@mantine/core';
import { IconAlertCircleFilled } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { TracePage } from '@/api/traces';
import { ServiceName } from '@/components/blocks';
import { CopyButton } from '@/components/copy';
import type { TraceTree } from '@/features/trace-timeline/tree';
import { formatCount, formatDuration } from '@/lib/format';
import { formatTime } from '@/lib/time';
import { useView } from '@/state/view';
import c from './traces.module.css';

interface SummaryProps {
  answer: TracePage;
  tree: TraceTree;
  complete: boolean;
  onError: (row: number) => void;
}

const mostServices = 10;

export function TraceSummary({ answer, tree, complete, onError }: SummaryProps) {
  const { t } = useTranslation();
  const { zone } = useView();
  const root = tree.spans[0];
  const rest = answer.services.length - mostServices;
  return (
    <div className={c.summary}>
      <div className={c.summaryTitle}>
        <ServiceName name={root?.service ?? ''} />
        <span className="truncate">{root?.name}</span>
        <CopyButton text={answer.trace_id} label={t('trace.copyId')} />
      </div>
      <span>{formatDuration(answer.duration_ns)}</span>
      <span className="dim">{formatTime(answer.start, zone, true)}</span>
      <span className="dim">{t('trace.spans', { n: formatCount(answer.span_count) })}</span>
      {answer.error_count > 0 && (
        <Button
          variant="light"
          bg="var(--crit-soft)"
          c="var(--crit)"
          size="compact-xs"
          leftSection={<IconAlertCircleFilled size={12} />}
          onClick={() => onError(firstError(tree))}
        >
          {t('trace.errors', { n: formatCount(answer.error_count) })}
        </Button>
      )}
      {!complete && (
        <span className="dim" style={{ display: 'inline-flex', gap: 6, alignItems: 'center' }}>
          <Loader size={12} /> {t('trace.loaded', { n: formatCount(tree.spans.length) })}
        </span>
      )}
      <span style={{ display: 'inline-flex', flexWrap: 'wrap', gap: '2px 14px' }} className="dim">
        {answer.services.slice(0, mostServices).map((service) => (
          <ServiceName key={service.name} name={service.name} />
        ))}
        {rest > 0 && <span className="faint">+{rest}</span>}
      </span>
    </div>
  );
}

/** The deepest error of the first failing branch is where the trouble began. */
function firstError(tree: TraceTree): number {
  const row = tree.spans.findIndex((span) => span.status === 'error');
  for (let at = row; at >= 0 && at < (tree.end[row] ?? 0); at++) {
    if (tree.spans[at]?.status === 'error' && tree.errorsBelow[at] === 0) return at;
  }
  return row;
}
