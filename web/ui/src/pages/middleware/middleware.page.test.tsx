// SPDX-License-Identifier: Apache-2.0
import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { anInstance } from '@/test-utils/answers';
import { failure, renderAt, requests, stubApi } from '@/test-utils/render';
import { InstancePage } from './instance.page';
import { MiddlewarePage } from './middleware.page';

beforeEach(() => vi.spyOn(window, 'innerWidth', 'get').mockReturnValue(1440));
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const answer = (...instances: object[]) => ({
  '/api/v1/middleware': { instances, warnings: ['writer w2 did not answer'] },
});

const list = [
  anInstance('web-1:80', { kind: 'nginx', title: 'nginx', host: 'web-1', state: 'collecting', figures: [] }),
  anInstance('db-1:6379', {
    state: 'limited',
    missing_count: 2,
    missing: [{ what: 'replication', why: 'NOAUTH', how: 'x' }],
  }),
  anInstance('db-2:6379', { state: 'down', missing_count: 3 }),
];

describe('the list of middleware', () => {
  it('lists what needs a person first, with figures and what is missing', async () => {
    stubApi(answer(...list));
    await renderAt('/middleware', <MiddlewarePage />);
    await screen.findByText('db-2:6379');
    const rows = screen.getAllByRole('row').slice(1);
    expect(rows.map((row) => within(row).getAllByRole('cell')[0]?.textContent)).toEqual([
      'db-2:6379',
      'db-1:6379',
      'web-1:80',
    ]);
    expect(rows[0]?.textContent).toContain('2 KiB');
    expect(within(rows[0] as HTMLElement).getByText('3')).toBeTruthy();
    expect(rows[1]?.textContent).toContain('replication');
    expect(screen.getByText('3 instances')).toBeTruthy();
  });

  it('says what the answer lacks', async () => {
    stubApi(answer(...list));
    await renderAt('/middleware', <MiddlewarePage />);
    expect(await screen.findByText('writer w2 did not answer')).toBeTruthy();
  });

  it('asks once, for the range of the address', async () => {
    const stub = stubApi(answer(...list));
    await renderAt('/middleware?from=2026-03-01T00:00:00Z&to=2026-03-01T01:00:00Z', <MiddlewarePage />);
    await screen.findByText('db-1:6379');
    expect(requests(stub).map((url) => url.pathname)).toEqual(['/api/v1/middleware']);
    expect(requests(stub)[0]?.searchParams.get('end')).toBe(String(Date.parse('2026-03-01T01:00:00Z') / 1000));
  });

  it.each([
    ['nginx', ['web-1:80']],
    ['db-', ['db-2:6379', 'db-1:6379']],
    ['7.0', ['db-2:6379', 'db-1:6379', 'web-1:80']],
  ])('filters by "%s" and keeps it in the address', async (text, want) => {
    stubApi(answer(...list));
    const { router } = await renderAt('/middleware', <MiddlewarePage />);
    await userEvent.type(await screen.findByRole('textbox', { name: 'Filter instances' }), text);
    const rows = screen.getAllByRole('row').slice(1);
    expect(rows.map((row) => within(row).getAllByRole('cell')[0]?.textContent)).toEqual(want);
    expect(new URLSearchParams(router.history.location.search).get('filter')).toBe(text);
  });

  it('keeps the order in the address', async () => {
    stubApi(answer(...list));
    const { router } = await renderAt('/middleware', <MiddlewarePage />);
    await userEvent.click(await screen.findByRole('button', { name: 'Instance' }));
    expect(router.history.location.search).toBe('?sort=instance');
    expect(screen.getAllByRole('row')[1]?.textContent).toContain('db-1:6379');
  });

  it('opens an instance by the keyboard', async () => {
    stubApi(answer(...list));
    const { router } = await renderAt('/middleware', <MiddlewarePage />);
    await screen.findByText('db-1:6379');
    await userEvent.keyboard('jj{Enter}');
    expect(router.history.location.pathname).toBe('/middleware/redis/db-1%3A6379');
  });

  it('says what agents find while there is nothing, and still what the answer lacks', async () => {
    stubApi(answer());
    await renderAt('/middleware', <MiddlewarePage />);
    expect(await screen.findByText('No middleware yet')).toBeTruthy();
    expect(screen.getByText('writer w2 did not answer')).toBeTruthy();
  });

  it('says what failed', async () => {
    stubApi({ '/api/v1/middleware': failure(503, 'no writer answers') });
    await renderAt('/middleware', <MiddlewarePage />);
    expect(await screen.findByText('no writer answers')).toBeTruthy();
  });
});

const pack = {
  name: 'redis',
  title: 'Redis',
  metrics: [{ name: 'redis.memory.used', unit: 'By', type: 'gauge', description: 'Memory allocated.' }],
  dashboard: {
    name: 'redis',
    title: 'Redis',
    variables: [{ name: 'instance', kind: 'text' }],
    figures: [],
    panels: [
      {
        id: 'memory',
        title: 'Memory',
        unit: 'bytes',
        kind: 'line',
        queries: [{ expr: 'redis_memory{instance="$instance"}' }],
      },
    ],
  },
};

const instanceAnswers = (...instances: object[]) => ({
  ...answer(...instances),
  '/api/v1/packs/redis': pack,
  '/prometheus/api/v1/query_range': { status: 'success', data: { resultType: 'matrix', result: [] } },
});

const open = () => renderAt('/middleware/redis/db-1%3A6379', <InstancePage />, '/middleware/$kind/$instance');

describe('the page of an instance', () => {
  it('shows its state, host, figures, charts and metrics', async () => {
    const stub = stubApi(instanceAnswers(...list));
    await open();
    expect(await screen.findByText('limited')).toBeTruthy();
    expect(screen.getByRole('link', { name: 'db-1' }).getAttribute('href')).toBe('/hosts/db-1');
    expect(screen.getByText('2 KiB')).toBeTruthy();
    expect(await screen.findByText('redis.memory.used')).toBeTruthy();
    const queries = requests(stub).map((url) => url.searchParams.get('query'));
    expect(queries).toContain('redis_memory{instance="db-1:6379"}');
  });

  it('says how to collect more, with the line to add', async () => {
    stubApi(
      instanceAnswers(
        anInstance('db-1:6379', { missing_count: 1, missing: [{ what: 'all', why: 'NOAUTH', how: 'redis: {}' }] }),
      ),
    );
    await open();
    const section = within(await screen.findByTestId('collect-more'));
    expect(section.getByText('redis: {}')).toBeTruthy();
    expect(section.getByText('NOAUTH')).toBeTruthy();
  });

  it('refers to the agent where the server does not know what is missing', async () => {
    stubApi(instanceAnswers(anInstance('db-1:6379', { missing_count: 2 })));
    await open();
    expect(await screen.findByText(/2 things could be collected with more access/)).toBeTruthy();
    expect(screen.queryByTestId('collect-more')).toBeNull();
  });

  it('says why an instance is down', async () => {
    stubApi(instanceAnswers(anInstance('db-1:6379', { state: 'down', error: 'connection refused' })));
    await open();
    expect(await screen.findByText('connection refused')).toBeTruthy();
  });

  it('still draws the charts of one that has not reported', async () => {
    stubApi(instanceAnswers());
    await open();
    expect(await screen.findByText('db-1:6379 has not reported')).toBeTruthy();
    expect(await screen.findByText('Memory')).toBeTruthy();
  });

  it('says that there is no such kind', async () => {
    stubApi({ ...instanceAnswers(...list), '/api/v1/packs/redis': failure(404, 'no such pack') });
    await open();
    expect(await screen.findByText('no such pack')).toBeTruthy();
  });
});
