// SPDX-License-Identifier: Apache-2.0

/** Helpers for the search language of traces and logs. */

const bare = /^[\w./:@*+-]+$/;

/** Quotes a value where the language needs it. */
export function quoteValue(value: string): string {
  if (
    value !== '' &&
    bare.test(value) &&
    !value.includes('*') &&
    !value.startsWith('-') &&
    !/^(AND|OR|NOT)$/.test(value)
  ) {
    return value;
  }
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

export function term(field: string, value: string): string {
  return `${field}:${quoteValue(value)}`;
}

/** Splits at spaces outside of quotes. */
export function tokens(query: string): { text: string; start: number; end: number }[] {
  const out: { text: string; start: number; end: number }[] = [];
  let start = -1;
  let quoted = false;
  for (let i = 0; i <= query.length; i++) {
    const c = query[i];
    if (c === '\\' && quoted) {
      i++;
      continue;
    }
    if (c === '"') quoted = !quoted;
    const gap = c === undefined || (!quoted && /[\s()]/.test(c));
    if (gap && start >= 0) {
      out.push({ text: query.slice(start, i), start, end: i });
      start = -1;
    } else if (!gap && start < 0) {
      start = i;
    }
  }
  return out;
}

export function hasTerm(query: string, wanted: string): boolean {
  return tokens(query).some((token) => token.text === wanted);
}

/** Adds a term to the query; a query with OR at its top is put into parentheses first. */
export function addTerm(query: string, added: string): string {
  const trimmed = query.trim();
  if (trimmed === '') return added;
  if (hasTerm(trimmed, added)) return trimmed;
  return `${wrapOr(trimmed)} ${added}`;
}

export function wrapOr(query: string): string {
  return /(^|\s)OR(\s|$)/.test(query) ? `(${query})` : query;
}

export function removeTerm(query: string, removed: string): string {
  return tokens(query)
    .filter((token) => token.text === removed)
    .reverse()
    .reduce((text, token) => text.slice(0, token.start) + text.slice(token.end), query)
    .replace(/\s+/g, ' ')
    .trim();
}

export function toggleTerm(query: string, wanted: string): string {
  return hasTerm(query, wanted) ? removeTerm(query, wanted) : addTerm(query, wanted);
}

/** The query that is sent: the user's, restricted to the environment chosen in the top bar. */
export function withEnvironment(query: string, env: string | undefined): string {
  return env ? addTerm(query, term('env', env)) : query.trim();
}

export interface Completion {
  /** What is being typed: the name of a field or the value of one. */
  kind: 'field' | 'value';
  field: string;
  prefix: string;
  start: number;
  end: number;
}

/** What completion should offer at the caret, or null inside a free phrase. */
export function completionAt(query: string, caret: number): Completion | null {
  const token = tokens(query).find((t) => t.start <= caret && caret <= t.end);
  if (!token) return { kind: 'field', field: '', prefix: '', start: caret, end: caret };
  const negated = token.text.startsWith('-') ? 1 : 0;
  const typed = query.slice(token.start + negated, caret);
  if (typed.startsWith('"')) return null;
  const match = /^([^\s:<>=!]+)(:|>=|<=|!=|>|<)(.*)$/.exec(typed);
  if (!match) return { kind: 'field', field: '', prefix: typed, start: token.start + negated, end: token.end };
  const value = match[3] ?? '';
  const comma = value.lastIndexOf(',') + 1;
  const prefix = value.slice(comma).replace(/^"/, '');
  return { kind: 'value', field: match[1] ?? '', prefix, start: caret - (value.length - comma), end: token.end };
}

/** Matches a 32-digit trace id, with or without dashes. */
export function asTraceId(text: string): string | null {
  const id = text.trim().toLowerCase().replaceAll('-', '');
  return /^[0-9a-f]{32}$/.test(id) ? id : null;
}
