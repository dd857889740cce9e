// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query';
import type { Completion } from '@/lib/query';
import { request } from './client';
import type { Range } from './services';
import type { Schema } from './types';

export type Signal = 'traces' | 'logs';

export interface Suggestion {
  text: string;
  hint: string;
}

/** What fits at the caret: names of fields, or values of the field before the colon. */
export function useCompletion(signal: Signal, at: Completion | null, range: Range) {
  return useQuery({
    // Minute precision: completion need not follow every refresh.
    queryKey: ['completion', signal, at?.kind, at?.field, at?.prefix, Math.floor(range.start / 60)],
    queryFn: async ({ signal: abort }): Promise<Suggestion[]> => {
      if (!at) return [];
      if (at.kind === 'field') {
        const params = { signal, prefix: at.prefix, ...range };
        const answer = await request<Schema<'FieldsAnswer'>>('/api/v1/fields', {
          params,
          signal: abort,
        });
        return answer.fields.map((field) => ({ text: field.name, hint: field.type }));
      }
      const params = { signal, field: at.field, prefix: at.prefix, ...range };
      const answer = await request<Schema<'ValuesAnswer'>>('/api/v1/fields/values', { params, signal: abort });
      return answer.values.map((value) => ({ text: value, hint: '' }));
    },
    enabled: at !== null,
    staleTime: 30_000,
    retry: false,
    placeholderData: (previous) => previous,
  });
}
