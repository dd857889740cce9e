// SPDX-License-Identifier: Apache-2.0
import { screen, waitFor } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Dashboard } from '@/api/dashboards';
import { failure, renderAt, requests, stubApi } from '@/test-utils/render';
import { BuiltInCharts, DashboardCharts } from './dashboard-charts';

afterEach(() => vi.unstubAllGlobals());

const panel = (id: string, title: string) => ({
  id,
  title,
  unit: 'number' as const,
  kind: 'line' as const,
  queries: [{ expr: `rate(${id}{instance="$instance"}[$window])` }],
});

const dashboard: Dashboard = {
  name: 'redis',
  title: 'Redis',
  variables: [
    { name: 'instance', kind: 'text' },
    { name: 'window', kind: 'window' },
  ],
  figures: [],
  panels: [panel('a', 'First'), panel('b', 'Second')],
};

const noSeries = { status: 'success', data: { resultType: 'matrix', result: [] } };
const queries = (stub: ReturnType<typeof vi.fn>) =>
  requests(stub)
    .map((url) => url.searchParams.get('query'))
    .filter(Boolean);

describe('the charts of a dashboard', () => {
  it('are drawn in their order, with one value for all', async () => {
    const stub = stubApi({ '/prometheus/api/v1/query_range': noSeries });
    await renderAt('/?from=now-24h', <DashboardCharts dashboard={dashboard} values={{ instance: 'db-1:6379' }} />);
    await waitFor(() => expect(screen.getAllByText('No data in this range')).toHaveLength(2));
    expect(screen.getByText('First').compareDocumentPosition(screen.getByText('Second'))).toBe(
      Node.DOCUMENT_POSITION_FOLLOWING,
    );
    // Ten minutes between the points of a day, so forty for a rate.
    expect(queries(stub)).toEqual(['rate(a{instance="db-1:6379"}[2400s])', 'rate(b{instance="db-1:6379"}[2400s])']);
  });

  it('ask again for another thing, and not for the same', async () => {
    const stub = stubApi({ '/prometheus/api/v1/query_range': noSeries });
    const { unmount } = await renderAt('/', <DashboardCharts dashboard={dashboard} values={{ instance: 'one' }} />);
    await waitFor(() => expect(queries(stub)).toHaveLength(2));
    unmount();
    const other = stubApi({ '/prometheus/api/v1/query_range': noSeries });
    await renderAt('/', <DashboardCharts dashboard={dashboard} values={{ instance: 'two' }} />);
    await waitFor(() => expect(queries(other)[0]).toContain('"two"'));
  });

  it('fail each for itself', async () => {
    stubApi({
      '/prometheus/api/v1/query_range?query=rate%28a': failure(422, 'too many samples'),
      '/prometheus/api/v1/query_range': noSeries,
    });
    await renderAt('/', <DashboardCharts dashboard={{ ...dashboard, variables: [] }} values={{}} />);
    expect((await screen.findByRole('alert')).textContent).toContain('too many samples');
    expect(await screen.findByText('No data in this range')).toBeTruthy();
  });
});

describe('a built-in dashboard', () => {
  it('is asked for by its name', async () => {
    const stub = stubApi({
      '/api/v1/dashboards/host': { ...dashboard, name: 'host' },
      '/prometheus/api/v1/query_range': noSeries,
    });
    await renderAt('/', <BuiltInCharts name="host" values={{ host: 'web-1' }} />);
    expect(await screen.findByText('First')).toBeTruthy();
    expect(requests(stub).filter((url) => url.pathname === '/api/v1/dashboards/host')).toHaveLength(1);
  });

  it('says that it cannot be read, and tries again', async () => {
    stubApi({ '/api/v1/dashboards/service': failure(500, 'broken') });
    await renderAt('/', <BuiltInCharts name="service" values={{ service: 'cart' }} />);
    expect(await screen.findByText('broken')).toBeTruthy();
    expect(screen.getByRole('button', { name: 'Try again' })).toBeTruthy();
  });
});
