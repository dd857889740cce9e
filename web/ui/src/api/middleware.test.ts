// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Middleware } from './agents';
import type { InstantRow } from './metrics';
import { mergeInstances, type PackSummary } from './middleware';

const row = (labels: Record<string, string>, value: number): InstantRow => ({ labels, value, text: String(value) });
const redis = (port: number) => ({ instance: `web-1:${port}`, host_name: 'web-1', middleware: 'redis' });
const packs: PackSummary[] = [
  {
    name: 'redis',
    title: 'Redis',
    budget: 1,
    versions: '',
    access: '',
    more: '',
    figures: [{ title: 'Memory', unit: 'bytes', expr: 'memory' }],
  },
];

describe('mergeInstances', () => {
  const rows = {
    up: [row(redis(1), 1), row(redis(2), 0), row(redis(3), 1), row(redis(4), 1)],
    info: [row({ ...redis(1), version: '7.0.15' }, 1)],
    missing: [row(redis(1), 0), row(redis(2), 0), row(redis(3), 1), row(redis(4), 1)],
    series: [row(redis(1), 30), row(redis(2), 0), row(redis(3), 0), row(redis(4), 20)],
    figures: new Map([['memory', [row({ instance: 'web-1:1' }, 1024)]]]),
  };

  it('tells the state by the metrics alone', () => {
    const all = mergeInstances(packs, rows, undefined);
    expect(all.map((item) => item.state)).toEqual(['collecting', 'down', 'failed', 'limited']);
    expect(all[0]).toMatchObject({ title: 'Redis', version: '7.0.15', missing: null, figures: [{ value: 1024 }] });
  });

  it('adds what the board of the host says', () => {
    const entry: Middleware = {
      kind: 'redis',
      instance: '127.0.0.1:3',
      state: 'failed',
      since: '2026-11-21T08:00:00Z',
      collects: [],
      error: 'NOAUTH',
      missing: [{ what: 'everything', why: 'NOAUTH', how: 'a line' }],
    };
    const boards = {
      agents: [
        { host: 'web-1', status: { middleware: [entry] } },
        { host: 'web-2', status: {} },
      ],
    };
    const all = mergeInstances(packs, rows, boards);
    expect(all[2]).toMatchObject({ error: 'NOAUTH', since: entry.since, missing: entry.missing });
    expect(all[3]?.missing).toBeNull();
  });
});
