// SPDX-License-Identifier: Apache-2.0
import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { changes, failure, renderAt, stubApi } from '@/test-utils/render';
import { AgentsPage } from './agents.page';

beforeEach(() => vi.spyOn(window, 'innerWidth', 'get').mockReturnValue(1440));
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const target = (host: string, state: string, more = {}) => ({
  agent_id: `id-${host}`,
  host,
  canary: false,
  state,
  reason: '',
  offered_at: null,
  applied_at: null,
  ...more,
});

const rollout = (id: string, state: string, more = {}) => ({
  id,
  config_id: `config-${id}`,
  config_name: `name-${id}`,
  state,
  reason: '',
  selector: { hosts: ['web-*'], labels: { team: 'shop' } },
  watch_seconds: 120,
  cancelling: false,
  created_at: '2026-03-01T00:00:00Z',
  created_by: 'somebody',
  targets: [],
  counts: {},
  ...more,
});

const watched = rollout('r1', 'canary', {
  targets: [
    target('web-1', 'good', { canary: true }),
    target('web-2', 'failed', { reason: 'silent', canary: true }),
    target('web-3', 'waiting'),
  ],
  counts: { good: 1 },
});

const answers = {
  '/api/v1/rollouts': { rollouts: [watched, rollout('r0', 'done')], warnings: [] },
  '/api/v1/rollouts/r1': { rollout: watched },
  '/api/v1/agent-configs': { configs: [{ id: 'config-r0', name: 'last', yaml: 'host: {last: true}\n' }], warnings: [] },
};

describe('roll-outs', () => {
  it('lists them and opens one in the address', async () => {
    stubApi(answers);
    const { router } = await renderAt('/agents?tab=rollouts', <AgentsPage />);
    await userEvent.click(await screen.findByText('name-r1'));
    expect(new URLSearchParams(router.history.location.search).get('rollout')).toBe('r1');
    const detail = within(await screen.findByTestId('rollout'));
    expect(detail.getByText('1 / 2')).toBeTruthy();
    expect(detail.getByText('1 / 3')).toBeTruthy();
    expect(detail.getByText('web-* team=shop')).toBeTruthy();
    const rows = detail.getAllByRole('row').slice(1);
    expect(rows.map((row) => within(row).getAllByRole('cell')[1]?.textContent)).toEqual(['web-2', 'web-3', 'web-1']);
    expect(rows[0]?.textContent).toContain('silent');
  });

  it('cancels one that is under way, when asked twice', async () => {
    const stub = stubApi({ ...answers, '/api/v1/rollouts/r1/cancel': { rollout: watched } });
    await renderAt('/agents?tab=rollouts&rollout=r1', <AgentsPage />);
    await userEvent.click(await screen.findByRole('button', { name: 'Cancel' }));
    expect(changes(stub)).toHaveLength(0);
    await userEvent.click(screen.getByRole('button', { name: 'Cancel and roll back?' }));
    await waitFor(() => expect(changes(stub)[0]?.path).toBe('/api/v1/rollouts/r1/cancel'));
  });

  it('says why one went back, and offers no way to cancel it', async () => {
    const failed = rollout('r1', 'failed', { reason: 'web-2 is silent' });
    stubApi({ ...answers, '/api/v1/rollouts/r1': { rollout: failed } });
    await renderAt('/agents?tab=rollouts&rollout=r1', <AgentsPage />);
    expect(await screen.findByText('Rolled back: web-2 is silent')).toBeTruthy();
    expect(screen.queryByRole('button', { name: 'Cancel' })).toBeNull();
  });

  it('starts one with the configuration that went well last', async () => {
    const stub = stubApi({
      ...answers,
      '/api/v1/agent-configs': (asked: { method: string }) =>
        asked.method === 'POST' ? { config: { id: 'new' } } : answers['/api/v1/agent-configs'],
      '/api/v1/rollouts': (asked: { method: string }) =>
        asked.method === 'POST' ? { rollout: rollout('r2', 'pending') } : answers['/api/v1/rollouts'],
      '/api/v1/rollouts/r2': { rollout: rollout('r2', 'pending') },
    });
    const { router } = await renderAt('/agents?tab=rollouts&rollout=new', <AgentsPage />);
    const form = within(await screen.findByTestId('rollout-form'));
    await userEvent.type(form.getByRole('textbox', { name: /^Name/ }), 'quieter');
    await userEvent.type(form.getByRole('textbox', { name: /^For/ }), 'web-* team=shop');
    await waitFor(() => expect(document.querySelector('.cm-content')?.textContent).toContain('last: true'));
    await userEvent.click(form.getByRole('button', { name: 'Start' }));
    await waitFor(() => expect(new URLSearchParams(router.history.location.search).get('rollout')).toBe('r2'));
    const [made, started] = changes(stub);
    expect(made?.body).toEqual({
      name: 'quieter',
      yaml: 'host: {last: true}\n',
      selector: { hosts: ['web-*'], labels: { team: 'shop' } },
    });
    expect(started?.body).toEqual({
      config_id: 'new',
      canary: { percent: 10 },
      watch_seconds: 120,
      allow_silence: false,
    });
  });

  it('stays with what was typed when the server refuses it', async () => {
    stubApi({
      ...answers,
      '/api/v1/agent-configs': (asked: { method: string }) =>
        asked.method === 'POST' ? failure(400, 'unknown key "raw"', { line: 1 }) : answers['/api/v1/agent-configs'],
    });
    await renderAt('/agents?tab=rollouts&rollout=new', <AgentsPage />);
    const form = within(await screen.findByTestId('rollout-form'));
    await userEvent.type(form.getByRole('textbox', { name: /^Name/ }), 'bad');
    await userEvent.click(form.getByRole('button', { name: 'Start' }));
    expect((await form.findByRole('alert')).textContent).toContain('unknown key "raw"');
    expect(form.getByRole<HTMLInputElement>('textbox', { name: /^Name/ }).value).toBe('bad');
  });

  it('explains itself before the first', async () => {
    stubApi({ ...answers, '/api/v1/rollouts': { rollouts: [], warnings: [] } });
    await renderAt('/agents?tab=rollouts', <AgentsPage />);
    expect(await screen.findByText('No roll-outs yet')).toBeTruthy();
  });
});
