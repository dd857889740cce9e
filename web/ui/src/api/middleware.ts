// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import type { Unit } from '@/lib/format';
import { type Agent, type Middleware, type Missing, section } from './agents';
import { request } from './client';
import { type InstantRow, useInstantQueries } from './metrics';
import type { Schema } from './types';

export type PackSummary = Schema<'PackSummary'>;
export type Pack = Schema<'Pack'>;
export type Panel = Schema<'Panel'>;
export type InstanceState = Middleware['state'];

export interface MiddlewareInstance {
  kind: string;
  title: string;
  /** The label "instance": host:port. */
  instance: string;
  host: string;
  version: string;
  state: InstanceState;
  since: string | null;
  figures: { title: string; unit: Unit; value: number | null }[];
  missing: Missing[] | null;
  missingCount: number;
  error: string;
  /** Series that are collected. */
  series: number | null;
}

export const usePacks = () =>
  useQuery({
    queryKey: ['packs'],
    queryFn: async ({ signal }) => (await request<Schema<'PacksAnswer'>>('/api/v1/packs', { signal })).packs,
    staleTime: Number.POSITIVE_INFINITY,
  });

export const usePack = (name: string) =>
  useQuery({
    queryKey: ['pack', name],
    queryFn: ({ signal }) => request<Pack>(`/api/v1/packs/${encodeURIComponent(name)}`, { signal }),
    staleTime: Number.POSITIVE_INFINITY,
  });

/** What the agents say of the middleware on their hosts. Without it the list still has what the metrics tell. */
function useBoards(time: number) {
  return useQuery({
    queryKey: ['agents', 'middleware', time],
    queryFn: ({ signal }) => request<Schema<'AgentsAnswer'>>('/api/v1/agents', { params: { limit: 1000 }, signal }),
    placeholderData: keepPreviousData,
    retry: false,
  });
}

const port = (address: string) => address.slice(address.lastIndexOf(':') + 1);
const keyOf = (kind: string, host: string, address: string) => `${kind} ${host} ${port(address)}`;

type Rows = InstantRow[] | undefined;

const byInstance = (rows: Rows) => new Map((rows ?? []).map((row) => [row.labels.instance ?? '', row.value]));

/** Puts together what the metrics and the boards tell. */
export function mergeInstances(
  packs: PackSummary[],
  rows: { up: Rows; info: Rows; missing: Rows; series: Rows; figures: Map<string, Rows> },
  boards: { agents: Pick<Agent, 'host' | 'status'>[] } | undefined,
): MiddlewareInstance[] {
  const entries = new Map<string, Middleware>();
  for (const agent of boards?.agents ?? []) {
    for (const entry of section<Middleware>(agent.status, 'middleware')) {
      entries.set(keyOf(entry.kind, agent.host, entry.instance), entry);
    }
  }
  const versions = new Map((rows.info ?? []).map((row) => [row.labels.instance ?? '', row.labels.version ?? '']));
  const missing = byInstance(rows.missing);
  const series = byInstance(rows.series);
  return (rows.up ?? []).map((row) => {
    const { instance = '', middleware: kind = '', host_name: host = '' } = row.labels;
    const entry = entries.get(keyOf(kind, host, instance));
    const pack = packs.find((item) => item.name === kind);
    const count = missing.get(instance) ?? 0;
    const told: InstanceState =
      row.value === 0 ? 'down' : !series.get(instance) ? 'failed' : count > 0 ? 'limited' : 'collecting';
    return {
      kind,
      title: pack?.title ?? kind,
      instance,
      host,
      version: versions.get(instance) || entry?.version || '',
      state: told,
      since: entry?.state === told ? entry.since : null,
      figures: (pack?.figures ?? []).map((figure) => ({
        title: figure.title,
        unit: figure.unit,
        value: byInstance(rows.figures.get(figure.expr)).get(instance) ?? null,
      })),
      missing: entry?.missing ?? null,
      missingCount: count,
      error: entry?.error ?? '',
      series: series.get(instance) ?? null,
    };
  });
}

const own = ['strata_middleware_up', 'strata_middleware_info', 'strata_middleware_missing', 'strata_middleware_series'];

/** Every instance that reported within the last minutes before time. */
export function useMiddleware(time: number) {
  const packs = usePacks();
  const expressions = (packs.data ?? []).flatMap((pack) => pack.figures.map((figure) => figure.expr));
  const results = useInstantQueries([...own, ...expressions], time, packs.data !== undefined);
  const boards = useBoards(time);
  const [up, info, missing, series] = results;
  const rows = {
    up: up?.data?.rows,
    info: info?.data?.rows,
    missing: missing?.data?.rows,
    series: series?.data?.rows,
    figures: new Map(expressions.map((expr, i) => [expr, results[own.length + i]?.data?.rows])),
  };
  const ready = packs.data !== undefined && rows.up !== undefined && rows.series !== undefined;
  return {
    data: ready ? mergeInstances(packs.data, rows, boards.data) : undefined,
    error: packs.error ?? up?.error ?? series?.error ?? null,
    warnings: up?.data?.warnings ?? [],
    refetch: () => {
      void packs.refetch();
      for (const result of results) void result.refetch();
    },
  };
}
