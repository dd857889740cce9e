// SPDX-License-Identifier: Apache-2.0
import type { Dashboard } from '@/api/dashboards';

/** Values of a dashboard's text variables by name. */
export type Values = Record<string, string>;

/** The text within a string of PromQL. */
const escaped = (value: string) => value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

/** Four samples at the usual 15 s interval, and never less than four steps. */
const windowOf = (step: number) => `${Math.max(60, step * 4)}s`;

export interface Binding {
  /** PromQL with every variable replaced. */
  expr: (text: string) => string;
  /** A plain text, such as a service's name, with every variable replaced. */
  plain: (text: string) => string;
}

/** Replaces a dashboard's variables. A name that the dashboard does not declare stays as it is. */
export function bind(variables: Dashboard['variables'], values: Values, step: number): Binding {
  const kinds = new Map(variables.map((variable) => [variable.name, variable.kind]));
  const replace = (text: string, show: (value: string) => string) =>
    text.replace(/\$([a-zA-Z][a-zA-Z0-9]*)/g, (whole, name: string) => {
      const kind = kinds.get(name);
      if (kind === 'window') return windowOf(step);
      return kind === 'text' ? show(values[name] ?? '') : whole;
    });
  return { expr: (text) => replace(text, escaped), plain: (text) => replace(text, (value) => value) };
}
