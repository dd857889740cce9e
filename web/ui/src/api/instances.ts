// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { request } from './client';
import type { Schema } from './types';

export type Instance = Schema<'InstanceRow'>;

export const useInstances = () =>
  useQuery({
    queryKey: ['instances'],
    queryFn: ({ signal }) => request<Schema<'InstancesAnswer'>>('/api/v1/status/instances', { signal }),
    refetchInterval: 10_000,
    placeholderData: keepPreviousData,
  });
