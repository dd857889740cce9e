// SPDX-License-Identifier: Apache-2.0
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { request } from './client';

export type Scope = 'ingest' | 'read' | 'admin' | 'browser';

export interface Key {
  id: string;
  name: string;
  scope: Scope;
  prefix: string;
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
  revoked: boolean;
}

export interface KeyInput {
  name: string;
  scope: Scope;
  expires_in_days?: number;
}

const path = '/api/v1/keys';

export const useKeys = () =>
  useQuery({ queryKey: ['keys'], queryFn: ({ signal }) => request<{ keys: Key[] }>(path, { signal }) });

export function useCreateKey() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (input: KeyInput) => request<{ key: Key; secret: string }>(path, { method: 'POST', body: input }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['keys'] }),
  });
}

export function useRevokeKey() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => request<void>(`${path}/${encodeURIComponent(id)}`, { method: 'DELETE' }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['keys'] }),
  });
}
