// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { request } from './client';
import type { Component } from './status';

export interface Instance {
  id: string;
  role: string;
  url: string;
  version: string;
  started_at: string;
  seen_at: string;
  state: Component['state'];
  message: string;
  components: Component[];
}

interface Instances {
  instances: Instance[];
  warnings: string[];
}

export const useInstances = () =>
  useQuery({
    queryKey: ['instances'],
    queryFn: ({ signal }) => request<Instances>('/api/v1/status/instances', { signal }),
    refetchInterval: 10_000,
    placeholderData: keepPreviousData,
  });
