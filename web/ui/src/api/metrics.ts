// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, useQueries, useQuery } from '@tanstack/react-query';
import { parseSample } from '@/lib/format';
import { type Params, prometheus, type RequestOptions } from './client';
import type { Range } from './services';

export type Labels = Record<string, string>;

interface Matrix {
  resultType: 'matrix' | 'vector' | 'scalar' | 'string';
  result: { metric: Labels; values?: [number, string][]; histograms?: [number, { sum: string; count: string }][] }[];
}

export interface Series {
  labels: Labels;
  values: (number | null)[];
}

export interface RangeResult {
  time: number[];
  series: Series[];
  /** Series left out because the answer has more than can be drawn. */
  dropped: number;
  warnings: string[];
  infos: string[];
}

/** More lines than this nobody can read and no browser draws quickly. */
export const maxSeries = 200;

/** Longer queries do not fit into an address everywhere and are sent as a form. */
const maxAddress = 3000;

function withQuery(params: Params & { query: string }, signal: AbortSignal): RequestOptions {
  return params.query.length < maxAddress ? { params, signal } : { method: 'POST', form: params, signal };
}

/** A step that gives about `points` points, rounded to something people expect. */
export function autoStep(range: Range, points = 240): number {
  const nice = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
  const ideal = (range.end - range.start) / points;
  return nice.find((step) => step >= ideal) ?? 86400;
}

/** Puts the samples of every series on one grid; what is missing stays null, so gaps are drawn as gaps. */
export function toGrid(matrix: Matrix['result'], range: Range, step: number): { time: number[]; series: Series[] } {
  const start = Math.floor(range.start / step) * step;
  const count = Math.floor((range.end - start) / step) + 1;
  const time = Array.from({ length: count }, (_, i) => start + i * step);
  const series = matrix.map(({ metric, values, histograms }) => {
    const row = new Array<number | null>(count).fill(null);
    for (const [at, text] of values ?? []) {
      const index = Math.round((at - start) / step);
      if (index >= 0 && index < count) row[index] = parseSample(text);
    }
    for (const [at, histogram] of histograms ?? []) {
      const index = Math.round((at - start) / step);
      if (index >= 0 && index < count) row[index] = parseSample(histogram.count);
    }
    return { labels: metric, values: row };
  });
  return { time, series };
}

export function rangeOptions(query: string, range: Range, step = autoStep(range)) {
  return {
    queryKey: ['query-range', query, range.start, range.end, step],
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<RangeResult> => {
      const start = Math.floor(range.start / step) * step;
      const answer = await prometheus<Matrix>('query_range', withQuery({ query, start, end: range.end, step }, signal));
      const shown = answer.data.result.slice(0, maxSeries);
      const { time, series } = toGrid(shown, range, step);
      const dropped = answer.data.result.length - shown.length;
      return { time, series, dropped, warnings: answer.warnings, infos: answer.infos };
    },
    enabled: query.trim() !== '',
    retry: false,
    placeholderData: keepPreviousData<RangeResult>,
  };
}

export const useRangeQuery = (query: string, range: Range) => useQuery(rangeOptions(query, range));

export const useRangeQueries = (queries: string[], range: Range, step?: number) =>
  useQueries({ queries: queries.map((query) => rangeOptions(query, range, step ?? autoStep(range))) });

export interface InstantRow {
  labels: Labels;
  value: number | null;
  text: string;
}

interface Instant {
  resultType: 'matrix' | 'vector' | 'scalar' | 'string';
  result: unknown;
}

function instantRows(data: Instant): InstantRow[] {
  if (data.resultType === 'scalar' || data.resultType === 'string') {
    const [, text] = data.result as [number, string];
    return [{ labels: {}, value: parseSample(text), text }];
  }
  type Item = {
    metric: Labels;
    value?: [number, string];
    values?: [number, string][];
    histogram?: [number, { count: string; sum: string }];
  };
  return (data.result as Item[]).map((item) => {
    const text = item.value?.[1] ?? item.values?.at(-1)?.[1] ?? item.histogram?.[1].count ?? '';
    return { labels: item.metric, value: parseSample(text), text };
  });
}

export function useInstantQueries(queries: string[], time: number, enabled: boolean) {
  return useQueries({
    queries: queries.map((query) => ({
      queryKey: ['query', query, time],
      queryFn: async ({ signal }: { signal: AbortSignal }) => {
        const answer = await prometheus<Instant>('query', withQuery({ query, time }, signal));
        return { rows: instantRows(answer.data), warnings: answer.warnings, infos: answer.infos };
      },
      enabled: enabled && query.trim() !== '',
      retry: false,
      placeholderData: keepPreviousData<{ rows: InstantRow[]; warnings: string[]; infos: string[] }>,
    })),
  });
}

export interface Exemplar {
  labels: Labels;
  value: number;
  time: number;
  traceId: string;
}

interface ExemplarSet {
  seriesLabels: Labels;
  exemplars: { labels: Labels; value: string; timestamp: number }[];
}

export function useExemplars(query: string, range: Range) {
  return useQuery({
    queryKey: ['exemplars', query, range.start, range.end],
    queryFn: async ({ signal }): Promise<Exemplar[]> => {
      const answer = await prometheus<ExemplarSet[] | null>('query_exemplars', { params: { query, ...range }, signal });
      return (answer.data ?? []).flatMap((set) =>
        set.exemplars.map((item) => ({
          labels: { ...set.seriesLabels, ...item.labels },
          value: Number(item.value),
          time: item.timestamp,
          traceId: item.labels.trace_id ?? item.labels.traceID ?? '',
        })),
      );
    },
    enabled: query.trim() !== '',
    retry: false,
  });
}

export function useMetricNames() {
  return useQuery({
    queryKey: ['metric-names'],
    queryFn: async ({ signal }) => (await prometheus<string[]>('label/__name__/values', { signal })).data,
    staleTime: 60_000,
  });
}
