// SPDX-License-Identifier: Apache-2.0
import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, it, vi } from 'vitest';
import { renderAt, stubApi } from '@/test-utils/render';
import { AgentsPage } from './agents.page';
import { MiddlewareFound } from './middleware-found';
import { parseSelector } from './rollout-form';

afterEach(() => vi.unstubAllGlobals());

const agent = (host: string, state: string, more: object = {}) => ({
  id: host,
  host,
  host_id: '',
  version: '1.0',
  os: 'linux',
  state,
  first_seen: '2026-03-01T00:00:00Z',
  last_heartbeat: '2026-03-01T00:00:00Z',
  silent_seconds: 1,
  source: 'key',
  instance: '',
  healthy: true,
  health: { status: 'running' },
  labels: {},
  status: { queue: [{ signal: 'logs', bytes: 2048, limit_bytes: 4096, oldest_seconds: 90 }] },
  config: { hash: '', status: '', error: '', id: '', name: '', current: true },
  ...more,
});

it('lists agents with the worst first and keeps the filter in the address', async () => {
  stubApi({
    '/api/v1/agents': {
      agents: [
        agent('web-1', 'online'),
        agent('db-1', 'offline', {
          config: { hash: 'x', status: 'failed', error: 'line 3', id: 'c', name: 'shop', current: false },
        }),
      ],
      next_cursor: '',
      warnings: [],
    },
  });
  const { router } = await renderAt('/agents', <AgentsPage />);
  expect(await screen.findByText('db-1')).toBeTruthy();
  const rows = screen.getAllByRole('row').slice(1);
  expect(rows[0]?.textContent).toContain('offline');
  await userEvent.type(screen.getByRole('textbox', { name: 'Filter agents' }), 'web');
  expect(router.history.location.search).toBe('?filter=web');
});

it('says how to install the first agent', async () => {
  stubApi({ '/api/v1/agents': { agents: [], next_cursor: '', warnings: [] } });
  await renderAt('/agents', <AgentsPage />);
  expect(await screen.findByText('No agents yet')).toBeTruthy();
});

it('says what failed', async () => {
  stubApi({});
  await renderAt('/agents', <AgentsPage />);
  expect(await screen.findByRole('alert')).toBeTruthy();
});

it('shows what is missing with the line to add', async () => {
  const missing = [{ what: 'replication', why: 'NOAUTH', how: 'redis: {password: …}' }];
  await renderAt(
    '/',
    <MiddlewareFound
      list={[
        {
          kind: 'redis',
          instance: '127.0.0.1:6379',
          state: 'limited',
          since: '2026-03-01T00:00:00Z',
          collects: null,
          missing,
        },
      ]}
    />,
  );
  expect(await screen.findByText('redis: {password: …}')).toBeTruthy();
  expect(screen.getByText('limited')).toBeTruthy();
});

it('reads whom a configuration is for', () => {
  expect(parseSelector('web-*, db-1 team=shop')).toEqual({ hosts: ['web-*', 'db-1'], labels: { team: 'shop' } });
  expect(parseSelector('')).toEqual({ hosts: [], labels: {} });
});
