// SPDX-License-Identifier: Apache-2.0
import type { Scope } from '@/api/traces';

/** What was said beside a span or log record: its scope with the attributes of that, schemas and flags; what is empty is left out. */
export function originOf(scope: Scope | undefined, resourceSchema: string, flags: number): Record<string, string> {
  const all: Record<string, string> = {
    'otel.scope.name': scope?.name ?? '',
    'otel.scope.version': scope?.version ?? '',
    'otel.scope.schema_url': scope?.schema_url ?? '',
    'otel.resource.schema_url': resourceSchema ?? '',
    'otel.flags': flags ? String(flags) : '',
  };
  for (const [key, value] of Object.entries(scope?.attributes ?? {})) all[`otel.scope.${key}`] = value;
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
}
