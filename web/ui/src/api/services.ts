// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { request } from './client';
import type { Schema } from './types';

export type ServiceRow = Schema<'ServiceAnswer'>;
export type ServiceDetail = Schema<'ServiceDetailAnswer'>;
export type Operation = Schema<'OperationAnswer'>;
export type Dependency = Schema<'DependencyAnswer'>;

export interface Range {
  start: number;
  end: number;
}

export function useServices(range: Range, env: string | undefined) {
  return useQuery({
    queryKey: ['services', range.start, range.end, env],
    queryFn: ({ signal }) =>
      request<Schema<'ServicesAnswer'>>('/api/v1/services', { params: { ...range, env }, signal }),
    placeholderData: keepPreviousData,
  });
}

/** Names for the environment switch. They change rarely, so one answer serves five minutes whatever the page refreshes. */
export function useEnvironments(range: Range) {
  const slot = Math.floor(range.end / 300);
  return useQuery({
    queryKey: ['environments', slot, Math.round(range.end - range.start)],
    queryFn: async ({ signal }) =>
      (await request<Schema<'ServicesAnswer'>>('/api/v1/services', { params: { ...range }, signal })).environments,
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
