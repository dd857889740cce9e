// SPDX-License-Identifier: Apache-2.0
import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Operation } from '@/api/services';
import { aServiceDetail } from '@/test-utils/answers';
import { failure, renderAt, requests, stubApi } from '@/test-utils/render';
import { ServicePage } from './service.page';

beforeEach(() => vi.spyOn(window, 'innerWidth', 'get').mockReturnValue(1440));
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const dashboard = {
  name: 'service',
  title: 'Service',
  variables: [{ name: 'service', kind: 'text' }],
  figures: [],
  panels: [
    {
      id: 'requests',
      title: 'R',
      unit: 'rate',
      kind: 'area',
      queries: [{ source: 'service', expr: 'requests', service: '$service' }],
    },
  ],
};

const operation = (name: string, requestsMade: number, total: number): Operation => ({
  name,
  kind: 'server',
  requests: requestsMade,
  errors: 0,
  rate: 1,
  p50_ns: 1,
  p95_ns: 2,
  p99_ns: 3,
  total_ns: total,
});

const detail = aServiceDetail('cart', {
  service: {
    name: 'cart',
    environment: 'production',
    language: 'go',
    resource: { 'service.version': '1.2' },
    instances: [{ id: 'cart-1', host: 'web-1', last_seen: '2026-03-01T00:00:00Z' }],
  },
  operations: [operation('GET /', 10, 100), operation('POST /', 5, 300)],
  dependencies: [
    { type: 'db', system: 'redis', target: '0', calls: 8, errors: 4, p95_ns: 1000 },
    { type: 'http', system: 'http', target: 'cards.example', calls: 3, errors: 0, p95_ns: null },
  ],
  callers: [{ service: 'front', calls: 12, errors: 0 }],
  warnings: ['200 of 203 dependencies are listed'],
});

const answers = { '/api/v1/services/cart': detail, '/api/v1/dashboards/service': dashboard };
const at = '/services/cart?from=2026-03-01T00:00:00Z&to=2026-03-01T00:03:00Z&env=production';
const open = () => renderAt(at, <ServicePage />, '/services/$name');
const table = async (name: string) => screen.findByRole('table', { name });
const traceQuery = (search: string) => new URLSearchParams(search).get('q');

describe('the page of a service', () => {
  it('shows who it is and its totals over the range', async () => {
    stubApi(answers);
    await open();
    expect(await screen.findByText('production · go · 1.2')).toBeTruthy();
    expect(screen.getAllByText('1/s')).toHaveLength(3); // and one of each operation
    expect(screen.getByText('10 %')).toBeTruthy();
    expect(screen.getByText('7 ms')).toBeTruthy();
  });

  it('asks for the service once, also for its charts', async () => {
    const stub = stubApi(answers);
    await open();
    expect(await screen.findByRole('img', { name: 'Requests' })).toBeTruthy();
    const asked = requests(stub).filter((url) => url.pathname === '/api/v1/services/cart');
    expect(asked).toHaveLength(1);
    expect(asked[0]?.searchParams.get('env')).toBe('production');
  });

  it('says that a list is cut', async () => {
    stubApi(answers);
    await open();
    expect(await screen.findByText('200 of 203 dependencies are listed')).toBeTruthy();
  });

  it('lists operations by the time spent in them and opens their traces', async () => {
    stubApi(answers);
    const { router } = await open();
    const rows = within(await table('Operations'))
      .getAllByRole('row')
      .slice(1);
    expect(rows.map((row) => within(row).getAllByRole('cell')[0]?.textContent)).toEqual(['POST /', 'GET /']);
    expect(rows[0]?.textContent).toContain('75 %');
    await userEvent.click(rows[0] as HTMLElement);
    await waitFor(() => expect(router.history.location.pathname).toBe('/traces'));
    expect(traceQuery(router.history.location.search)).toContain('service:cart');
    expect(traceQuery(router.history.location.search)).toContain('"POST /"');
  });

  it('opens the traces of a dependency by its system, or by the peer', async () => {
    stubApi(answers);
    const { router } = await open();
    const rows = within(await table('Dependencies'))
      .getAllByRole('row')
      .slice(1);
    expect(rows[0]?.textContent).toContain('50 %');
    await userEvent.click(rows[0] as HTMLElement);
    expect(traceQuery(router.history.location.search)).toBe('service:cart kind:client,producer db:redis');
  });

  it('leads to callers and to hosts of instances', async () => {
    stubApi(answers);
    const { router } = await open();
    expect(
      within(await table('Instances'))
        .getByRole('link')
        .getAttribute('href'),
    ).toContain('/hosts/web-1');
    await userEvent.click(within(await table('Callers')).getByText('front'));
    expect(router.history.location.pathname).toBe('/services/front');
  });

  it('has no error rate where there was no request', async () => {
    const quiet = { ...detail.series, requests: [0, 0], errors: [0, 0], p95_ns: [null, null] };
    stubApi({ ...answers, '/api/v1/services/cart': { ...detail, series: quiet } });
    await open();
    await screen.findByText('production · go · 1.2');
    expect(screen.queryByText('NaN %')).toBeNull();
    expect(screen.getAllByText('—').length).toBeGreaterThan(1);
  });

  it('says that there is no such service', async () => {
    stubApi({ '/api/v1/services/cart': failure(404, 'service "cart": not found') });
    await open();
    expect(await screen.findByText('service "cart": not found')).toBeTruthy();
  });
});
