// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { request } from './client';
import type { Range } from './services';
import type { Schema } from './types';

export type Host = Schema<'HostAnswer'>;
export type HostDetail = Schema<'HostDetailAnswer'>;

export function useHosts(range: Range) {
  return useQuery({
    queryKey: ['hosts', range.start, range.end],
    queryFn: ({ signal }) => request<Schema<'HostsAnswer'>>('/api/v1/hosts', { params: { ...range }, signal }),
    placeholderData: keepPreviousData,
  });
}

export function useHost(name: string, range: Range) {
  return useQuery({
    queryKey: ['host', name, range.start, range.end],
    queryFn: ({ signal }) =>
      request<HostDetail>(`/api/v1/hosts/${encodeURIComponent(name)}`, { params: { ...range }, signal }),
    placeholderData: (previous) => (previous?.host.name === name ? previous : undefined),
  });
}
