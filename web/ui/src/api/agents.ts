// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { request } from './client';

export type AgentState = 'online' | 'late' | 'offline' | 'stopped';

export interface Health {
  healthy: boolean;
  status: string;
  error?: string;
  started?: string;
  parts?: Record<string, Health>;
}

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

/** The agent's board: what its parts say of themselves. An older or newer agent may say other things. */
export type Board = Record<string, unknown>;

export interface Agent {
  id: string;
  host: string;
  host_id: string;
  version: string;
  os: string;
  state: AgentState;
  first_seen: string;
  last_heartbeat: string;
  silent_seconds: number;
  source: string;
  instance: string;
  healthy: boolean;
  health: Partial<Health>;
  labels: Record<string, string>;
  status: Board;
  config: { hash: string; status: string; error: string; id: string; name: string; current: boolean };
}

export interface AgentConfigState {
  effective: string;
  hash: string;
  status: string;
  error: string;
  offered: { id: string; name: string; hash: string; yaml: string; wanted: string; in_effect: string } | null;
}

export interface Selector {
  hosts?: string[];
  labels?: Record<string, string>;
}

export interface AgentConfig {
  id: string;
  name: string;
  hash: string;
  yaml: string;
  selector: Selector;
  created_at: string;
  created_by: string;
}

export type RolloutState = 'pending' | 'canary' | 'rest' | 'rolling_back' | 'done' | 'failed' | 'cancelled';
export type TargetState = 'waiting' | 'offered' | 'watching' | 'good' | 'failed' | 'restored';

export interface Target {
  agent_id: string;
  host: string;
  canary: boolean;
  state: TargetState;
  reason?: string;
  offered_at?: string;
  applied_at?: string;
}

export interface Rollout {
  id: string;
  config_id: string;
  config_name: string;
  state: RolloutState;
  cancelling: boolean;
  created_at: string;
  updated_at: string;
  selector: Selector;
  watch_seconds: number;
  allow_silence: boolean;
  created_by: string;
  reason: string;
  targets: Target[];
  counts: Partial<Record<TargetState, number>>;
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
      request<{ agents: Agent[]; next_cursor: string; warnings: string[] }>('/api/v1/agents', {
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
      (await request<{ agent: Agent }>(`/api/v1/agents/${encodeURIComponent(id)}`, { signal })).agent,
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
    queryFn: ({ signal }) => request<{ configs: AgentConfig[] }>('/api/v1/agent-configs', { signal }),
  });

export const useRollouts = () =>
  useQuery({
    queryKey: ['rollouts'],
    queryFn: async ({ signal }) =>
      (await request<{ rollouts: Rollout[] }>('/api/v1/rollouts', { params: { limit: 100 }, signal })).rollouts,
    refetchInterval,
  });

export const useRollout = (id: string) =>
  useQuery({
    queryKey: ['rollouts', id],
    queryFn: async ({ signal }) =>
      (await request<{ rollout: Rollout }>(`/api/v1/rollouts/${encodeURIComponent(id)}`, { signal })).rollout,
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

export interface NewRollout {
  name: string;
  yaml: string;
  selector: Selector;
  canary: { percent?: number; count?: number };
  watch_seconds: number;
  allow_silence: boolean;
}

/** Makes the configuration and starts its roll-out. */
export const useStartRollout = () =>
  useInvalidating(['rollouts', 'agent-configs', 'agents'], async (input: NewRollout) => {
    const { name, yaml, selector, canary, watch_seconds, allow_silence } = input;
    const made = await request<{ config: AgentConfig }>('/api/v1/agent-configs', {
      method: 'POST',
      body: { name, yaml, selector },
    });
    const started = await request<{ rollout: Rollout }>('/api/v1/rollouts', {
      method: 'POST',
      body: { config_id: made.config.id, canary, watch_seconds, allow_silence },
    });
    return started.rollout;
  });

export const useCancelRollout = () =>
  useInvalidating(['rollouts'], (id: string) =>
    request<{ rollout: Rollout }>(`/api/v1/rollouts/${encodeURIComponent(id)}/cancel`, { method: 'POST' }),
  );
