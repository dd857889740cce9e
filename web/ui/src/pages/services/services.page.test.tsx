// SPDX-License-Identifier: Apache-2.0
import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, it, vi } from 'vitest';
import { renderAt, stubApi } from '@/test-utils/render';
import { ServicesPage } from './services.page';

afterEach(() => vi.unstubAllGlobals());

const service = (name: string, rate: number) => ({
  name,
  environment: 'production',
  language: 'go',
  spans: 1,
  requests: 1,
  rate,
  errors: 0,
  error_rate: 0,
  p50_ns: null,
  p95_ns: 2_000_000,
  p99_ns: null,
  sparkline: { time: [], rate: [], errors: [] },
  last_seen: '2026-03-01T00:00:00Z',
});

const status = {
  version: 'dev',
  commit: '',
  started_at: '2026-03-01T00:00:00Z',
  roles: [],
  addresses: { http: '', otlp_grpc: '', otlp_http: '10.0.0.1:4318' },
  auth: { mode: 'open', authenticated: true, scopes: [] },
  components: [],
};

it('lists services, filters them and keeps the filter in the address', async () => {
  stubApi({
    '/api/v1/services': {
      services: [service('cart', 2), service('<b>bold</b>', 5)],
      environments: [],
      warnings: ['late data'],
    },
  });
  const { router } = await renderAt('/services', <ServicesPage />);
  expect(await screen.findByText('<b>bold</b>')).toBeTruthy();
  expect(screen.getByText('late data')).toBeTruthy();
  await userEvent.type(screen.getByRole('textbox', { name: 'Filter services' }), 'car');
  expect(screen.queryByText('<b>bold</b>')).toBeNull();
  expect(screen.getByText('cart')).toBeTruthy();
  expect(router.history.location.search).toBe('?filter=car');
});

it('says what to do when there is no service', async () => {
  stubApi({ '/api/v1/services': { services: [], environments: [], warnings: [] }, '/api/v1/status': status });
  await renderAt('/services', <ServicesPage />);
  expect(await screen.findByText(/OTEL_EXPORTER_OTLP_ENDPOINT=http:\/\/10\.0\.0\.1:4318/)).toBeTruthy();
});

it('says what failed and tries again', async () => {
  const broken = Response.json({ error: { code: 'internal', message: 'engine is away' } }, { status: 500 });
  const stub = stubApi({ '/api/v1/services': broken });
  await renderAt('/services', <ServicesPage />);
  expect(await screen.findByText('engine is away')).toBeTruthy();
  const before = stub.mock.calls.length;
  await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
  expect(stub.mock.calls.length).toBeGreaterThan(before);
});
