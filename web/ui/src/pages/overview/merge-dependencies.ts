// SPDX-License-Identifier: Apache-2.0
import type { Dependency } from '@/api/services';

export interface MiddlewareRow {
  type: 'db' | 'messaging' | 'rpc';
  system: string;
  target: string;
  calls: number;
  errors: number;
  /** The slowest p95 of the callers: percentiles cannot be added up. */
  p95_ns: number | null;
  callers: string[];
}

/** One row per called system, over all services that call it. */
export function mergeDependencies(
  names: readonly string[],
  answers: readonly (Dependency[] | undefined)[],
): MiddlewareRow[] {
  const rows = new Map<string, MiddlewareRow>();
  answers.forEach((dependencies, i) => {
    for (const dependency of dependencies ?? []) {
      const { type } = dependency;
      if (type !== 'db' && type !== 'messaging' && type !== 'rpc') continue;
      const key = `${type}\u0000${dependency.system}\u0000${dependency.target}`;
      const row = rows.get(key) ?? {
        type,
        system: dependency.system,
        target: dependency.target || dependency.system,
        calls: 0,
        errors: 0,
        p95_ns: null,
        callers: [],
      };
      row.calls += dependency.calls;
      row.errors += dependency.errors;
      if (dependency.p95_ns !== null) row.p95_ns = Math.max(row.p95_ns ?? 0, dependency.p95_ns);
      row.callers.push(names[i] ?? '');
      rows.set(key, row);
    }
  });
  return [...rows.values()];
}
