// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { request } from './client';
import type { Range } from './services';

export interface TraceRow {
  trace_id: string;
  start: string;
  duration_ns: number;
  root_service: string;
  root_name: string;
  root_missing: boolean;
  span_count: number;
  error_count: number;
  matched_spans: number;
  services: { name: string; spans: number; errors: number }[];
}

interface TraceList {
  traces: TraceRow[];
  next_cursor: string;
  warnings: string[];
}

export interface Facet {
  field: string;
  values: { value: string; count: number }[];
}

export interface FacetList {
  facets: Facet[];
  warnings: string[];
}

export interface Scope {
  name: string;
  version: string;
  schema_url: string;
  attributes: Record<string, string>;
}

export interface Span {
  id: string;
  parent: string;
  name: string;
  kind: string;
  service: string;
  offset_ns: number;
  duration_ns: number;
  /** What was added to the recorded times, because the host's clock disagrees with its caller's. */
  clock_skew_ns: number;
  status: 'unset' | 'ok' | 'error';
  status_message: string;
  resource: number;
  scope: number;
  attributes: Record<string, string>;
  events: { name: string; offset_ns: number; attributes: Record<string, string> }[];
  links: { trace_id: string; span_id: string; attributes: Record<string, string> }[];
  resource_schema_url: string;
  flags: number;
}

export interface TracePage {
  trace_id: string;
  start: string;
  duration_ns: number;
  span_count: number;
  error_count: number;
  services: { name: string; spans: number; errors: number }[];
  resources: Record<string, string>[];
  scopes: Scope[];
  spans: Span[];
  next_cursor: string;
  warnings: string[];
}

export type TraceSort = 'newest' | 'slowest';

export function useTraces(query: string, range: Range, sort: TraceSort) {
  return useInfiniteQuery({
    queryKey: ['traces', query, range.start, range.end, sort],
    queryFn: ({ signal, pageParam }) =>
      request<TraceList>('/api/v1/traces', {
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
