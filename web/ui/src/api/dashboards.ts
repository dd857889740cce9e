// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query';
import { request } from './client';
import type { Schema } from './types';

export type Dashboard = Schema<'Dashboard'>;
export type Panel = Schema<'Panel'>;
export type PanelQuery = Schema<'Query'>;

/** A built-in dashboard; it changes only with the server. */
export const useDashboard = (name: string) =>
  useQuery({
    queryKey: ['dashboard', name],
    queryFn: ({ signal }) => request<Dashboard>(`/api/v1/dashboards/${encodeURIComponent(name)}`, { signal }),
    staleTime: Number.POSITIVE_INFINITY,
  });
