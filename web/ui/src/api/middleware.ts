// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { request } from './client';
import type { Range } from './services';
import type { Schema } from './types';

export type Pack = Schema<'Pack'>;
export type MiddlewareInstance = Schema<'MiddlewareInstance'>;
export type InstanceState = MiddlewareInstance['state'];

export const usePack = (name: string) =>
  useQuery({
    queryKey: ['pack', name],
    queryFn: ({ signal }) => request<Pack>(`/api/v1/packs/${encodeURIComponent(name)}`, { signal }),
    staleTime: Number.POSITIVE_INFINITY,
  });

/** Every instance that reported within the last minutes of the range. */
export function useMiddleware(range: Range) {
  return useQuery({
    queryKey: ['middleware', range.start, range.end],
    queryFn: ({ signal }) =>
      request<Schema<'MiddlewareAnswer'>>('/api/v1/middleware', { params: { ...range }, signal }),
    placeholderData: keepPreviousData,
  });
}
