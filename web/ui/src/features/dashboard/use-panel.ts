// SPDX-License-Identifier: Apache-2.0
import { useQueries } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { Panel, PanelQuery } from '@/api/dashboards';
import { autoStep, type RangeResult, useRangeQueries } from '@/api/metrics';
import { type ServiceDetail, serviceQuery } from '@/api/services';
import { useDark } from '@/components/blocks';
import type { ChartSeries } from '@/features/chart/plot';
import { shortNames } from '@/lib/labels';
import { useView } from '@/state/view';
import { entityColor, levelColor, paletteColor } from '@/theme/colors';
import type { Binding } from './bind';

export interface PanelData {
  time: readonly number[];
  series: ChartSeries[];
  pending: boolean;
  errors: unknown[];
  warnings: string[];
  /** Series left out because there are more than can be drawn. */
  dropped: number;
  /** The PromQL that was asked; empty for other sources. */
  expressions: string[];
}

interface Line {
  key: string;
  label: string;
  values: readonly (number | null)[];
  color?: string;
}

/** Asks what a panel draws. All queries of a panel have one source. */
export function usePanel(panel: Panel, binding: Binding, title: string): PanelData {
  const { range, env } = useView();
  const dark = useDark();
  const fromService = panel.queries[0]?.source === 'service';
  const expressions = useMemo(
    () => (fromService ? [] : panel.queries.map((query) => binding.expr(query.expr))),
    [panel, binding, fromService],
  );
  const names = useMemo(
    () => (fromService ? panel.queries.map((query) => binding.plain(query.service ?? '')) : []),
    [panel, binding, fromService],
  );
  const metrics = useRangeQueries(expressions, range, autoStep(range));
  // Lines of one service share its answer, also with the page around them.
  const services = useQueries({ queries: [...new Set(names)].map((name) => serviceQuery(name, range, env)) });
  const answers = metrics.map((result) => result.data);
  const details = services.map((result) => result.data);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the answers keep their identity, the arrays around them do not
  const series = useMemo(() => {
    const lines = panel.queries.flatMap((query, at): Line[] => {
      if (!fromService) return metricLines(query, at, answers[at], title);
      const name = names[at] ?? '';
      const detail = details[[...new Set(names)].indexOf(name)];
      const color = panel.queries.length === 1 ? entityColor(name, dark) : undefined;
      return detail ? [{ color, ...serviceLine(query, at, detail, title) }] : [];
    });
    let next = 0;
    return lines.map(({ color, ...line }, i): ChartSeries => {
      const failed = queryOf(panel, line.key)?.color === 'error';
      return {
        ...line,
        key: `${line.key} ${i}`,
        color: failed ? levelColor('error', dark) : (color ?? paletteColor(next++, dark)),
      };
    });
  }, [...answers, ...details, panel, names, title, dark]);
  const results = fromService ? services : metrics;
  return {
    time: fromService ? (details[0]?.series.time ?? []) : (answers.find((answer) => answer)?.time ?? []),
    series,
    pending: results.some((result) => result.isPending),
    errors: results.map((result) => result.error).filter((error) => error !== null),
    warnings: [...new Set(answers.flatMap((answer) => answer?.warnings ?? []))],
    dropped: answers.reduce((sum, answer) => sum + (answer?.dropped ?? 0), 0),
    expressions,
  };
}

/** A key begins with the place of its query. */
const queryOf = (panel: Panel, key: string): PanelQuery | undefined => panel.queries[Number.parseInt(key, 10)];

/** Without a legend lines are named by the labels they differ in, and sorted so that each keeps its colour. */
function metricLines(query: PanelQuery, at: number, answer: RangeResult | undefined, title: string): Line[] {
  const all = answer?.series ?? [];
  const labels = all.map((s) => s.labels);
  const names = labels.length === 1 ? [Object.values(labels[0] ?? {}).join(' ')] : shortNames(labels);
  const lines = all.map((s, i): Line => {
    const label = query.legend ?? (names[i] || title);
    return { key: `${at} ${label}`, label, values: s.values };
  });
  return query.legend ? lines : lines.sort((a, b) => a.label.localeCompare(b.label));
}

const quantiles = { p50: 'p50_ns', p95: 'p95_ns', p99: 'p99_ns' } as const;

/** A figure of a service: requests and errors per second, quantiles in seconds. */
function serviceLine(query: PanelQuery, at: number, detail: ServiceDetail, title: string): Line {
  const { time, requests, errors, ...latency } = detail.series;
  const step = time.length > 1 ? (time[1] ?? 0) - (time[0] ?? 0) : 60;
  const { expr } = query;
  const label = query.legend ?? title;
  const key = `${at} ${label}`;
  if (expr === 'requests') return { key, label, values: requests.map((n) => n / step) };
  if (expr === 'errors') return { key, label, values: errors.map((n) => n / step) };
  const values = latency[quantiles[expr as keyof typeof quantiles]] ?? [];
  return { key, label, values: values.map((ns) => (ns === null ? null : ns / 1e9)) };
}
