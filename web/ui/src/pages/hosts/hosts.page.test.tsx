// SPDX-License-Identifier: Apache-2.0
import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { setLanguage } from '@/i18n';
import { aHost, aHostDetail } from '@/test-utils/answers';
import { failure, renderAt, requests, stubApi } from '@/test-utils/render';
import { HostPage } from './host.page';
import { HostsPage } from './hosts.page';

beforeEach(() => vi.spyOn(window, 'innerWidth', 'get').mockReturnValue(1440));
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const names = () =>
  screen
    .getAllByRole('row')
    .slice(1)
    .map((row) => within(row).getAllByRole('cell')[0]?.textContent);

describe('the list of hosts', () => {
  const answers = {
    '/api/v1/hosts': {
      hosts: [
        aHost('web-1'),
        aHost('db-1', { up: false, cpu_utilization: null }),
        aHost('web-2', { cpu_utilization: 0.9 }),
      ],
      warnings: ['late'],
    },
  };

  it('lists hosts by name, with what the answer lacks', async () => {
    stubApi(answers);
    await renderAt('/hosts', <HostsPage />);
    expect(await screen.findByText('late')).toBeTruthy();
    expect(names()).toEqual(['db-1', 'web-1', 'web-2']);
    expect(screen.getAllByRole('row')[1]?.textContent).toContain('down');
  });

  it('puts hosts without a number last, whatever the order', async () => {
    stubApi(answers);
    const { router } = await renderAt('/hosts', <HostsPage />);
    await userEvent.click(await screen.findByRole('button', { name: 'CPU' }));
    expect(names()).toEqual(['web-2', 'web-1', 'db-1']);
    await userEvent.click(screen.getByRole('button', { name: 'CPU' }));
    expect(names()).toEqual(['web-1', 'web-2', 'db-1']);
    expect(router.history.location.search).toBe('?sort=cpu');
  });

  it('filters by the text of the address', async () => {
    stubApi(answers);
    await renderAt('/hosts?filter=WEB', <HostsPage />);
    await screen.findByText('web-1');
    expect(names()).toEqual(['web-1', 'web-2']);
  });

  it('opens a host', async () => {
    stubApi(answers);
    const { router } = await renderAt('/hosts?from=now-5m', <HostsPage />);
    await userEvent.click((await screen.findAllByRole('row'))[1] as HTMLElement);
    expect(router.history.location.pathname + router.history.location.search).toBe('/hosts/db-1?from=now-5m');
  });

  it('says how to add the first host', async () => {
    stubApi({ '/api/v1/hosts': { hosts: [], warnings: [] } });
    await renderAt('/hosts', <HostsPage />);
    expect(await screen.findByTestId('empty')).toBeTruthy();
  });
});

const dashboard = {
  name: 'host',
  title: 'Host',
  variables: [{ name: 'host', kind: 'text' }],
  figures: [],
  panels: [
    {
      id: 'cpu',
      title: 'CPU as the server says',
      unit: 'percent',
      kind: 'stack',
      queries: [{ expr: 'cpu{host_name="$host"}' }],
    },
    { id: 'novelty', title: 'A novelty', unit: 'number', kind: 'line', queries: [{ expr: 'novelty' }] },
  ],
};
const noSeries = { status: 'success', data: { resultType: 'matrix', result: [] } };

describe('the page of a host', () => {
  const answers = {
    '/api/v1/hosts/web-1': aHostDetail('web-1', {
      services: ['cart'],
      filesystems: [
        { mountpoint: '/data', device: 'sda', type: 'xfs', used_bytes: 9, free_bytes: 1, utilization: 0.9 },
      ],
      processes: [{ name: 'postgres', pid: '7', cpu: 0.5, memory_bytes: 1024 }],
      warnings: ['the 200 busiest of 203 processes are listed'],
    }),
    '/api/v1/dashboards/host': dashboard,
    '/prometheus/api/v1/query_range': noSeries,
  };
  const open = () => renderAt('/hosts/web-1', <HostPage />, '/hosts/$name');

  it('shows figures, tables, services and attributes', async () => {
    stubApi(answers);
    await open();
    expect((await screen.findByTestId('host-cpu')).textContent).toBe('25 %');
    expect(screen.getByText('postgres')).toBeTruthy();
    expect(screen.getByText('/data')).toBeTruthy();
    expect(screen.getByRole('link', { name: 'cart' }).getAttribute('href')).toBe('/services/cart');
    expect(screen.getByText('host.id')).toBeTruthy();
  });

  it('says that a list is cut', async () => {
    stubApi(answers);
    await open();
    expect(await screen.findByText('the 200 busiest of 203 processes are listed')).toBeTruthy();
  });

  it('draws the dashboard of the server for this host', async () => {
    const stub = stubApi(answers);
    await open();
    expect(await screen.findByText('A novelty')).toBeTruthy();
    expect(requests(stub).map((url) => url.searchParams.get('query'))).toContain('cpu{host_name="web-1"}');
  });

  it('has its own words for the panels it knows', async () => {
    stubApi(answers);
    await open();
    expect(await screen.findByText('CPU by state')).toBeTruthy();
    expect(screen.queryByText('CPU as the server says')).toBeNull();
    await setLanguage('zh');
    expect(await screen.findByText('CPU（按状态）')).toBeTruthy();
    await setLanguage('en');
  });

  it('shows the rest without a dashboard', async () => {
    stubApi({ ...answers, '/api/v1/dashboards/host': failure(500, 'no dashboards') });
    await open();
    expect(await screen.findByText('no dashboards')).toBeTruthy();
    expect(screen.getByText('postgres')).toBeTruthy();
  });

  it('leads to its logs and traces', async () => {
    stubApi(answers);
    await open();
    const logs = await screen.findByRole('link', { name: 'Logs' });
    expect(new URL(logs.getAttribute('href') ?? '', 'http://x').searchParams.get('q')).toBe('host:web-1');
    expect(screen.getByRole('link', { name: 'Traces' })).toBeTruthy();
  });

  it('says that there is no such host', async () => {
    stubApi({ ...answers, '/api/v1/hosts/web-1': failure(404, 'host "web-1": not found') });
    await open();
    expect(await screen.findByText('host "web-1": not found')).toBeTruthy();
  });
});
