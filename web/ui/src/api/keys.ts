// SPDX-License-Identifier: Apache-2.0
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { request } from './client';
import type { Schema } from './types';

export type Key = Schema<'KeyJSON'>;
export type Scope = Key['scope'];

const path = '/api/v1/keys';

export const useKeys = () =>
  useQuery({ queryKey: ['keys'], queryFn: ({ signal }) => request<Schema<'KeysAnswer'>>(path, { signal }) });

export function useCreateKey() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (input: Schema<'KeyBody'>) => request<Schema<'NewKeyAnswer'>>(path, { method: 'POST', body: input }),
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
