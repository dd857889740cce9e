// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { request } from './client';
import type { Range } from './services';
import type { FacetList } from './traces';
import type { Schema } from './types';

export type LogRecord = Schema<'LogAnswer'>;
export type Histogram = Schema<'HistogramAnswer'>;

export function useLogs(query: string, range: Range, order: 'asc' | 'desc', enabled = true) {
  return useInfiniteQuery({
    queryKey: ['logs', query, range.start, range.end, order],
    queryFn: ({ signal, pageParam }) =>
      request<Schema<'LogsAnswer'>>('/api/v1/logs', {
        params: { query, ...range, limit: 500, order, cursor: pageParam },
        signal,
      }),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor || undefined,
    placeholderData: keepPreviousData,
    structuralSharing: false,
    enabled,
  });
}

export function useLogHistogram(query: string, range: Range, buckets: number, enabled = true) {
  return useQuery({
    queryKey: ['log-histogram', query, range.start, range.end, buckets],
    queryFn: ({ signal }) =>
      request<Histogram>('/api/v1/logs/histogram', { params: { query, ...range, buckets }, signal }),
    placeholderData: keepPreviousData,
    enabled,
  });
}

export function useLogFacets(query: string, range: Range) {
  return useQuery({
    queryKey: ['log-facets', query, range.start, range.end],
    queryFn: ({ signal }) => request<FacetList>('/api/v1/logs/facets', { params: { query, ...range }, signal }),
    placeholderData: keepPreviousData,
  });
}

export const tailUrl = (query: string) => `/api/v1/logs/tail?${new URLSearchParams({ query })}`;
