// SPDX-License-Identifier: Apache-2.0
import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Rollup, RollupAnswer, RollupGroup } from '@/api/rollups';
import { changes, failure, renderAt, requests, stubApi } from '@/test-utils/render';
import { RollupFormPage } from './form.page';
import { RollupPage } from './rollup.page';
import { RollupsPage } from './rollups.page';

beforeEach(() => vi.spyOn(window, 'innerWidth', 'get').mockReturnValue(1440));
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const rollup = (name: string, more: Partial<Rollup> = {}): Rollup => ({
  id: `id-${name}`,
  name,
  version: 1,
  paused: false,
  definition: {
    name,
    source: 'spans',
    filter: 'kind:server',
    dimensions: ['service', 'route'],
    measures: [
      { name: 'count', func: 'count' },
      { name: 'avg_duration', func: 'avg', field: 'duration' },
    ],
    step: '10s',
    retention: '1y',
    budget: { values: 1000, combinations: 10_000 },
  },
  created_at: '2026-03-01T00:00:00Z',
  updated_at: '2026-03-01T00:00:00Z',
  updated_by: 'local',
  ...more,
});

const group = (value: string, count: number, more: Partial<RollupGroup> = {}): RollupGroup => ({
  values: [{ value, other: false }],
  measures: [count, 0.012],
  low: [count, 0.012],
  high: [count, 0.012],
  certain: true,
  points: [{ time: '2026-03-01T01:00:00Z', measures: [count, 0.012] }],
  ...more,
});

const answer: RollupAnswer = {
  range: { start: '2026-03-01T01:00:00Z', end: '2026-03-01T01:15:00Z' },
  step_seconds: 10,
  every_seconds: 10,
  group: ['service'],
  measures: ['count', 'avg_duration'],
  groups: [group('cart', 60), group('pay', 30, { certain: false, high: [40, null], low: [30, null] })],
  others: [group('', 10, { values: [{ value: '', other: true }] })],
  total: group('', 100, { values: [] }),
  more: 3,
  hidden: [{ dimension: 'service', values: 7 }],
  warnings: ['service is capped: about 7 of its values are in other'],
};

const one = rollup('requests');
const detail = { rollup: one, versions: [one], bytes: 2048, rows: 9, warnings: [] };
const path = '/api/v1/rollups';
const answers = {
  [path]: { rollups: [one, rollup('slow', { paused: true })], warnings: [] },
  [`${path}/id-requests`]: detail,
  [`${path}/id-requests/query`]: answer,
  '/api/v1/fields': { fields: [], warnings: [] },
};
const range = 'from=2026-03-01T01:00:00Z&to=2026-03-01T01:15:00Z';
const open = (more = '') => renderAt(`/rollups/id-requests?${range}${more}`, <RollupPage />, '/rollups/$id');
const asked = (stub: ReturnType<typeof vi.fn>) =>
  requests(stub)
    .filter((url) => url.pathname.endsWith('/query'))
    .map((url) => url.searchParams);
const ranking = async () => within(await screen.findByRole('table', { name: 'Ranking' }));

describe('the list of rollups', () => {
  it('tells of each what it counts and whether it does', async () => {
    stubApi(answers);
    const { router } = await renderAt('/rollups', <RollupsPage />);
    const rows = within(await screen.findByRole('table'))
      .getAllByRole('row')
      .slice(1);
    expect(rows[0]?.textContent).toContain('kind:server');
    expect(rows[0]?.textContent).toContain('count, avg(duration)');
    expect(rows[0]?.textContent).toContain('counting');
    expect(rows[1]?.textContent).toContain('paused');
    await userEvent.click(rows[0] as HTMLElement);
    await waitFor(() => expect(router.history.location.pathname).toBe('/rollups/id-requests'));
  });

  it('says what a rollup is where there is none', async () => {
    stubApi({ [path]: { rollups: [], warnings: [] } });
    await renderAt('/rollups', <RollupsPage />);
    expect(await screen.findByText('No rollups yet')).toBeTruthy();
    expect(screen.getByRole('link', { name: 'New rollup' }).getAttribute('href')).toBe('/rollups/new');
  });

  it('says what failed', async () => {
    stubApi({ [path]: failure(503, 'the catalog does not answer') });
    await renderAt('/rollups', <RollupsPage />);
    expect((await screen.findByRole('alert')).textContent).toContain('the catalog does not answer');
  });
});

describe('the view of a rollup', () => {
  it('ranks, tells what is not certain and what is hidden', async () => {
    const stub = stubApi(answers);
    await open();
    const rows = (await ranking()).getAllByRole('row').slice(1);
    expect(rows.map((row) => within(row).getAllByRole('cell')[1]?.textContent)).toEqual([
      'cart',
      'pay',
      'other · about 7 hidden',
    ]);
    expect(rows[0]?.textContent).toContain('60 %');
    expect(rows[1]?.textContent).toContain('30 – 40');
    expect(screen.getByRole('button', { name: /^2: Not certain/ })).toBeTruthy();
    expect(screen.getByText('service: about 7 values hidden in other')).toBeTruthy();
    expect(screen.getByText('service is capped: about 7 of its values are in other')).toBeTruthy();
    expect(screen.getByText('3 more are not listed')).toBeTruthy();
    expect(within(screen.getByTestId('rollup-figures')).getByText('100')).toBeTruthy();
    expect(asked(stub)[0]?.toString()).toContain('every=10s');
  });

  it('goes into a value and to the raw traces', async () => {
    const stub = stubApi(answers);
    const { router } = await open();
    const link = (await ranking()).getAllByRole('link', { name: 'Traces behind it' })[0];
    expect(decodeURIComponent(link?.getAttribute('href') ?? '')).toContain('q=kind:server+service:cart');
    await userEvent.click((await ranking()).getByRole('button', { name: 'cart' }));
    const search = () => new URLSearchParams(router.history.location.search);
    await waitFor(() => expect(search().get('where')).toBe('service=cart'));
    expect(search().get('by')).toBe('route');
    await waitFor(() => expect(asked(stub).at(-1)?.getAll('where')).toEqual(['service=cart']));
    expect(asked(stub).at(-1)?.get('group')).toBe('route');
    await userEvent.click(screen.getByRole('button', { name: 'Remove service = cart' }));
    await waitFor(() => expect(search().has('where')).toBe(false));
  });

  it('keeps every choice in the URL', async () => {
    const stub = stubApi(answers);
    const { router } = await open('&compare=1h');
    await ranking();
    await userEvent.click(screen.getByRole('button', { name: 'route' }));
    await userEvent.click(screen.getByRole('radio', { name: '50' }));
    await userEvent.click((await ranking()).getByRole('button', { name: 'avg(duration)' }));
    const search = new URLSearchParams(router.history.location.search);
    expect([search.get('by'), search.get('top'), search.get('measure'), search.get('compare')]).toEqual([
      'service,route',
      '50',
      'avg_duration',
      '1h',
    ]);
    await waitFor(() => expect(asked(stub).at(-1)?.get('measure')).toBe('avg_duration'));
    expect(screen.getByText(/Nothing was counted in the range to compare with/)).toBeTruthy();
  });

  it('calls nothing new that may have been folded before', async () => {
    const fresh = { ...answer, groups: [group('cart', 60, { previous: [0, null] })] };
    const answered = { ...answers, [`${path}/id-requests/query`]: fresh };
    stubApi(answered);
    const { unmount } = await open('&compare=1h');
    expect((await ranking()).queryByText('new')).toBeNull();
    unmount();
    stubApi({ ...answered, [`${path}/id-requests/query`]: { ...fresh, others: [] } });
    await open('&compare=1h');
    expect((await ranking()).getByText('new')).toBeTruthy();
  });

  it('says why there is nothing', async () => {
    const nothing = { ...answer, groups: [], others: [], hidden: [], warnings: [], total: group('', 0) };
    const zero = { ...nothing, total: { ...nothing.total, measures: [0, null], low: [0, null], high: [0, null] } };
    stubApi({ ...answers, [`${path}/id-requests/query`]: zero });
    await open();
    expect(await screen.findByText(/The filter kind:server matches nothing in this range/)).toBeTruthy();
  });

  it('pauses, and says what is lost before it deletes', async () => {
    const stub = stubApi({ ...answers, [`${path}/id-requests/pause`]: one });
    const { router } = await open();
    await userEvent.click(await screen.findByRole('button', { name: 'Pause' }));
    await waitFor(() => expect(changes(stub)[0]?.path).toBe(`${path}/id-requests/pause`));
    await userEvent.click(screen.getByRole('button', { name: 'Delete' }));
    const dialog = within(await screen.findByRole('dialog'));
    expect(dialog.getByText(/Everything it has counted since .* \(2 KiB\) is lost/)).toBeTruthy();
    await userEvent.click(dialog.getByRole('button', { name: 'Delete with all data' }));
    await waitFor(() => expect(router.history.location.pathname).toBe('/rollups'));
    expect(changes(stub).at(-1)).toMatchObject({ method: 'DELETE', path: `${path}/id-requests` });
  });
});

describe('the form', () => {
  it('shows what the server has against each field, and leads to the view when it is saved', async () => {
    let given: unknown = failure(400, 'the definition cannot be used', {
      errors: ['name "A b": a name starts with a letter', 'measure 2 (p95): p95 needs a field; name one'],
    });
    const stub = stubApi({
      ...answers,
      [path]: ({ method }: { method: string }) => (method === 'POST' ? given : answers[path]),
    });
    const { router } = await renderAt('/rollups/new', <RollupFormPage />, '/rollups/new');
    const name = await screen.findByRole('textbox', { name: /Name/ });
    await userEvent.type(name, 'A b');
    await userEvent.click(screen.getByRole('button', { name: 'Create' }));
    expect(await screen.findByText('"A b": a name starts with a letter')).toBeTruthy();
    expect(screen.getByText('measure 2 (p95): p95 needs a field; name one')).toBeTruthy();
    given = one;
    await userEvent.clear(name);
    await userEvent.type(name, 'requests');
    await userEvent.click(screen.getByRole('button', { name: 'Create' }));
    await waitFor(() => expect(router.history.location.pathname).toBe('/rollups/id-requests'));
    expect(changes(stub).at(-1)?.body).toEqual({
      name: 'requests',
      source: 'spans',
      filter: 'kind:server',
      dimensions: ['service', 'route'],
      measures: [{ func: 'count' }, { func: 'p95', field: 'duration' }],
      step: '10s',
      retention: '365d',
    });
  });

  it('says that a change begins empty', async () => {
    const stub = stubApi(answers);
    await renderAt('/rollups/id-requests/edit', <RollupFormPage />, '/rollups/$id/edit');
    expect(await screen.findByText(/a new version that begins empty/)).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Save as a new version' }));
    await waitFor(() => expect(changes(stub)[0]).toMatchObject({ method: 'PUT', path: `${path}/id-requests` }));
  });
});
