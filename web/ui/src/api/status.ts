// SPDX-License-Identifier: Apache-2.0
import { queryOptions, useQuery } from '@tanstack/react-query';
import { request } from './client';

export interface Component {
  name: string;
  state: 'ok' | 'degraded' | 'down';
  message: string;
}

export interface Status {
  version: string;
  commit: string;
  started_at: string;
  roles: string[];
  addresses: { http: string; otlp_grpc: string; otlp_http: string };
  auth: { mode: 'open' | 'required'; authenticated: boolean; scopes: string[] };
  components: Component[];
}

export const statusOptions = queryOptions({
  queryKey: ['status'],
  queryFn: ({ signal }) => request<Status>('/api/v1/status', { signal }),
  staleTime: 10_000,
  refetchInterval: 30_000,
});

export const useStatus = () => useQuery(statusOptions);

export const signIn = (key: string) => request<void>('/api/v1/session', { method: 'POST', body: { key } });
export const signOut = () => request<void>('/api/v1/session', { method: 'DELETE' });
