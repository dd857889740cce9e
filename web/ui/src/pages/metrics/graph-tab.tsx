// SPDX-License-Identifier: Apache-2.0
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type RangeResult, useExemplars, useRangeQueries } from '@/api/metrics';
import { useDark } from '@/components/blocks';
import { ChartSkeleton } from '@/components/skeleton';
import { Empty, ErrorNote, Warnings } from '@/components/states';
import type { ChartSeries } from '@/features/chart/plot';
import { TimeChart } from '@/features/chart/time-chart';
import { unitOfQuery } from '@/lib/format';
import { seriesName, shortNames, varyingLabels } from '@/lib/labels';
import { useGo } from '@/state/navigation';
import { useView } from '@/state/view';
import { entityColor, paletteColor } from '@/theme/colors';
import { Legend } from './legend';
import { queryLetter } from './query-row';

export function GraphTab({ queries, step, stacked }: { queries: string[]; step: number; stacked: boolean }) {
  const { t } = useTranslation();
  const { range } = useView();
  const go = useGo();
  const dark = useDark();
  const results = useRangeQueries(queries, range, step);
  const exemplars = useExemplars(queries[0] ?? '', range).data;
  const [only, setOnly] = useState<ReadonlySet<string>>(new Set());
  const data = results.map((result) => result.data);
  const series = useChartSeries(data, dark);
  const shown = useMemo(() => (only.size === 0 ? series : series.filter((s) => only.has(s.key))), [series, only]);
  const points = useMemo(
    () =>
      exemplars
        ?.filter((e) => e.traceId !== '')
        .map((e) => ({ time: e.time, value: e.value, id: e.traceId, label: e.traceId })),
    [exemplars],
  );
  const time = data.find((d) => d && d.time.length > 0)?.time ?? [];
  const unit = unitOfQuery(queries[0] ?? '');
  const dropped = data.reduce((sum, d) => sum + (d?.dropped ?? 0), 0);
  const pending = results.some((result) => result.isPending);
  const failed = results.some((result) => result.error);
  return (
    <div style={{ display: 'grid', gap: 12, minWidth: 0 }}>
      {results.map((result, i) => result.error && <ErrorNote key={i} error={result.error} />)}
      <Warnings warnings={data.flatMap((d) => d?.warnings ?? [])} />
      <Warnings kind="info" warnings={data.flatMap((d) => d?.infos ?? [])} />
      {dropped > 0 && <Warnings warnings={[t('metrics.dropped', { n: dropped })]} />}
      {pending && series.length === 0 && !failed && <ChartSkeleton height={360} />}
      {!pending && !failed && series.length === 0 && (
        <Empty title={t('metrics.noSeries')}>{t('metrics.noSeriesDetail')}</Empty>
      )}
      {series.length > 0 && (
        <>
          <TimeChart
            time={time}
            series={shown}
            unit={unit}
            kind={stacked ? 'stack' : 'line'}
            height={360}
            label={t('metrics.graph')}
            points={points}
            onPoint={(id) => go(`/traces/${id}`)}
          />
          <Legend series={series} unit={unit} only={only} onOnly={setOnly} />
        </>
      )}
    </div>
  );
}

const entityLabels = new Set(['service_name', 'service', 'host_name', 'host']);

function useChartSeries(data: (RangeResult | undefined)[], dark: boolean): ChartSeries[] {
  const stamp = data.map((d) => d?.series);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the answers keep their identity, the array around them does not
  return useMemo(() => {
    const many = data.length > 1;
    return data.flatMap((result, at) => {
      const labels = result?.series.map((s) => s.labels) ?? [];
      const names = shortNames(labels);
      // Services and hosts keep the colour they have on every page. Other lines take the palette in order while it lasts.
      const varying = varyingLabels(labels);
      const entity = varying.length === 1 && entityLabels.has(varying[0] ?? '');
      const few = labels.length + data.length <= 10;
      return (result?.series ?? []).map((s, i): ChartSeries => {
        const label = names[i] ?? seriesName(s.labels);
        return {
          key: `${at} ${seriesName(s.labels)}`,
          label: many ? `${queryLetter(at)} ${label}` : label,
          color: entity || !few ? entityColor(label, dark) : paletteColor(at * 3 + i, dark),
          values: s.values,
        };
      });
    });
  }, [...stamp, dark]);
}
