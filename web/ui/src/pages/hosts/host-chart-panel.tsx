// SPDX-License-Identifier: Apache-2.0
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useRangeQueries } from '@/api/metrics';
import { useDark } from '@/components/blocks';
import { ChartSkeleton } from '@/components/skeleton';
import { ErrorNote } from '@/components/states';
import { ChartPanel } from '@/features/chart/chart-panel';
import type { ChartSeries } from '@/features/chart/plot';
import { shortNames } from '@/lib/labels';
import { useView } from '@/state/view';
import { paletteColor } from '@/theme/colors';
import type { HostChart } from './host-charts';

const height = 160;

export function HostChartPanel({ chart }: { chart: HostChart }) {
  const { t } = useTranslation();
  const { range } = useView();
  const dark = useDark();
  const results = useRangeQueries(chart.queries, range);
  const answers = results.map((result) => result.data);
  const title = t(chart.title);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the answers keep their identity, the array around them does not
  const series = useMemo(() => {
    const out: ChartSeries[] = [];
    answers.forEach((answer, at) => {
      const names = chart.names ? [chart.names[at] ?? ''] : onlyValues(answer?.series.map((s) => s.labels) ?? []);
      answer?.series.forEach((s, i) => {
        out.push({ key: `${at} ${names[i]}`, label: names[i] ?? '', color: '', values: s.values });
      });
    });
    // Sorted by name, so that a state keeps its colour whatever order the server answers in.
    if (!chart.names) out.sort((a, b) => a.label.localeCompare(b.label));
    return out.map((s, i) => ({ ...s, color: paletteColor(i, dark) }));
  }, [...answers, chart, dark]);
  const error = results.find((result) => result.error)?.error;
  if (error && series.length === 0) {
    return (
      <div>
        <b>{title}</b>
        <ErrorNote error={error} />
      </div>
    );
  }
  if (results.some((result) => result.isPending) && series.length === 0) return <ChartSkeleton height={height + 26} />;
  return (
    <ChartPanel
      title={title}
      label={title}
      unit={chart.unit}
      kind={chart.kind}
      height={height}
      sync="host"
      queries={chart.queries}
      time={answers.find((answer) => answer)?.time ?? []}
      series={series}
    />
  );
}

/** The value itself where the series differ in one label, and also where there is only one series. */
function onlyValues(labels: Record<string, string>[]): string[] {
  if (labels.length === 1) return [Object.values(labels[0] ?? {}).join(' ') || '1'];
  return shortNames(labels);
}
