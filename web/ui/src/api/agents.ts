// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { request } from './client';
import type { Schema } from './types';

export type Agent = Schema<'AgentJSON'>;
export type AgentState = Agent['state'];
/** The agent's board: what its parts say of themselves. An older or newer agent may say other things. */
export type Board = Agent['status'];
export type AgentConfigState = Schema<'AgentConfigAnswer'>;
export type Selector = Schema<'Selector'>;
export type Rollout = Schema<'RolloutJSON'>;
export type RolloutState = Rollout['state'];
export type Target = Schema<'Target'>;
export type TargetState = Target['state'];

export interface Missing {
  what: string;
  why: string;
  how: string;
}

export interface Middleware {
  kind: string;
  instance: string;
  pid?: number;
  version?: string;
  state: 'collecting' | 'limited' | 'failed' | 'down';
  since: string;
  collects: string[] | null;
  error?: string;
  missing: Missing[] | null;
}

export interface QueueState {
  signal: string;
  requests: number;
  bytes: number;
  limit_bytes: number;
  oldest_seconds: number;
}

export interface Volume {
  at: number;
  pipelines: Record<string, { total: number; per_minute: number }>;
}

const refetchInterval = 5_000;

/** A section of the board that is a list of objects, empty when the agent has none. */
export function section<T>(board: Board, name: string): T[] {
  const value = board[name];
  return Array.isArray(value) ? (value as T[]) : [];
}

export const useAgents = (text: string, state: string) =>
  useInfiniteQuery({
    queryKey: ['agents', text, state],
    queryFn: ({ signal, pageParam }) =>
      request<Schema<'AgentsAnswer'>>('/api/v1/agents', {
        params: { text, state, cursor: pageParam, limit: 500 },
        signal,
      }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor || undefined,
    refetchInterval,
    placeholderData: keepPreviousData,
  });

export const useAgent = (id: string) =>
  useQuery({
    queryKey: ['agent', id],
    queryFn: async ({ signal }) =>
      (await request<Schema<'AgentAnswer'>>(`/api/v1/agents/${encodeURIComponent(id)}`, { signal })).agent,
    refetchInterval,
  });

export const useAgentConfig = (id: string) =>
  useQuery({
    queryKey: ['agent-config', id],
    queryFn: ({ signal }) => request<AgentConfigState>(`/api/v1/agents/${encodeURIComponent(id)}/config`, { signal }),
    refetchInterval,
  });

export const useAgentConfigs = () =>
  useQuery({
    queryKey: ['agent-configs'],
    queryFn: ({ signal }) => request<Schema<'ConfigsAnswer'>>('/api/v1/agent-configs', { signal }),
  });

export const useRollouts = () =>
  useQuery({
    queryKey: ['rollouts'],
    queryFn: async ({ signal }) =>
      (await request<Schema<'RolloutsAnswer'>>('/api/v1/rollouts', { params: { limit: 100 }, signal })).rollouts,
    refetchInterval,
  });

export const useRollout = (id: string) =>
  useQuery({
    queryKey: ['rollouts', id],
    queryFn: async ({ signal }) =>
      (await request<Schema<'RolloutAnswer'>>(`/api/v1/rollouts/${encodeURIComponent(id)}`, { signal })).rollout,
    refetchInterval: 2_000,
  });

function useInvalidating<V, R>(keys: string[], run: (input: V) => Promise<R>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: run,
    onSuccess: () => Promise.all(keys.map((key) => client.invalidateQueries({ queryKey: [key] }))),
  });
}

export const useForgetAgent = () =>
  useInvalidating(['agents'], (id: string) =>
    request<void>(`/api/v1/agents/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  );

export type NewRollout = Schema<'ConfigRequest'> & Omit<Schema<'RolloutRequest'>, 'config_id'>;

/** Makes the configuration and starts its roll-out. */
export const useStartRollout = () =>
  useInvalidating(['rollouts', 'agent-configs', 'agents'], async (input: NewRollout) => {
    const { name, yaml, selector, ...how } = input;
    const config: Schema<'ConfigRequest'> = { name, yaml, selector };
    const made = await request<Schema<'ConfigAnswer'>>('/api/v1/agent-configs', {
      method: 'POST',
      body: config,
    });
    const rollout: Schema<'RolloutRequest'> = { config_id: made.config.id, ...how };
    const started = await request<Schema<'RolloutAnswer'>>('/api/v1/rollouts', {
      method: 'POST',
      body: rollout,
    });
    return started.rollout;
  });

export const useCancelRollout = () =>
  useInvalidating(['rollouts'], (id: string) =>
    request<Schema<'RolloutAnswer'>>(`/api/v1/rollouts/${encodeURIComponent(id)}/cancel`, { method: 'POST' }),
  );
