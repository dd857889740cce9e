// SPDX-License-Identifier: Apache-2.0
import { ApiError } from '@/api/client';
import type { Definition, Measure } from '@/api/rollups';

export const parts = ['name', 'source', 'filter', 'dimensions', 'measures', 'step', 'retention', 'budget'] as const;
export type Part = (typeof parts)[number];

const begins: [Part, RegExp][] = [
  ['name', /^name /],
  ['source', /^source /],
  ['filter', /^filter /],
  ['dimensions', /^(\d+ )?dimensions?\b/],
  ['measures', /^(\d+ )?(measures?\b|distinct counts)|^there are no measures/],
  ['step', /^step /],
  ['retention', /^retention /],
  ['budget', /^budget /],
];

/** What the server has against each part of the form, and what belongs to none of them. */
export function refusals(error: unknown): { by: Partial<Record<Part, string[]>>; rest: string[] } {
  const by: Partial<Record<Part, string[]>> = {};
  const rest: string[] = [];
  const list = error instanceof ApiError ? error.details.errors : undefined;
  if (!Array.isArray(list)) return { by, rest };
  for (const sentence of list.map(String)) {
    const part = begins.find(([, pattern]) => pattern.test(sentence))?.[0];
    if (part) by[part] = [...(by[part] ?? []), sentence.replace(/^(name|filter|source|step|retention) /, '')];
    else rest.push(sentence);
  }
  return { by, rest };
}

/** Whether the answer named what is wrong, sentence by sentence. */
export const isRefusal = (error: unknown) => error instanceof ApiError && Array.isArray(error.details.errors);

/** A measure with another function or field; a name that was made of them goes with them. */
export function changedMeasure(measure: Measure, change: Partial<Measure>): Measure {
  const next = { ...measure, ...change, name: undefined };
  return next.func === 'count' ? { func: 'count' } : next;
}

/** What is sent: without what is empty. */
export function definitionOf(form: Definition): Definition {
  const { values, combinations } = form.budget ?? {};
  const budget = { ...(values ? { values } : {}), ...(combinations ? { combinations } : {}) };
  return {
    name: form.name.trim(),
    source: form.source,
    filter: form.filter?.trim() ?? '',
    dimensions: form.dimensions ?? [],
    measures: form.measures.map(({ name, func, field }) => ({
      ...(name ? { name } : {}),
      func,
      ...(field?.trim() ? { field: field.trim() } : {}),
    })),
    step: form.step,
    retention: form.retention.trim(),
    ...(Object.keys(budget).length > 0 ? { budget } : {}),
  };
}
