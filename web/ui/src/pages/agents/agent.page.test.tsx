// SPDX-License-Identifier: Apache-2.0
import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { changes, failure, renderAt, stubApi } from '@/test-utils/render';
import { AgentPage } from './agent.page';

beforeEach(() => vi.spyOn(window, 'innerWidth', 'get').mockReturnValue(1440));
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const agent = {
  id: 'a1',
  host: 'web-1',
  host_id: 'h',
  version: '1.0',
  os: 'linux',
  state: 'online',
  first_seen: '2026-03-01T00:00:00Z',
  last_heartbeat: '2026-03-01T00:00:00Z',
  silent_seconds: 1,
  source: 'key-1',
  instance: '',
  healthy: true,
  health: { status: 'running', parts: {} },
  labels: { team: 'shop' },
  status: {
    queue: [
      { signal: 'logs', requests: 1, bytes: 3072, limit_bytes: 4096, oldest_seconds: 90 },
      { signal: 'traces', requests: 0, bytes: 0, limit_bytes: 0, oldest_seconds: 0 },
    ],
    volume: { at: 1, pipelines: { 'logs/files': { total: 12345, per_minute: 60 } } },
    logs: [{ path: '/var/log/a.log', lines: 7, read_bytes: 2048, open: true }],
    clock: { offset_seconds: -0.5, uncertainty_seconds: 0.01 },
    weather: { sun: true },
  },
  config: { hash: '', status: 'applied', error: '', id: 'c1', name: 'shop', current: true },
};

const config = {
  effective: 'host: {}\nlogs: []\n',
  hash: 'x',
  status: 'applied',
  error: '',
  offered: null,
  warnings: [],
};
const offered = {
  id: 'c1',
  name: 'shop',
  hash: 'x',
  yaml: 'host: {}',
  wanted: 'host: {}\nraw: {}',
  in_effect: 'host: {}',
};

const answers = (more = {}, configuration: object = config) => ({
  '/api/v1/agents/a1': { agent: { ...agent, ...more }, warnings: [] },
  '/api/v1/agents/a1/config': configuration,
});
const open = (path = '/agents/a1') => renderAt(path, <AgentPage />, '/agents/$id');

describe('the page of an agent', () => {
  it('shows the queue, what was counted, its clock and what it says of itself', async () => {
    stubApi(answers());
    await open();
    const queue = await screen.findByRole('table', { name: 'Queue' });
    expect(queue.textContent).toContain('3 KiB');
    expect(queue.textContent).toContain('75 %');
    expect(within(screen.getByRole('table', { name: 'Records by pipeline' })).getByText('12 345')).toBeTruthy();
    expect(screen.getByText('500 ms off the server\u0027s, give or take 10 ms')).toBeTruthy();
    expect(screen.getByText('key-1')).toBeTruthy();
  });

  it('shows columns for whatever the agent counts of its log sources', async () => {
    stubApi(answers());
    await open();
    const table = await screen.findByRole('table', { name: 'Log sources' });
    expect(
      within(table)
        .getAllByRole('columnheader')
        .map((head) => head.textContent),
    ).toEqual(['path', 'lines', 'read bytes']);
    expect(table.textContent).toContain('2 KiB');
  });

  it('shows a section it does not know as it is', async () => {
    stubApi(answers());
    await open();
    expect(await screen.findByRole('heading', { name: 'weather' })).toBeTruthy();
    expect(screen.getByText(/"sun": true/)).toBeTruthy();
  });

  it('stays whole with a board of another form', async () => {
    stubApi(answers({ status: { queue: 'none', logs: 'later', middleware: {} } }));
    await open();
    expect(await screen.findByText('The agent does not tell')).toBeTruthy();
    expect(screen.getByText('No middleware was found on this host.')).toBeTruthy();
  });

  it('says what is wrong with it and its parts', async () => {
    stubApi(
      answers({
        healthy: false,
        health: { status: 'failed', error: 'x', parts: { 'receiver/logs': { error: 'permission denied' } } },
      }),
    );
    await open();
    expect(await screen.findByText('receiver/logs: permission denied')).toBeTruthy();
    expect(screen.getByText('unhealthy')).toBeTruthy();
  });

  it('forgets one that is gone, when asked twice', async () => {
    const stub = stubApi({
      ...answers(),
      '/api/v1/agents/a1': (asked: { method: string }) =>
        asked.method === 'DELETE' ? new Response(null, { status: 204 }) : { agent: { ...agent, state: 'offline' } },
    });
    const { router } = await open();
    await userEvent.click(await screen.findByRole('button', { name: 'Forget' }));
    expect(changes(stub)).toHaveLength(0);
    await userEvent.click(screen.getByRole('button', { name: 'Forget it for good?' }));
    await waitFor(() => expect(router.history.location.pathname).toBe('/agents'));
    expect(changes(stub)).toEqual([{ method: 'DELETE', path: '/api/v1/agents/a1', body: undefined }]);
  });

  it('does not offer to forget one that lives', async () => {
    stubApi(answers());
    await open();
    await screen.findByText('key-1');
    expect(screen.queryByRole('button', { name: 'Forget' })).toBeNull();
  });

  it('says that there is none', async () => {
    stubApi({ '/api/v1/agents/a1': failure(404, 'not found') });
    await open();
    expect(await screen.findByText('not found')).toBeTruthy();
  });
});

describe('the configuration of an agent', () => {
  const section = async () => within(await screen.findByTestId('agent-config'));

  it('is what is in effect where nothing was offered', async () => {
    stubApi(answers());
    await open();
    await waitFor(async () => expect((await section()).getByText(/logs: \[\]/)).toBeTruthy());
    expect((await section()).queryByRole('radio')).toBeNull();
  });

  it('is compared with what was offered, line by line', async () => {
    stubApi(answers({}, { ...config, offered }));
    await open();
    const line = await screen.findByText('- raw: {}');
    expect(line.dataset.kind).toBe('removed');
    expect(screen.queryByText('in effect')).toBeNull();
  });

  it('is in effect when it is the same', async () => {
    stubApi(answers({}, { ...config, offered: { ...offered, wanted: 'host: {}' } }));
    await open();
    expect(await screen.findByText('in effect')).toBeTruthy();
  });

  it('keeps in the address how it is shown', async () => {
    stubApi(answers({}, { ...config, offered }));
    const { router } = await open();
    await screen.findByText('- raw: {}');
    await userEvent.click((await section()).getByRole('radio', { name: 'In effect' }));
    expect(router.history.location.search).toBe('?config=effective');
    expect(screen.queryByText('- raw: {}')).toBeNull();
  });

  it('says why it was refused', async () => {
    stubApi(answers({}, { ...config, status: 'failed', error: 'line 3: unknown key', offered }));
    await open();
    expect(await screen.findByText(/changed nothing: line 3: unknown key/)).toBeTruthy();
  });
});
