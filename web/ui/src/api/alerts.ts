// SPDX-License-Identifier: Apache-2.0
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { prometheus, request } from './client';
import type { Labels } from './metrics';
import type { Schema } from './types';

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

export type EditableGroup = Schema<'GroupJSON'>;
export type Notifier = Schema<'NotifierJSON'>;
export type NotifierInput = Schema<'NotifierBody'>;
export type NotifierType = Notifier['type'];
export type NotifierConfig = Notifier['config'];

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
    queryFn: ({ signal }) => request<Schema<'GroupsAnswer'>>('/api/v1/rules', { signal }),
  });

export const useNotifiers = () =>
  useQuery({
    queryKey: ['notifiers'],
    queryFn: ({ signal }) => request<Schema<'NotifiersAnswer'>>('/api/v1/notifiers', { signal }),
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
  useInvalidating(ruleKeys, ({ id, ...body }: { id: string | null } & Schema<'GroupBody'>) =>
    id === null
      ? request<EditableGroup>('/api/v1/rules', { method: 'POST', body })
      : request<EditableGroup>(`/api/v1/rules/${encodeURIComponent(id)}`, { method: 'PUT', body }),
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
    request<Schema<'TestAnswer'>>(`/api/v1/notifiers/${encodeURIComponent(id)}/test`, {
      method: 'POST',
    }),
  );
