// SPDX-License-Identifier: Apache-2.0
import { waitFor } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import type { Panel } from '@/api/dashboards';
import { renderAt, stubApi } from '@/test-utils/render';
import { entityColor, levelColor, paletteColor } from '@/theme/colors';
import { bind } from './bind';
import { type PanelData, usePanel } from './use-panel';

afterEach(() => vi.unstubAllGlobals());

const detail = {
  series: { time: [0, 60], requests: [120, 60], errors: [6, 0], p50_ns: [1e6, null], p95_ns: [2e9, 1], p99_ns: [3, 4] },
};

/** What the hook says of a panel once it waits no longer. */
async function dataOf(queries: Panel['queries'], answers: Record<string, unknown>): Promise<PanelData> {
  stubApi(answers);
  const seen: PanelData[] = [];
  const binding = bind([{ name: 'service', kind: 'text' }], { service: 'cart' }, 5);
  const panel: Panel = { id: 'p', title: 'P', unit: 's', kind: 'line', queries };
  function Probe() {
    seen.push(usePanel(panel, binding, 'P'));
    return null;
  }
  await renderAt('/', <Probe />);
  await waitFor(() => expect(seen.at(-1)?.pending).toBe(false));
  return seen.at(-1) as PanelData;
}

const figure = (expr: string, more = {}) => ({ source: 'service' as const, expr, service: '$service', ...more });

it('turns counts of steps into rates and nanoseconds into seconds', async () => {
  const data = await dataOf([figure('requests'), figure('errors'), figure('p50'), figure('p95')], {
    '/api/v1/services/cart': detail,
  });
  expect(data.time).toEqual([0, 60]);
  expect(data.series.map((s) => s.values)).toEqual([
    [2, 1],
    [0.1, 0],
    [0.001, null],
    [2, 1e-9],
  ]);
});

it('keeps the colour of a service, and red for failures', async () => {
  const one = await dataOf([figure('requests')], { '/api/v1/services/cart': detail });
  expect(one.series[0]?.color).toBe(entityColor('cart', false));
  const failures = await dataOf([figure('errors', { color: 'error' })], { '/api/v1/services/cart': detail });
  expect(failures.series[0]?.color).toBe(levelColor('error', false));
  const both = await dataOf([figure('errors', { color: 'error' }), figure('p50')], { '/api/v1/services/cart': detail });
  expect(both.series.map((s) => s.color)).toEqual([levelColor('error', false), paletteColor(0, false)]);
});

it('draws two services with their own answers', async () => {
  const other = { series: { ...detail.series, requests: [60, 60] } };
  const data = await dataOf([figure('requests'), { ...figure('requests'), service: 'pay' }], {
    '/api/v1/services/cart': detail,
    '/api/v1/services/pay': other,
  });
  expect(data.series.map((s) => s.values)).toEqual([
    [2, 1],
    [1, 1],
  ]);
  expect(new Set(data.series.map((s) => s.key)).size).toBe(2);
});
