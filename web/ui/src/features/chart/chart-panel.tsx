// SPDX-License-Identifier: Apache-2.0
import { ActionIcon, Tooltip } from '@mantine/core';
import { IconExternalLink } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { AppLink } from '@/state/navigation';
import { encodeList } from '@/state/url';
import c from './chart.module.css';
import { TimeChart, type TimeChartProps } from './time-chart';

/** More names than these take more room than the chart. */
const mostKeys = 12;

interface ChartPanelProps extends TimeChartProps {
  title: string;
  side?: ReactNode;
  /** The PromQL behind the chart, to open in the explorer. */
  queries?: string[];
  keys?: boolean;
}

export function ChartPanel({ title, side, queries, keys = true, ...chart }: ChartPanelProps) {
  const { t } = useTranslation();
  const blank = chart.series.length === 0 || chart.series.every((s) => s.values.every((value) => value === null));
  return (
    <div className={c.panel}>
      <div className={c.panelHead}>
        <span>{title}</span>
        {side}
        {queries && (
          <Tooltip label={t('chart.explore')}>
            <ActionIcon
              size={22}
              component={AppLink}
              to="/explore"
              search={{ q: encodeList(queries) }}
              aria-label={`${t('chart.explore')}: ${title}`}
            >
              <IconExternalLink size={13} stroke={1.6} />
            </ActionIcon>
          </Tooltip>
        )}
      </div>
      {blank ? (
        <div className={c.blank} style={{ height: chart.height ?? 180 }}>
          {t('chart.noData')}
        </div>
      ) : (
        <TimeChart {...chart} />
      )}
      {keys && !blank && chart.series.length > 1 && (
        <div className={c.keys}>
          {chart.series.slice(0, mostKeys).map((s) => (
            <span key={s.key}>
              <i className={c.swatch} style={{ background: s.color }} />
              {s.label}
            </span>
          ))}
          {chart.series.length > mostKeys && <span className="faint">+{chart.series.length - mostKeys}</span>}
        </div>
      )}
    </div>
  );
}

export function ChartGrid({ children, three }: { children: ReactNode; three?: boolean }) {
  return <div className={three ? `${c.grid} ${c.three}` : c.grid}>{children}</div>;
}
