// SPDX-License-Identifier: Apache-2.0
import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { aHost, aNode, aService } from '@/test-utils/answers';
import { failure, renderAt, requests, stubApi } from '@/test-utils/render';
import { OverviewPage } from './overview.page';

beforeEach(() => vi.spyOn(window, 'innerWidth', 'get').mockReturnValue(1440));
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const redis = aNode('middleware', 'db-1:6379', {
  id: 'middleware:redis:db-1:6379',
  type: 'db',
  system: 'redis',
  calls: 100,
  errors: 5,
  error_rate: 0.05,
  rate: 1,
  p95_ns: 3_000_000,
  middleware: { kind: 'redis', title: 'Redis', host: 'db-1', version: '7', state: 'limited' },
});
const orders = aNode('peer', 'orders', {
  id: 'peer:db:postgresql:orders',
  type: 'db',
  system: 'postgresql',
  calls: 9,
  rate: 0.5,
});

const topology = {
  nodes: [
    aNode('service', 'cart', { service: aService('cart', { rate: 5 }) }),
    aNode('service', 'pay', { service: aService('pay', { rate: 1, error_rate: 0.5 }) }),
    redis,
    orders,
    aNode('peer', 'cards.example', { id: 'peer:http:http:cards.example', type: 'http', system: 'http', calls: 3 }),
    aNode('host', 'web-1'),
  ],
  edges: ['cart', 'pay'].map((name) => ({
    source: `service:${name}`,
    target: redis.id,
    kind: 'calls',
    type: 'db',
    system: 'redis',
    calls: 50,
    errors: 0,
    rate: 1,
    error_rate: 0,
    p95_ns: null,
    estimated: false,
  })),
  environments: [],
  warnings: ['callers are estimated'],
};

const answers = { '/api/v1/topology': topology, '/api/v1/hosts': { hosts: [aHost('web-1')], warnings: [] } };
const layer = async (name: string) => within(await screen.findByTestId(`layer-${name}`));
const rowNames = (table: HTMLElement) =>
  within(table)
    .getAllByRole('row')
    .slice(1)
    .map((row) => within(row).getAllByRole('cell')[0]?.textContent);

describe('the overview', () => {
  it('asks once for services and what they call, however many there are', async () => {
    const stub = stubApi(answers);
    await renderAt('/', <OverviewPage />);
    await layer('middleware');
    const asked = requests(stub).map((url) => url.pathname);
    expect(asked.filter((path) => path === '/api/v1/topology')).toHaveLength(1);
    expect(asked.filter((path) => path.startsWith('/api/v1/services'))).toHaveLength(0);
  });

  it('lists services in trouble before busy ones', async () => {
    stubApi(answers);
    await renderAt('/', <OverviewPage />);
    const table = (await layer('applications')).getByRole('table');
    expect(rowNames(table)).toEqual(['pay', 'cart']);
  });

  it('says what the answer lacks', async () => {
    stubApi(answers);
    await renderAt('/', <OverviewPage />);
    expect(await screen.findByText('callers are estimated')).toBeTruthy();
  });

  it('lists instances with their state and peers without, and leaves plain HTTP out', async () => {
    stubApi(answers);
    await renderAt('/', <OverviewPage />);
    const table = (await layer('middleware')).getByRole('table');
    expect(rowNames(table)).toEqual(['db-1:6379', 'orders']);
    const [, first, second] = within(table).getAllByRole('row');
    expect(first?.textContent).toContain('limited');
    expect(first?.textContent).toContain('cart, pay');
    expect(first?.textContent).toContain('5 %');
    expect(second?.textContent).not.toContain('limited');
    expect(second?.textContent).toContain('postgresql');
  });

  it('opens an instance, and the traces of a peer', async () => {
    stubApi(answers);
    const { router } = await renderAt('/?env=prod', <OverviewPage />);
    const table = (await layer('middleware')).getByRole('table');
    await userEvent.click(within(table).getByText('db-1:6379'));
    expect(router.history.location.pathname).toBe('/middleware/redis/db-1%3A6379');
    await userEvent.click(within(table).getByText('orders'));
    expect(router.history.location.pathname).toBe('/traces');
    expect(new URLSearchParams(router.history.location.search).get('q')).toBe('db:postgresql');
    expect(new URLSearchParams(router.history.location.search).get('env')).toBe('prod');
  });

  it('asks for the environment of the address', async () => {
    const stub = stubApi(answers);
    await renderAt('/?env=prod', <OverviewPage />);
    await layer('middleware');
    const asked = requests(stub).find((url) => url.pathname === '/api/v1/topology');
    expect(asked?.searchParams.get('env')).toBe('prod');
  });

  it('leaves the middleware out where nobody has any', async () => {
    stubApi({ ...answers, '/api/v1/topology': { ...topology, nodes: [topology.nodes[0]], edges: [] } });
    await renderAt('/', <OverviewPage />);
    await layer('applications');
    expect(screen.queryByTestId('layer-middleware')).toBeNull();
  });

  it('says how to send data while there is none', async () => {
    stubApi({
      '/api/v1/topology': { nodes: [], edges: [], environments: [], warnings: [] },
      '/api/v1/hosts': { hosts: [], warnings: [] },
    });
    await renderAt('/', <OverviewPage />);
    expect(await screen.findByText('Waiting for the first data')).toBeTruthy();
  });

  it('shows hosts also while the traces are away', async () => {
    stubApi({ ...answers, '/api/v1/topology': failure(503, 'engine away') });
    await renderAt('/', <OverviewPage />);
    expect(await screen.findByText('engine away')).toBeTruthy();
    await waitFor(async () => expect((await layer('infrastructure')).getByText('web-1')).toBeTruthy());
  });

  it('shows the alerts that fire, and how many there are', async () => {
    const alert = (name: string, state: string) => ({
      labels: { alertname: name, severity: 'critical' },
      annotations: { summary: `${name} is down` },
      state,
      value: '1',
    });
    const alerts = [...Array.from({ length: 8 }, (_, i) => alert(`A${i}`, 'firing')), alert('B', 'pending')];
    stubApi({ ...answers, '/prometheus/api/v1/alerts': { status: 'success', data: { alerts } } });
    await renderAt('/', <OverviewPage />);
    expect(await screen.findByText('8 alerts firing')).toBeTruthy();
    expect(screen.getByText('A5 is down')).toBeTruthy();
    expect(screen.queryByText('A6 is down')).toBeNull();
    expect(screen.queryByText('B is down')).toBeNull();
    expect(screen.getByRole('link', { name: 'All alerts' }).getAttribute('href')).toBe('/alerts');
  });
});
