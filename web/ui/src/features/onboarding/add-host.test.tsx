// SPDX-License-Identifier: Apache-2.0
import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, it, vi } from 'vitest';
import { renderAt, stubApi } from '@/test-utils/render';
import { AddHost, installCommand, onlyLocal } from './add-host';

afterEach(() => vi.unstubAllGlobals());

const status = (mode: string, scopes: string[]) => ({
  version: 'dev',
  commit: '',
  started_at: '2026-03-01T00:00:00Z',
  roles: [],
  addresses: { http: '', otlp_grpc: '', otlp_http: '' },
  auth: { mode, authenticated: true, scopes },
  components: [],
});

it('needs no key where the server is open', async () => {
  stubApi({ '/api/v1/status': status('open', ['admin']) });
  await renderAt('/hosts', <AddHost />);
  expect(await screen.findByText(/\/install\.sh \| sudo sh$/)).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Create a key for it' })).toBeNull();
});

it('creates an ingest key and puts it into the command', async () => {
  stubApi({
    '/api/v1/status': status('required', ['admin']),
    '/api/v1/keys': { key: { id: '1' }, secret: 'strata_secret' },
  });
  await renderAt('/hosts', <AddHost />);
  await userEvent.click(await screen.findByRole('button', { name: 'Create a key for it' }));
  expect(await screen.findByText(/\/install\.sh \| sudo sh -s -- --key strata_secret$/)).toBeTruthy();
});

it('asks those who may not create keys to get one', async () => {
  stubApi({ '/api/v1/status': status('required', ['read']) });
  await renderAt('/hosts', <AddHost />);
  expect(await screen.findByText(/--key KEY$/)).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Create a key for it' })).toBeNull();
});

it('knows addresses that other hosts cannot reach', () => {
  expect(['localhost', '127.0.0.1', '[::1]', 'strata.example.com', '10.0.0.1'].map(onlyLocal)).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
  expect(installCommand('https://strata.example.com', 'k')).toBe(
    'curl -fsSL https://strata.example.com/install.sh | sudo sh -s -- --key k',
  );
});
