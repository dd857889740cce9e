// SPDX-License-Identifier: Apache-2.0
import type { Definition, RollupQuery, RollupValue } from '@/api/rollups';
import { addTerm, quoteValue, term } from '@/lib/query';
import { decodeList, encodeList, type Search } from '@/state/url';

export interface Condition {
  dimension: string;
  not: boolean;
  value: string;
  /** It stands for the values that were folded. */
  other: boolean;
}

export interface ViewState {
  group: string[];
  conditions: Condition[];
  measure: string;
  order: 'desc' | 'asc';
  limit: number;
  compare: string;
}

export const limits = [10, 20, 50, 100];
export const compares = ['', '1h', '1d', '7d'];
/** In the URL: broken down by nothing. */
const nothing = '-';
const defaultLimit = 20;

const parseCondition = (text: string, dimensions: readonly string[]): Condition[] => {
  // The longest name first: one dimension may begin like another.
  const dimension = [...dimensions]
    .sort((a, b) => b.length - a.length)
    .find((name) => text.startsWith(`${name}=`) || text.startsWith(`${name}!=`));
  if (dimension === undefined) return [];
  const rest = text.slice(dimension.length);
  const not = rest.startsWith('!');
  return [{ dimension, not, value: rest.slice(not ? 2 : 1), other: false }];
};

const whereText = (c: Condition) => `${c.dimension}${c.not ? '!=' : '='}${c.value}`;

/** What the URL asks of a rollup; what the definition does not have (any more) is left out. */
export function readState(search: Search, definition: Definition): ViewState {
  const dimensions = definition.dimensions ?? [];
  const known = (list: string | undefined) => dimensions.filter((name) => list?.split(',').includes(name));
  const where = decodeList(search.where).flatMap((text) => parseCondition(text, dimensions));
  const other = known(search.other).map((dimension) => ({ dimension, not: false, value: '', other: true }));
  const by = known(search.by);
  const names = definition.measures.map((m) => m.name ?? m.func);
  const limit = Number(search.top);
  return {
    group: by.length > 0 || search.by === nothing ? by : dimensions.slice(0, 1),
    conditions: [...where, ...other],
    measure: names.find((name) => name === search.measure) ?? names[0] ?? '',
    order: search.order === 'asc' ? 'asc' : 'desc',
    limit: limits.includes(limit) ? limit : defaultLimit,
    compare: compares.includes(search.compare ?? '') ? (search.compare ?? '') : '',
  };
}

/** The keys of the URL for a state; what is as by default is left out. */
export function writeState(state: ViewState, definition: Definition): Search {
  const { group, conditions, measure, order, limit, compare } = state;
  const first = definition.dimensions?.[0];
  const byDefault = group.length === 1 && group[0] === first;
  const where = conditions.filter((c) => !c.other).map(whereText);
  const other = conditions.filter((c) => c.other).map((c) => c.dimension);
  const usual = definition.measures[0];
  return {
    by: byDefault || first === undefined ? undefined : group.length === 0 ? nothing : group.join(','),
    where: where.length > 0 ? encodeList(where) : undefined,
    other: other.length > 0 ? other.join(',') : undefined,
    measure: measure === (usual?.name ?? usual?.func) ? undefined : measure,
    order: order === 'asc' ? 'asc' : undefined,
    top: limit === defaultLimit ? undefined : String(limit),
    compare: compare === '' ? undefined : compare,
  };
}

export function queryOf(state: ViewState, every: string): RollupQuery {
  const { group, conditions, measure, order, limit, compare } = state;
  const where = conditions.filter((c) => !c.other).map(whereText);
  const other = conditions.filter((c) => c.other).map((c) => c.dimension);
  return { group, where, other, measure, order, limit, every, compare };
}

const same = (a: Condition, b: Condition) => a.dimension === b.dimension && a.other === b.other && a.value === b.value;

export const withCondition = (state: ViewState, added: Condition): ViewState => ({
  ...state,
  conditions: [...state.conditions.filter((c) => !same(c, added)), added],
});

export const withoutCondition = (state: ViewState, removed: Condition): ViewState => ({
  ...state,
  conditions: state.conditions.filter((c) => !same(c, removed)),
});

/** Goes into a value: it becomes the only condition on its dimension, and the next dimension is what the rest is broken down by. */
export function drill(state: ViewState, definition: Definition, dimension: string, value: RollupValue): ViewState {
  const dimensions = definition.dimensions ?? [];
  const condition = { dimension, not: false, value: value.other ? '' : value.value, other: value.other };
  const conditions = [...state.conditions.filter((c) => c.dimension !== dimension), condition];
  const left = state.group.filter((name) => name !== dimension);
  const fixed = new Set(conditions.filter((c) => !c.not).map((c) => c.dimension));
  const after = dimensions.slice(dimensions.indexOf(dimension) + 1);
  const next = [...after, ...dimensions].find((name) => !fixed.has(name));
  return { ...state, conditions, group: left.length > 0 || next === undefined ? left : [next] };
}

/**
 * The search behind a row: the filter, the conditions and the row's values. Null where folded values are asked for, which no search can name.
 */
export function rawQuery(
  definition: Definition,
  conditions: readonly Condition[],
  group: readonly string[],
  values: readonly RollupValue[],
): string | null {
  if (conditions.some((c) => c.other) || values.some((v) => v.other)) return null;
  const own = group.map((dimension, i) => ({ dimension, not: false, value: values[i]?.value ?? '', other: false }));
  const fixed = new Set(group);
  // The row's own value says more than the condition that let it in.
  const rest = conditions.filter((c) => c.not || !fixed.has(c.dimension));
  let query = (definition.filter ?? '').trim();
  const alternatives = new Map<string, string[]>();
  for (const c of [...own, ...rest]) {
    if (c.not) query = addTerm(query, c.value === '' ? `${c.dimension}:*` : `-${term(c.dimension, c.value)}`);
    else alternatives.set(c.dimension, [...(alternatives.get(c.dimension) ?? []), c.value]);
  }
  for (const [dimension, list] of alternatives) query = addTerm(query, anyOf(dimension, list));
  return query;
}

function anyOf(dimension: string, values: readonly string[]): string {
  const named = values.filter((value) => value !== '');
  const terms = named.length > 0 ? [`${dimension}:${named.map(quoteValue).join(',')}`] : [];
  if (named.length < values.length) terms.push(`-${dimension}:*`);
  return terms.length > 1 ? `(${terms.join(' OR ')})` : (terms[0] ?? '');
}
