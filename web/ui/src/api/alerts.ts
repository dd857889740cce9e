// SPDX-License-Identifier: Apache-2.0
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { prometheus, request } from './client';
import type { Labels } from './metrics';

export type AlertState = 'firing' | 'pending' | 'inactive';

export interface Alert {
  labels: Labels;
  annotations: Labels;
  state: AlertState;
  activeAt?: string;
  value: string;
}

export interface Rule {
  name: string;
  query: string;
  type: 'alerting' | 'recording';
  state?: AlertState;
  duration?: number;
  health: 'ok' | 'err' | 'unknown';
  lastError?: string;
  evaluationTime: number;
  lastEvaluation: string;
  labels?: Labels;
  annotations?: Labels;
  alerts?: Alert[];
}

export interface RuleGroup {
  name: string;
  file: string;
  interval: number;
  rules: Rule[];
  lastEvaluation: string;
  evaluationTime: number;
}

export interface EditableGroup {
  id: string;
  name: string;
  source: 'file' | 'api' | 'builtin';
  file: string;
  interval: string;
  yaml: string;
  updated_at: string;
}

export interface Notifier {
  id: string;
  name: string;
  type: 'webhook';
  url: string;
  send_resolved: boolean;
  enabled: boolean;
  allow_private: boolean;
  secret_set: boolean;
  last_attempt: string | null;
  last_status: 'never' | 'ok' | 'failing';
  last_error: string;
  pending: number;
}

export type NotifierInput = Pick<Notifier, 'name' | 'type' | 'url' | 'send_resolved' | 'enabled' | 'allow_private'> & {
  secret?: string;
};

const refetchInterval = 15_000;

export const useRuleGroups = () =>
  useQuery({
    queryKey: ['rules'],
    queryFn: async ({ signal }) => (await prometheus<{ groups: RuleGroup[] }>('rules', { signal })).data.groups ?? [],
    refetchInterval,
  });

export const useAlerts = () =>
  useQuery({
    queryKey: ['alerts'],
    queryFn: async ({ signal }) => (await prometheus<{ alerts: Alert[] }>('alerts', { signal })).data.alerts ?? [],
    refetchInterval,
  });

export const useEditableGroups = () =>
  useQuery({
    queryKey: ['editable-rules'],
    queryFn: ({ signal }) => request<{ groups: EditableGroup[] }>('/api/v1/rules', { signal }),
  });

export const useNotifiers = () =>
  useQuery({
    queryKey: ['notifiers'],
    queryFn: ({ signal }) => request<{ notifiers: Notifier[] }>('/api/v1/notifiers', { signal }),
  });

function useInvalidating<V, R>(keys: string[], run: (input: V) => Promise<R>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: run,
    onSuccess: () => Promise.all(keys.map((key) => client.invalidateQueries({ queryKey: [key] }))),
  });
}

const ruleKeys = ['rules', 'editable-rules', 'alerts'];

export const useSaveGroup = () =>
  useInvalidating(ruleKeys, ({ id, yaml }: { id: string | null; yaml: string }) =>
    id === null
      ? request<EditableGroup>('/api/v1/rules', { method: 'POST', body: { yaml } })
      : request<EditableGroup>(`/api/v1/rules/${encodeURIComponent(id)}`, { method: 'PUT', body: { yaml } }),
  );

export const useDeleteGroup = () =>
  useInvalidating(ruleKeys, (id: string) =>
    request<void>(`/api/v1/rules/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  );

export const useSaveNotifier = () =>
  useInvalidating(['notifiers'], ({ id, input }: { id: string | null; input: NotifierInput }) =>
    id === null
      ? request<Notifier>('/api/v1/notifiers', { method: 'POST', body: input })
      : request<Notifier>(`/api/v1/notifiers/${encodeURIComponent(id)}`, { method: 'PUT', body: input }),
  );

export const useDeleteNotifier = () =>
  useInvalidating(['notifiers'], (id: string) =>
    request<void>(`/api/v1/notifiers/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  );

export const useTestNotifier = () =>
  useInvalidating(['notifiers'], (id: string) =>
    request<{ ok: boolean; status: number; error: string }>(`/api/v1/notifiers/${encodeURIComponent(id)}/test`, {
      method: 'POST',
    }),
  );
