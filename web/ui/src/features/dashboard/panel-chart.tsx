// SPDX-License-Identifier: Apache-2.0
import { Tooltip } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { Panel } from '@/api/dashboards';
import { ChartSkeleton } from '@/components/skeleton';
import { ErrorNote, useErrorText } from '@/components/states';
import { ChartPanel } from '@/features/chart/chart-panel';
import type { Binding } from './bind';
import c from './dashboard.module.css';
import { usePanel } from './use-panel';

const height = 160;

interface PanelChartProps {
  panel: Panel;
  title: string;
  binding: Binding;
  /** Charts with the same key share one crosshair. */
  sync: string;
}

/** One panel of a dashboard: hosts, middleware and services are all drawn by it. */
export function PanelChart({ panel, title, binding, sync }: PanelChartProps) {
  const { t } = useTranslation();
  const errorText = useErrorText();
  const data = usePanel(panel, binding, title);
  const error = data.errors[0];
  if (error && data.series.length === 0) {
    return (
      <div>
        <b>{title}</b>
        <ErrorNote error={error} />
      </div>
    );
  }
  if (data.pending && data.series.length === 0) return <ChartSkeleton height={height + 26} />;
  const lacks = [
    ...data.errors.map((item) => errorText(item).detail),
    ...data.warnings,
    ...(data.dropped > 0 ? [t('metrics.dropped', { n: data.dropped })] : []),
  ];
  return (
    <ChartPanel
      title={title}
      label={title}
      side={
        <>
          <Lacks texts={lacks} />
          {data.series.length === 0 && panel.needs && (
            <span className="faint">{t('instance.needs', { what: panel.needs })}</span>
          )}
        </>
      }
      unit={panel.unit}
      kind={panel.kind}
      height={height}
      sync={sync}
      queries={data.expressions.length > 0 ? data.expressions : undefined}
      time={data.time}
      series={data.series}
    />
  );
}

/** What a chart lacks, behind a sign beside its title: the same words stand above the page once. */
function Lacks({ texts }: { texts: string[] }) {
  const { t } = useTranslation();
  if (texts.length === 0) return null;
  const text = texts.join('\n');
  return (
    <Tooltip label={<span className={c.lines}>{text}</span>} multiline maw={420}>
      <span className={c.lacks} role="status" aria-label={`${t('chart.partial')}: ${text}`}>
        <IconAlertTriangle size={13} />
      </span>
    </Tooltip>
  );
}
