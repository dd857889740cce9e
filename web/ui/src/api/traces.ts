// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { request } from './client';
import type { Range } from './services';
import type { Schema } from './types';

export type TraceRow = Schema<'TraceSummaryAnswer'>;
export type TracePage = Schema<'TraceAnswer'>;
export type Span = Schema<'SpanAnswer'>;
export type Scope = Schema<'ScopeAnswer'>;
export type Facet = Schema<'FacetAnswer'>;
export type FacetList = Schema<'FacetsAnswer'>;

export type TraceSort = 'newest' | 'slowest';

export function useTraces(query: string, range: Range, sort: TraceSort) {
  return useInfiniteQuery({
    queryKey: ['traces', query, range.start, range.end, sort],
    queryFn: ({ signal, pageParam }) =>
      request<Schema<'TracesAnswer'>>('/api/v1/traces', {
        params: { query, ...range, limit: 100, sort, cursor: pageParam },
        signal,
      }),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor || undefined,
    placeholderData: keepPreviousData,
  });
}

export function useTraceFacets(query: string, range: Range) {
  return useQuery({
    queryKey: ['trace-facets', query, range.start, range.end],
    queryFn: ({ signal }) => request<FacetList>('/api/v1/traces/facets', { params: { query, ...range }, signal }),
    placeholderData: keepPreviousData,
  });
}

/** Pages of one trace; the first is smaller so that the waterfall appears at once. */
export function useTrace(traceId: string) {
  return useInfiniteQuery({
    queryKey: ['trace', traceId],
    queryFn: ({ signal, pageParam }) =>
      request<TracePage>(`/api/v1/traces/${encodeURIComponent(traceId)}`, {
        params: { limit: pageParam === '' ? 5000 : 20000, cursor: pageParam },
        signal,
      }),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor || undefined,
    staleTime: 60_000,
    // Attributes are plain strings already; comparing 100 000 spans for structural sharing costs more than it saves.
    structuralSharing: false,
  });
}
