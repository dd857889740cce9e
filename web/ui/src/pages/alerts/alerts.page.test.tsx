// SPDX-License-Identifier: Apache-2.0
import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { changes, failure, renderAt, stubApi } from '@/test-utils/render';
import { AlertsPage } from './alerts.page';

beforeEach(() => vi.spyOn(window, 'innerWidth', 'get').mockReturnValue(1440));
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const alert = (name: string, state: string, labels = {}) => ({
  labels: { alertname: name, severity: 'critical', host_name: 'web-1', ...labels },
  annotations: { summary: `${name} summary` },
  state,
  activeAt: '2026-03-01T00:00:00Z',
  value: '0.97',
});

const rule = (name: string, state: string | undefined, more = {}) => ({
  name,
  query: `${name} > 1`,
  type: state ? 'alerting' : 'recording',
  state,
  duration: 300,
  health: 'ok',
  evaluationTime: 0.002,
  lastEvaluation: '2026-03-01T00:00:00Z',
  alerts: [],
  ...more,
});

const groups = [
  {
    name: 'shop',
    file: '/etc/rules.yaml',
    interval: 15,
    rules: [
      rule('Slow', 'firing'),
      rule('Full', 'inactive'),
      rule('sums', undefined),
      rule('Broken', 'inactive', { health: 'err', lastError: 'no such function' }),
    ],
    lastEvaluation: '',
    evaluationTime: 0,
  },
];

const prom = (data: object) => ({ status: 'success', data });
const answers = {
  '/prometheus/api/v1/alerts': prom({ alerts: [alert('Full', 'pending'), alert('Slow', 'firing')] }),
  '/prometheus/api/v1/rules': prom({ groups }),
};
const cells = (column: number) =>
  screen
    .getAllByRole('row')
    .slice(1)
    .map((row) => within(row).getAllByRole('cell')[column]?.textContent);

describe('active alerts', () => {
  it('lists those that fire first', async () => {
    stubApi(answers);
    await renderAt('/alerts', <AlertsPage />);
    await screen.findByText('Slow summary');
    expect(cells(1)).toEqual(['Slow', 'Full']);
    expect(screen.getAllByRole('tab')[0]?.textContent).toMatch(/2$/);
  });

  it('opens one below the list, keeps it in the address and leads to its host', async () => {
    stubApi(answers);
    const { router } = await renderAt('/alerts', <AlertsPage />);
    await userEvent.click(await screen.findByText('Slow summary'));
    expect(JSON.parse(new URLSearchParams(router.history.location.search).get('alert') ?? '').alertname).toBe('Slow');
    expect(screen.getByRole('link', { name: 'web-1' }).getAttribute('href')).toBe('/hosts/web-1');
    await userEvent.click(screen.getAllByText('Slow summary')[0] as HTMLElement);
    expect(router.history.location.search).toBe('');
    expect(screen.queryByRole('link', { name: 'web-1' })).toBeNull();
  });

  it('tells a quiet day from one without rules', async () => {
    stubApi({ ...answers, '/prometheus/api/v1/alerts': prom({ alerts: [] }) });
    const { unmount } = await renderAt('/alerts', <AlertsPage />);
    const quiet = (await screen.findByTestId('empty')).textContent;
    unmount();
    stubApi({ '/prometheus/api/v1/alerts': prom({ alerts: [] }), '/prometheus/api/v1/rules': prom({ groups: [] }) });
    await renderAt('/alerts', <AlertsPage />);
    const none = (await screen.findByTestId('empty')).textContent;
    expect(none).not.toBe(quiet);
    expect(none).toContain('alert:');
  });

  it('says what failed', async () => {
    stubApi({ ...answers, '/prometheus/api/v1/alerts': failure(503, 'no process evaluates') });
    await renderAt('/alerts', <AlertsPage />);
    expect(await screen.findByText('no process evaluates')).toBeTruthy();
  });
});

describe('rules', () => {
  it('lists them by group with their state, and says why one is broken', async () => {
    stubApi(answers);
    await renderAt('/alerts?tab=rules', <AlertsPage />);
    expect(await screen.findByRole('heading', { name: 'shop' })).toBeTruthy();
    expect(cells(0)).toEqual(['firing', 'inactive', 'recording', 'broken']);
    expect(screen.getByText('no such function')).toBeTruthy();
  });

  it('shows those of one state, from the address and to it', async () => {
    stubApi(answers);
    const { router } = await renderAt('/alerts?tab=rules&state=firing', <AlertsPage />);
    await screen.findByRole('heading', { name: 'shop' });
    expect(cells(1)).toEqual(['Slow']);
    await userEvent.click(screen.getByRole('radio', { name: /^inactive 2/ }));
    expect(cells(1)).toEqual(['Full', 'Broken']);
    expect(new URLSearchParams(router.history.location.search).get('state')).toBe('inactive');
    await userEvent.click(screen.getByRole('radio', { name: /^pending 0/ }));
    expect(await screen.findByTestId('empty')).toBeTruthy();
  });

  it('shows one rule until that is taken away', async () => {
    stubApi(answers);
    await renderAt('/alerts?tab=rules&rule=Full', <AlertsPage />);
    await screen.findByRole('heading', { name: 'shop' });
    expect(cells(1)).toEqual(['Full']);
    await userEvent.click(screen.getByRole('button', { name: /Full/ }));
    expect(cells(1)).toHaveLength(4);
  });

  it('opens the expression of a rule in the explorer', async () => {
    stubApi(answers);
    const { router } = await renderAt('/alerts?tab=rules', <AlertsPage />);
    await userEvent.click(await screen.findByText('Slow > 1'));
    expect(router.history.location.pathname).toBe('/explore');
    expect(new URLSearchParams(router.history.location.search).get('q')).toBe('Slow > 1');
  });
});

const group = {
  id: 'g1',
  name: 'mine',
  source: 'api',
  file: '',
  interval: '15s',
  yaml: 'name: mine\nrules: []\n',
  updated_at: '2026-03-01T00:00:00Z',
};
const ofFile = { ...group, id: 'g2', name: 'theirs', source: 'file', file: '/etc/rules.yaml' };

describe('groups of rules', () => {
  const withGroups = { ...answers, '/api/v1/rules': { groups: [group, ofFile] } };
  const editor = async () => within(await screen.findByTestId('group-editor'));

  it('says where each comes from', async () => {
    stubApi(withGroups);
    await renderAt('/alerts?tab=edit', <AlertsPage />);
    expect(await screen.findByText('/etc/rules.yaml')).toBeTruthy();
    expect(cells(0)).toEqual(['mine', 'theirs']);
  });

  it('saves a group and goes back to the list', async () => {
    const stub = stubApi(withGroups);
    const { router } = await renderAt('/alerts?tab=edit', <AlertsPage />);
    await userEvent.click(await screen.findByText('mine'));
    expect(new URLSearchParams(router.history.location.search).get('group')).toBe('g1');
    stubApi({
      ...withGroups,
      '/api/v1/rules/g1': (asked: { method: string }) => (asked.method === 'PUT' ? group : {}),
    });
    const saving = vi.mocked(fetch);
    await userEvent.click((await editor()).getByRole('button', { name: 'Save' }));
    await waitFor(() => expect(screen.queryByTestId('group-editor')).toBeNull());
    const [put] = changes(saving as unknown as ReturnType<typeof vi.fn>);
    expect(put).toEqual({ method: 'PUT', path: '/api/v1/rules/g1', body: { yaml: group.yaml } });
    expect(stub).toHaveBeenCalled();
  });

  it('makes a new one out of an example', async () => {
    const stub = stubApi({
      ...withGroups,
      '/api/v1/rules': (asked: { method: string }) => (asked.method === 'POST' ? group : { groups: [] }),
    });
    await renderAt('/alerts?tab=edit&group=new', <AlertsPage />);
    await userEvent.click((await editor()).getByRole('button', { name: 'Save' }));
    await waitFor(() => expect(changes(stub)).toHaveLength(1));
    expect(changes(stub)[0]?.method).toBe('POST');
    expect(JSON.stringify(changes(stub)[0]?.body)).toContain('alert:');
  });

  it('stays and names the line when the server refuses', async () => {
    stubApi({ ...withGroups, '/api/v1/rules/g1': failure(400, 'unexpected end of expression', { line: 7 }) });
    await renderAt('/alerts?tab=edit&group=g1', <AlertsPage />);
    await userEvent.click((await editor()).getByRole('button', { name: 'Save' }));
    expect((await (await editor()).findByRole('alert')).textContent).toContain('unexpected end of expression');
    expect((await editor()).getByText(/7/)).toBeTruthy();
  });

  it('deletes only when asked twice', async () => {
    const stub = stubApi({ ...withGroups, '/api/v1/rules/g1': () => new Response(null, { status: 204 }) });
    await renderAt('/alerts?tab=edit&group=g1', <AlertsPage />);
    await userEvent.click((await editor()).getByRole('button', { name: 'Delete' }));
    expect(changes(stub)).toHaveLength(0);
    await userEvent.click((await editor()).getByRole('button', { name: /mine/ }));
    await waitFor(() =>
      expect(changes(stub)).toEqual([{ method: 'DELETE', path: '/api/v1/rules/g1', body: undefined }]),
    );
  });

  it('shows a group of a file without a way to change it', async () => {
    stubApi(withGroups);
    await renderAt('/alerts?tab=edit&group=g2', <AlertsPage />);
    expect((await editor()).queryByRole('button', { name: 'Save' })).toBeNull();
    expect((await editor()).queryByRole('button', { name: 'Delete' })).toBeNull();
    expect((await editor()).getByText(/\/etc\/rules\.yaml/)).toBeTruthy();
  });
});

describe('the key of another tenant', () => {
  const none = {
    '/prometheus/api/v1/alerts': prom({ alerts: [] }),
    '/prometheus/api/v1/rules': prom({ groups: [] }),
    '/api/v1/rules': { groups: [] },
    '/api/v1/notifiers': failure(403, 'it needs a key of the tenant default'),
  };
  const of = (tenant?: string) => ({ ...none, '/api/v1/status': { auth: { tenant } } });

  it.each(['active', 'rules', 'edit'])('is told on the tab %s whose the rules are', async (tab) => {
    stubApi(of('team-a'));
    await renderAt(`/alerts?tab=${tab}`, <AlertsPage />);
    expect(await screen.findByText('Rules belong to the installation')).toBeTruthy();
    expect(screen.getByTestId('empty').textContent).toContain('This key is of the tenant team-a');
    expect(screen.queryByText('No rules yet')).toBeNull();
    expect(screen.queryByRole('button', { name: 'New rule group' })).toBeNull();
  });

  it('is told of notifiers what the server says', async () => {
    stubApi(of('team-a'));
    await renderAt('/alerts?tab=notifiers', <AlertsPage />);
    expect(await screen.findByText('it needs a key of the tenant default')).toBeTruthy();
    expect(screen.queryByText('Rules belong to the installation')).toBeNull();
  });

  it.each([undefined, 'default'])('is not the one of the tenant %s', async (tenant) => {
    stubApi(of(tenant));
    await renderAt('/alerts', <AlertsPage />);
    expect(await screen.findByText('No rules yet')).toBeTruthy();
    expect(screen.queryByText('Rules belong to the installation')).toBeNull();
  });
});
