// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, useQueries, useQuery } from '@tanstack/react-query';
import { request } from './client';

type Num = number | null;

export interface ServiceRow {
  name: string;
  environment: string;
  language: string;
  spans: number;
  requests: number;
  rate: number;
  errors: number;
  error_rate: number;
  p50_ns: Num;
  p95_ns: Num;
  p99_ns: Num;
  sparkline: { time: number[]; rate: number[]; errors: number[] };
  last_seen: string;
}

export interface ServiceList {
  services: ServiceRow[];
  environments: string[];
  warnings: string[];
}

export interface Operation {
  name: string;
  kind: string;
  requests: number;
  errors: number;
  rate: number;
  p50_ns: Num;
  p95_ns: Num;
  p99_ns: Num;
  total_ns: number;
}

export interface Dependency {
  type: 'http' | 'rpc' | 'db' | 'messaging' | 'other';
  system: string;
  target: string;
  calls: number;
  errors: number;
  p95_ns: Num;
}

export interface ServiceDetail {
  service: {
    name: string;
    environment: string;
    language: string;
    resource: Record<string, string>;
    instances: { id: string; host: string; last_seen: string }[];
  };
  series: { time: number[]; requests: number[]; errors: number[]; p50_ns: Num[]; p95_ns: Num[]; p99_ns: Num[] };
  operations: Operation[];
  dependencies: Dependency[];
  callers: { service: string; calls: number; errors: number }[];
  warnings: string[];
}

export interface Range {
  start: number;
  end: number;
}

export function useServices(range: Range, env: string | undefined) {
  return useQuery({
    queryKey: ['services', range.start, range.end, env],
    queryFn: ({ signal }) => request<ServiceList>('/api/v1/services', { params: { ...range, env }, signal }),
    placeholderData: keepPreviousData,
  });
}

/** Names for the environment switch. They change rarely, so one answer serves five minutes whatever the page refreshes. */
export function useEnvironments(range: Range) {
  const slot = Math.floor(range.end / 300);
  return useQuery({
    queryKey: ['environments', slot, Math.round(range.end - range.start)],
    queryFn: async ({ signal }) =>
      (await request<ServiceList>('/api/v1/services', { params: { ...range }, signal })).environments,
    staleTime: 300_000,
    placeholderData: keepPreviousData,
  });
}

export const servicePoints = 120;

export function serviceQuery(name: string, range: Range, env: string | undefined) {
  return {
    queryKey: ['service', name, range.start, range.end, env],
    queryFn: ({ signal }: { signal: AbortSignal }) =>
      request<ServiceDetail>(`/api/v1/services/${encodeURIComponent(name)}`, {
        params: { ...range, env, points: servicePoints },
        signal,
      }),
  };
}

export function useService(name: string, range: Range, env: string | undefined) {
  return useQuery({
    ...serviceQuery(name, range, env),
    placeholderData: (previous: ServiceDetail | undefined) => (previous?.service.name === name ? previous : undefined),
  });
}

/** What each of the services calls; one small request per service, at most once a minute. */
export function useDependencies(names: string[], range: Range, env: string | undefined): (Dependency[] | undefined)[] {
  return useQueries({
    queries: names.map((name) => ({
      queryKey: ['dependencies', name, Math.floor(range.start / 60), Math.floor(range.end / 60), env],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        request<ServiceDetail>(`/api/v1/services/${encodeURIComponent(name)}`, {
          params: { ...range, env, points: 2 },
          signal,
        }),
      staleTime: 60_000,
      select: (data: ServiceDetail) => data.dependencies,
      placeholderData: keepPreviousData<ServiceDetail>,
    })),
    combine: (results) => results.map((result) => result.data),
  });
}
