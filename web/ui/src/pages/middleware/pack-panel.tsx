// SPDX-License-Identifier: Apache-2.0
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useRangeQueries } from '@/api/metrics';
import type { Panel } from '@/api/middleware';
import { useDark } from '@/components/blocks';
import { ChartSkeleton } from '@/components/skeleton';
import { ErrorNote } from '@/components/states';
import { ChartPanel } from '@/features/chart/chart-panel';
import type { ChartSeries } from '@/features/chart/plot';
import { shortNames } from '@/lib/labels';
import { useView } from '@/state/view';
import { paletteColor } from '@/theme/colors';

const height = 160;

/** The value of a label inside a PromQL matcher. */
const quoted = (value: string) => value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

/** Puts the instance and the range of rates into a pack's expression. */
export function panelQuery(expr: string, instance: string, step: number): string {
  return expr.replaceAll('$instance', () => quoted(instance)).replaceAll('$window', `${Math.max(60, step * 4)}s`);
}

export function PackPanel({ panel, instance, step }: { panel: Panel; instance: string; step: number }) {
  const { t } = useTranslation();
  const { range } = useView();
  const dark = useDark();
  const queries = useMemo(
    () => panel.queries.map((query) => panelQuery(query.expr, instance, step)),
    [panel, instance, step],
  );
  const results = useRangeQueries(queries, range);
  const answers = results.map((result) => result.data);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the answers keep their identity, the array around them does not
  const series = useMemo(() => {
    const out: ChartSeries[] = [];
    answers.forEach((answer, at) => {
      const legend = panel.queries[at]?.legend;
      const labels = answer?.series.map((s) => s.labels) ?? [];
      const names = labels.length === 1 ? [Object.values(labels[0] ?? {}).join(' ')] : shortNames(labels);
      answer?.series.forEach((s, i) => {
        const label = legend ?? (names[i] || panel.title);
        out.push({ key: `${at} ${i} ${label}`, label, color: '', values: s.values });
      });
    });
    return out.map((s, i) => ({ ...s, color: paletteColor(i, dark) }));
  }, [...answers, panel, dark]);
  const error = results.find((result) => result.error)?.error;
  if (error && series.length === 0) {
    return (
      <div>
        <b>{panel.title}</b>
        <ErrorNote error={error} />
      </div>
    );
  }
  if (results.some((result) => result.isPending) && series.length === 0) return <ChartSkeleton height={height + 26} />;
  return (
    <ChartPanel
      title={panel.title}
      label={panel.title}
      side={
        series.length === 0 && panel.needs ? (
          <span className="faint">{t('instance.needs', { what: panel.needs })}</span>
        ) : undefined
      }
      unit={panel.unit}
      kind={panel.kind}
      height={height}
      sync="middleware"
      queries={queries}
      time={answers.find((answer) => answer)?.time ?? []}
      series={series}
    />
  );
}
