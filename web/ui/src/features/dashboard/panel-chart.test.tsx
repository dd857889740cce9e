// SPDX-License-Identifier: Apache-2.0
import { screen, waitFor, within } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Panel } from '@/api/dashboards';
import { renderAt, stubApi } from '@/test-utils/render';
import { bind } from './bind';
import { PanelChart } from './panel-chart';

afterEach(() => vi.unstubAllGlobals());

const at = '/?from=2026-03-01T00:00:00Z&to=2026-03-01T00:10:00Z';
const start = Date.parse('2026-03-01T00:00:00Z') / 1000;

const metric: Panel = {
  id: 'memory',
  title: 'Memory',
  unit: 'bytes',
  kind: 'line',
  queries: [{ expr: 'memory{host="$host"}' }],
};

const series = (labels: Record<string, string>, value: string) => ({ metric: labels, values: [[start, value]] });
const matrix = (result: unknown[], more = {}) => ({
  status: 'success',
  data: { resultType: 'matrix', result },
  ...more,
});

const show = (panel: Panel, values = { host: 'web-1' }) =>
  renderAt(
    at,
    <PanelChart
      panel={panel}
      title={panel.title}
      binding={bind(
        Object.keys(values).map((name) => ({ name, kind: 'text' })),
        values,
        5,
      )}
      sync="x"
    />,
  );

const legend = () => [...document.querySelectorAll('span')].map((element) => element.textContent);

describe('a panel of metrics', () => {
  it('asks with its variables replaced and draws the answer under its title', async () => {
    const stub = stubApi({ '/prometheus/api/v1/query_range': matrix([series({ state: 'used' }, '1')]) });
    await show(metric);
    expect(await screen.findByRole('img', { name: 'Memory' })).toBeTruthy();
    const asked = new URL(String(stub.mock.calls[0]?.[0]), 'http://x');
    expect(asked.searchParams.get('query')).toBe('memory{host="web-1"}');
    expect(Number(asked.searchParams.get('end')) - Number(asked.searchParams.get('start'))).toBe(600);
  });

  it('shows neither a chart nor emptiness while it waits', async () => {
    vi.stubGlobal('fetch', () => new Promise(() => undefined));
    const { container } = await show(metric);
    expect(container.querySelector('[aria-hidden]')).toBeTruthy();
    expect(screen.queryByText('No data in this range')).toBeNull();
    expect(screen.queryByTestId('chart')).toBeNull();
  });

  it('says that there is nothing, and what there must be first', async () => {
    stubApi({ '/prometheus/api/v1/query_range': matrix([]) });
    await show({ ...metric, needs: 'a replica' });
    expect(await screen.findByText('No data in this range')).toBeTruthy();
    expect(screen.getByText('once there is: a replica')).toBeTruthy();
  });

  it('counts values that are no numbers as nothing', async () => {
    stubApi({ '/prometheus/api/v1/query_range': matrix([series({ a: '1' }, 'NaN')]) });
    await show(metric);
    expect(await screen.findByText('No data in this range')).toBeTruthy();
  });

  it('says what failed under its title', async () => {
    const body = { status: 'error', errorType: 'timeout', error: 'query timed out' };
    stubApi({ '/prometheus/api/v1/query_range': Response.json(body, { status: 503 }) });
    await show(metric);
    expect((await screen.findByRole('alert')).textContent).toContain('query timed out');
    expect(screen.getByText('Memory')).toBeTruthy();
  });

  it('marks a chart that lacks a writer, with the words of the answer', async () => {
    stubApi({
      '/prometheus/api/v1/query_range': matrix([series({ a: '1' }, '1')], { warnings: ['writer w2 did not answer'] }),
    });
    await show(metric);
    expect(await screen.findByRole('status', { name: 'Partial: writer w2 did not answer' })).toBeTruthy();
    expect(screen.getByTestId('chart')).toBeTruthy();
  });

  it('marks nothing on a whole chart', async () => {
    stubApi({ '/prometheus/api/v1/query_range': matrix([series({ a: '1' }, '1')], { infos: ['not a counter'] }) });
    await show(metric);
    await screen.findByTestId('chart');
    expect(screen.queryByRole('status')).toBeNull();
  });

  it('draws what there is of two queries and says what the other failed of', async () => {
    stubApi({
      '/prometheus/api/v1/query_range?query=good': matrix([series({ a: '1' }, '1')]),
      '/prometheus/api/v1/query_range?query=bad': Response.json(
        { status: 'error', errorType: 'bad_data', error: 'no such function' },
        { status: 400 },
      ),
    });
    await show({
      ...metric,
      queries: [
        { expr: 'good', legend: 'good' },
        { expr: 'bad', legend: 'bad' },
      ],
    });
    expect(await screen.findByTestId('chart')).toBeTruthy();
    expect(await screen.findByRole('status', { name: /Partial: no such function/ })).toBeTruthy();
  });

  it('says how many lines were left out', async () => {
    const many = Array.from({ length: 203 }, (_, i) => series({ disk: `d${i}` }, '1'));
    stubApi({ '/prometheus/api/v1/query_range': matrix(many) });
    await show(metric);
    expect((await screen.findByRole('status')).getAttribute('aria-label')).toContain('3');
    expect(screen.getByText('+188')).toBeTruthy();
  });

  it('names lines by the label they differ in, in the order of the names', async () => {
    stubApi({
      '/prometheus/api/v1/query_range': matrix([
        series({ host: 'web-1', state: 'used' }, '1'),
        series({ host: 'web-1', state: 'free' }, '2'),
      ]),
    });
    await show(metric);
    await screen.findByTestId('chart');
    const names = legend().filter((text) => text === 'used' || text === 'free');
    expect(names).toEqual(['free', 'used']);
  });

  it('names lines by the legends of its queries, in the order of the queries', async () => {
    stubApi({ '/prometheus/api/v1/query_range': matrix([series({}, '1')]) });
    await show({
      ...metric,
      queries: [
        { expr: 'load15', legend: '15m' },
        { expr: 'load1', legend: '1m' },
      ],
    });
    await screen.findByTestId('chart');
    expect(legend().filter((text) => /^\d+m$/.test(text ?? ''))).toEqual(['15m', '1m']);
  });

  it('shows no legend for one line', async () => {
    stubApi({ '/prometheus/api/v1/query_range': matrix([series({ state: 'used' }, '1')]) });
    await show(metric);
    await screen.findByTestId('chart');
    expect(screen.queryByText('used')).toBeNull();
  });

  it('opens its queries in the explorer', async () => {
    stubApi({ '/prometheus/api/v1/query_range': matrix([series({ a: '1' }, '1')]) });
    await show(metric);
    const link = await screen.findByRole('link', { name: 'Open in Metrics: Memory' });
    expect(new URL(link.getAttribute('href') ?? '', 'http://x').searchParams.get('q')).toBe('memory{host="web-1"}');
  });
});

const detail = {
  service: { name: 'cart', environment: '', language: '', resource: {}, instances: [] },
  series: {
    time: [start, start + 60],
    requests: [120, 60],
    errors: [6, 0],
    p50_ns: [1e6, null],
    p95_ns: [2e9, null],
    p99_ns: [null, null],
  },
  operations: [],
  dependencies: [],
  callers: [],
  warnings: [],
};

const latency: Panel = {
  id: 'latency',
  title: 'Latency',
  unit: 's',
  kind: 'line',
  queries: ['p50', 'p95', 'p99'].map((expr) => ({ source: 'service', expr, service: '$service', legend: expr })),
};

describe('a panel of a service', () => {
  it('asks for the service once, whatever the number of its lines', async () => {
    const stub = stubApi({ '/api/v1/services/cart': detail });
    await show(latency, { service: 'cart' } as never);
    await screen.findByTestId('chart');
    expect(stub.mock.calls.filter(([url]) => String(url).startsWith('/api/v1/services/')).length).toBe(1);
    expect(stub.mock.calls.some(([url]) => String(url).includes('query_range'))).toBe(false);
    expect(legend().filter((text) => /^p\d\d$/.test(text ?? ''))).toEqual(['p50', 'p95', 'p99']);
  });

  it('has no PromQL to open in the explorer', async () => {
    stubApi({ '/api/v1/services/cart': detail });
    await show(latency, { service: 'cart' } as never);
    await screen.findByTestId('chart');
    expect(screen.queryByRole('link')).toBeNull();
  });

  it('is empty where there was nothing to measure', async () => {
    stubApi({ '/api/v1/services/cart': detail });
    await show({ ...latency, queries: [{ source: 'service', expr: 'p99', service: '$service' }] }, {
      service: 'cart',
    } as never);
    expect(await screen.findByText('No data in this range')).toBeTruthy();
  });

  it('says what failed', async () => {
    stubApi({
      '/api/v1/services/cart': Response.json(
        { error: { code: 'unavailable', message: 'engine away' } },
        { status: 503 },
      ),
    });
    await show(latency, { service: 'cart' } as never);
    const note = await screen.findByRole('alert');
    await waitFor(() => expect(within(note).getByText(/engine away/)).toBeTruthy());
  });
});
