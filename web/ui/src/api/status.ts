// SPDX-License-Identifier: Apache-2.0
import { queryOptions, useQuery } from '@tanstack/react-query';
import { request } from './client';
import type { Schema } from './types';

export const statusOptions = queryOptions({
  queryKey: ['status'],
  queryFn: ({ signal }) => request<Schema<'StatusAnswer'>>('/api/v1/status', { signal }),
  staleTime: 10_000,
  refetchInterval: 30_000,
});

export const useStatus = () => useQuery(statusOptions);

/** The tenant whose data the key sees where that is not the installation's own one, which alone has rules, agents and notifiers. */
export function guestTenant(status: Schema<'StatusAnswer'> | undefined): string | undefined {
  const tenant = status?.auth.tenant;
  return tenant === 'default' || tenant === '' ? undefined : tenant;
}

export function signIn(key: string) {
  const body: Schema<'SessionBody'> = { key };
  return request<void>('/api/v1/session', { method: 'POST', body });
}

export const signOut = () => request<void>('/api/v1/session', { method: 'DELETE' });
