// SPDX-License-Identifier: Apache-2.0
import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { setLanguage } from '@/i18n';
import { type Asked, changes, failure, renderAt, stubApi } from '@/test-utils/render';
import { SettingsPage } from './settings.page';

beforeEach(() => {
  vi.spyOn(window, 'innerWidth', 'get').mockReturnValue(1440);
  vi.useFakeTimers({ now: Date.parse('2026-03-01T00:00:00Z'), toFake: ['Date'] });
});
afterEach(async () => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  await setLanguage('en');
});

const key = (name: string, more = {}) => ({
  id: `id-${name}`,
  name,
  scope: 'ingest',
  prefix: 'strata_ab',
  created_at: '2026-02-01T00:00:00Z',
  expires_at: null,
  last_used_at: null,
  revoked: false,
  ...more,
});

const keys = [
  key('forever'),
  key('soon', { expires_at: '2026-06-01T00:00:00Z', scope: 'admin' }),
  key('past', { expires_at: '2026-02-15T00:00:00Z' }),
  key('gone', { revoked: true }),
];

const status = (mode: string, tenant?: string) => ({
  version: '1.2',
  commit: 'abcdef0123456789',
  started_at: '2026-03-01T00:00:00Z',
  instance: '',
  roles: ['gateway', 'query'],
  addresses: { http: '127.0.0.1:7080', otlp_grpc: '127.0.0.1:4317', otlp_http: '10.0.0.1:4318' },
  auth: { mode, authenticated: true, scopes: ['read', 'admin'], tenant },
  components: [],
});

const answers = { '/api/v1/keys': { keys }, '/api/v1/status': status('open') };
const rowOf = (name: string) => screen.getByText(name).closest('[role=row]') as HTMLElement;

describe('keys', () => {
  it('says how long each is good', async () => {
    stubApi(answers);
    await renderAt('/settings?tz=utc', <SettingsPage />);
    await screen.findByText('forever');
    expect(rowOf('forever').textContent).toContain('does not expire');
    expect(rowOf('soon').textContent).toContain('until 2026-06-01');
    expect(rowOf('past').textContent).toContain('expired');
    expect(rowOf('gone').textContent).toContain('revoked');
    expect(within(rowOf('gone')).queryByRole('button')).toBeNull();
  });

  it('revokes one, when asked twice for the same', async () => {
    const stub = stubApi({ ...answers, '/api/v1/keys/id-soon': () => new Response(null, { status: 204 }) });
    await renderAt('/settings', <SettingsPage />);
    await screen.findByText('soon');
    await userEvent.click(within(rowOf('forever')).getByRole('button', { name: 'Revoke' }));
    await userEvent.click(within(rowOf('soon')).getByRole('button', { name: 'Revoke' }));
    expect(changes(stub)).toHaveLength(0);
    await userEvent.click(within(rowOf('soon')).getByRole('button', { name: 'Revoke for good' }));
    await waitFor(() =>
      expect(changes(stub)).toEqual([{ method: 'DELETE', path: '/api/v1/keys/id-soon', body: undefined }]),
    );
  });

  it('shows a new key once, to be copied', async () => {
    const stub = stubApi({
      ...answers,
      '/api/v1/keys': (asked: Asked) =>
        asked.method === 'POST' ? { key: key('new'), secret: 'strata_secret' } : { keys },
    });
    await renderAt('/settings', <SettingsPage />);
    await userEvent.click(await screen.findByRole('button', { name: 'Create key' }));
    const dialog = within(await screen.findByRole('dialog'));
    await userEvent.type(dialog.getByRole('textbox', { name: /^Name/ }), '  new  ');
    await userEvent.click(dialog.getByRole('radio', { name: 'Read' }));
    expect(dialog.getByText('Reads everything. Changes nothing.')).toBeTruthy();
    await userEvent.click(dialog.getByRole('button', { name: 'Create key' }));
    expect((await screen.findByTestId('key-secret')).textContent).toContain('strata_secret');
    expect(changes(stub)[0]?.body).toEqual({ name: 'new', scope: 'read' });
  });

  it('stays with what was typed when the server refuses', async () => {
    stubApi({
      ...answers,
      '/api/v1/keys': (asked: Asked) =>
        asked.method === 'POST' ? failure(409, 'there is one of this name') : { keys },
    });
    await renderAt('/settings', <SettingsPage />);
    await userEvent.click(await screen.findByRole('button', { name: 'Create key' }));
    const dialog = within(await screen.findByRole('dialog'));
    await userEvent.type(dialog.getByRole('textbox', { name: /^Name/ }), 'soon');
    await userEvent.click(dialog.getByRole('button', { name: 'Create key' }));
    expect((await dialog.findByRole('alert')).textContent).toContain('there is one of this name');
    expect(screen.queryByTestId('key-secret')).toBeNull();
  });

  it('says who may not see them', async () => {
    stubApi({ ...answers, '/api/v1/keys': failure(403, 'the scope admin is needed') });
    await renderAt('/settings', <SettingsPage />);
    expect(await screen.findByText('the scope admin is needed')).toBeTruthy();
  });
});

describe('the server', () => {
  it('says where it listens and how to send to it', async () => {
    stubApi(answers);
    await renderAt('/settings', <SettingsPage />);
    expect(await screen.findByText('1.2 abcdef012345')).toBeTruthy();
    expect(screen.getByText('gateway, query')).toBeTruthy();
    expect(screen.getByText('open, no key needed')).toBeTruthy();
    expect(screen.getByText(/OTEL_EXPORTER_OTLP_ENDPOINT=http:\/\/10\.0\.0\.1:4318/)).toBeTruthy();
    expect(screen.queryByText(/OTEL_EXPORTER_OTLP_HEADERS/)).toBeNull();
    expect(screen.queryByRole('button', { name: 'Sign out' })).toBeNull();
  });

  it.each([
    [undefined, false],
    ['default', false],
    ['team-a', true],
  ])('names the tenant %s: %s', async (tenant, named) => {
    stubApi({ ...answers, '/api/v1/status': status('required', tenant) });
    await renderAt('/settings', <SettingsPage />);
    expect(await screen.findByText('key required, this one may: read, admin')).toBeTruthy();
    expect(screen.queryByText('Tenant') !== null).toBe(named);
    expect(screen.queryByText('team-a') !== null).toBe(named);
  });

  it('signs out where keys are needed', async () => {
    const stub = stubApi({
      ...answers,
      '/api/v1/status': status('required'),
      '/api/v1/session': () => new Response(null, { status: 204 }),
    });
    await renderAt('/settings', <SettingsPage />);
    expect(await screen.findByText(/OTEL_EXPORTER_OTLP_HEADERS/)).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Sign out' }));
    await waitFor(() =>
      expect(changes(stub)).toEqual([{ method: 'DELETE', path: '/api/v1/session', body: undefined }]),
    );
  });
});

describe('appearance', () => {
  it('changes the language at once, for the next visit too', async () => {
    stubApi(answers);
    await renderAt('/settings', <SettingsPage />);
    await userEvent.click(await screen.findByRole('radio', { name: '简体中文' }));
    expect(await screen.findByText('外观')).toBeTruthy();
    expect(document.documentElement.lang).toBe('zh-Hans');
    expect(localStorage.getItem('strata.language')).toBe('zh');
  });

  it('changes the theme', async () => {
    stubApi(answers);
    await renderAt('/settings', <SettingsPage />);
    await userEvent.click(await screen.findByRole('radio', { name: 'Dark' }));
    await waitFor(() => expect(document.documentElement.getAttribute('data-mantine-color-scheme')).toBe('dark'));
    await userEvent.click(screen.getByRole('radio', { name: 'Light' }));
    expect(document.documentElement.getAttribute('data-mantine-color-scheme')).toBe('light');
  });
});
