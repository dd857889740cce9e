// SPDX-License-Identifier: Apache-2.0
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { request } from './client';
import type { Range } from './services';
import type { Schema } from './types';

export type Rollup = Schema<'RollupJSON'>;
export type RollupDetail = Schema<'DetailAnswer'>;
export type Definition = Schema<'Definition'>;
export type Measure = Schema<'Measure'>;
export type RollupAnswer = Schema<'QueryAnswer'>;
export type RollupGroup = Schema<'RollupsGroupJSON'>;
export type RollupValue = Schema<'ValueJSON'>;

const path = '/api/v1/rollups';
const pathOf = (id: string) => `${path}/${encodeURIComponent(id)}`;

export const useRollups = () =>
  useQuery({ queryKey: ['rollups'], queryFn: ({ signal }) => request<Schema<'ListAnswer'>>(path, { signal }) });

export const useRollup = (id: string) =>
  useQuery({
    queryKey: ['rollup', id],
    queryFn: ({ signal }) => request<RollupDetail>(pathOf(id), { signal }),
    enabled: id !== '',
  });

export interface RollupQuery {
  group: string[];
  where: string[];
  other: string[];
  measure: string;
  order: 'desc' | 'asc';
  limit: number;
  every: string;
  compare: string;
}

export function useRollupQuery(id: string, version: number, query: RollupQuery, range: Range) {
  return useQuery({
    queryKey: ['rollup-query', id, version, query, range.start, range.end],
    queryFn: ({ signal }) => {
      const { group, where, other, ...rest } = query;
      const params = { ...range, ...rest, where, group: group.join(','), other: other.join(',') };
      return request<RollupAnswer>(`${pathOf(id)}/query`, { params, signal });
    },
    placeholderData: (previous, before) => (before?.queryKey[1] === id ? previous : undefined),
  });
}

function useChange<V, R>(run: (input: V) => Promise<R>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: run,
    onSuccess: () =>
      Promise.all(['rollups', 'rollup', 'rollup-query'].map((key) => client.invalidateQueries({ queryKey: [key] }))),
  });
}

export const useSaveRollup = () =>
  useChange(({ id, definition }: { id: string | null; definition: Definition }) =>
    id === null
      ? request<Rollup>(path, { method: 'POST', body: definition })
      : request<Rollup>(pathOf(id), { method: 'PUT', body: definition }),
  );

export const usePauseRollup = () =>
  useChange(({ id, paused }: { id: string; paused: boolean }) =>
    request<Rollup>(`${pathOf(id)}/${paused ? 'pause' : 'resume'}`, { method: 'POST' }),
  );

export function useDeleteRollup() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => request<void>(pathOf(id), { method: 'DELETE' }),
    // What is shown of it stays until the page is left: asking for it again would only fail.
    onSuccess: () => client.invalidateQueries({ queryKey: ['rollups'] }),
  });
}
