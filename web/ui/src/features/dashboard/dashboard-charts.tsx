// SPDX-License-Identifier: Apache-2.0
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { type Dashboard, useDashboard } from '@/api/dashboards';
import { autoStep } from '@/api/metrics';
import { ChartSkeleton } from '@/components/skeleton';
import { QueryView } from '@/components/states';
import { ChartGrid } from '@/features/chart/chart-panel';
import { useView } from '@/state/view';
import { bind, type Values } from './bind';
import { PanelChart } from './panel-chart';

/** The panels of a dashboard about one thing: the values of its text variables say which. */
export function DashboardCharts({ dashboard, values }: { dashboard: Dashboard; values: Values }) {
  const { t } = useTranslation();
  const { range } = useView();
  const step = autoStep(range);
  // The caller makes the values anew at each render.
  const stamp = JSON.stringify(values);
  const binding = useMemo(() => bind(dashboard.variables, JSON.parse(stamp) as Values, step), [dashboard, stamp, step]);
  return (
    <ChartGrid three={dashboard.panels.length === 3}>
      {dashboard.panels.map((panel) => (
        <PanelChart
          key={panel.id}
          panel={panel}
          // The catalogue has those of the built-in dashboards; the others are as they were written.
          title={t(`panel.${dashboard.name}.${panel.id}`, { defaultValue: panel.title })}
          binding={binding}
          sync={dashboard.name}
        />
      ))}
    </ChartGrid>
  );
}

/** DashboardCharts of a built-in dashboard, by its name. */
export function BuiltInCharts({ name, values }: { name: 'host' | 'service'; values: Values }) {
  const query = useDashboard(name);
  return (
    <QueryView query={query} skeleton={<ChartSkeleton height={186} />}>
      {(dashboard) => <DashboardCharts dashboard={dashboard} values={values} />}
    </QueryView>
  );
}
