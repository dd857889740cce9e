// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { request } from './client';
import type { Range } from './services';
import type { Schema } from './types';

export type Topology = Schema<'TopologyAnswer'>;
export type TopologyNode = Schema<'TopologyNode'>;

export function useTopology(range: Range, env: string | undefined) {
  return useQuery({
    queryKey: ['topology', range.start, range.end, env],
    queryFn: ({ signal }) => request<Topology>('/api/v1/topology', { params: { ...range, env }, signal }),
    placeholderData: keepPreviousData,
  });
}
