// SPDX-License-Identifier: Apache-2.0
import { screen, within } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { failure, renderAt, stubApi } from '@/test-utils/render';
import { HealthPage } from './health.page';

beforeEach(() => vi.spyOn(window, 'innerWidth', 'get').mockReturnValue(1440));
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const row = (minute: string, source: string, received: number, refused = {}) => ({
  minute,
  signal: 'logs',
  source,
  received,
  accepted: received,
  refused,
  stored: received,
  rejected: {},
});

const total = (signal: string, more = {}) => ({
  signal,
  received: 0,
  accepted: 0,
  refused: 0,
  stored: 0,
  rejected: 0,
  resent: 0,
  in_flight: 0,
  balanced: true,
  ...more,
});

const ledger = {
  rows: [
    row('2026-03-01T00:00:00Z', 'shop', 10),
    row('2026-03-01T00:01:00Z', 'shop', 20, { too_large: 3 }),
    row('2026-03-01T00:01:00Z', 'agent', 5),
  ],
  totals: [
    total('metrics'),
    total('traces'),
    total('logs', { received: 38, accepted: 35, refused: 3, stored: 34, in_flight: 1, balanced: false }),
  ],
  bus: [
    {
      topic: 'strata.logs',
      partition: 0,
      first_offset: 0,
      next_offset: 12,
      committed_offset: 10,
      lag_records: 2,
      bytes: 512,
      limit_bytes: 1024,
      oldest: null,
    },
  ],
  warnings: ['writer w2 did not answer'],
};

const status = {
  version: '1',
  commit: '',
  started_at: '2026-03-01T00:00:00Z',
  roles: [],
  addresses: {},
  auth: { mode: 'open', authenticated: true, scopes: [] },
  components: [
    { name: 'bus', state: 'ok', message: '' },
    { name: 'engine', state: 'down', message: 'it does not answer' },
  ],
};

const process = (id: string, state: string) => ({
  id,
  role: 'writer',
  url: '',
  state,
  message: state === 'ok' ? '' : 'no answer',
  version: '1',
  started_at: null,
  seen_at: '2026-03-01T00:00:00Z',
});

const answers = {
  '/api/v1/ledger': ledger,
  '/api/v1/status': status,
  '/api/v1/status/instances': { instances: [process('one', 'ok')], warnings: [] },
};

describe('data health', () => {
  it('says whether each signal balances, and why records were refused', async () => {
    stubApi(answers);
    await renderAt('/data-health', <HealthPage />);
    const section = within(await screen.findByTestId('ledger'));
    expect(section.getAllByText('balanced')).toHaveLength(2);
    expect(section.getByText('not balanced')).toBeTruthy();
    expect(section.getByText('too_large')).toBeTruthy();
  });

  it('adds up the minutes of a source', async () => {
    stubApi(answers);
    await renderAt('/data-health', <HealthPage />);
    const rows = within(await screen.findByRole('table', { name: 'Sources' }))
      .getAllByRole('row')
      .slice(1);
    const cells = (at: number) =>
      within(rows[at] as HTMLElement)
        .getAllByRole('cell')
        .map((cell) => cell.textContent);
    expect(cells(0).slice(0, 6)).toEqual(['shop', 'Logs', '30', '30', '30', '3']);
    expect(cells(1).slice(0, 3)).toEqual(['agent', 'Logs', '5']);
  });

  it('says how far storage is behind on the bus', async () => {
    stubApi(answers);
    await renderAt('/data-health', <HealthPage />);
    const table = await screen.findByRole('table', { name: 'Bus' });
    expect(table.textContent).toContain('512 B / 1 KiB');
    expect(table.textContent).toContain('50 %');
  });

  it('says what the account lacks', async () => {
    stubApi(answers);
    await renderAt('/data-health', <HealthPage />);
    expect(await screen.findByText('writer w2 did not answer')).toBeTruthy();
  });

  it('says which component is in trouble and why', async () => {
    stubApi(answers);
    await renderAt('/data-health', <HealthPage />);
    expect((await screen.findByText('it does not answer')).parentElement?.textContent).toContain('down');
  });

  it('lists processes only where there are several', async () => {
    stubApi(answers);
    const { unmount } = await renderAt('/data-health', <HealthPage />);
    await screen.findByTestId('ledger');
    expect(screen.queryByTestId('processes')).toBeNull();
    unmount();
    stubApi({
      ...answers,
      '/api/v1/status/instances': { instances: [process('one', 'ok'), process('two', 'down')], warnings: ['x'] },
    });
    await renderAt('/data-health', <HealthPage />);
    const section = within(await screen.findByTestId('processes'));
    expect(section.getByText('no answer')).toBeTruthy();
    expect(section.getByText('x')).toBeTruthy();
  });

  it('says how to send data while nothing arrived', async () => {
    stubApi({ ...answers, '/api/v1/ledger': { rows: [], totals: [total('logs')], bus: [], warnings: [] } });
    await renderAt('/data-health', <HealthPage />);
    expect(await screen.findByText('Nothing has arrived')).toBeTruthy();
  });

  it('shows the components also while the account is away', async () => {
    stubApi({ ...answers, '/api/v1/ledger': failure(503, 'no ledger') });
    await renderAt('/data-health', <HealthPage />);
    expect(await screen.findByText('no ledger')).toBeTruthy();
    expect(screen.getByText('engine')).toBeTruthy();
  });
});
