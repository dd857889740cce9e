// SPDX-License-Identifier: Apache-2.0
import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { aLog, aSpan } from '@/test-utils/answers';
import { type Asked, failure, giveHeight, renderAt, requests, stubApi } from '@/test-utils/render';
import { TracePage } from './trace.page';
import { TracesPage } from './traces.page';

beforeEach(() => {
  vi.spyOn(window, 'innerWidth', 'get').mockReturnValue(1440);
  giveHeight();
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const summary = (id: string, more = {}) => ({
  trace_id: id,
  start: '2026-03-01T00:00:00Z',
  duration_ns: 1_000_000,
  root_service: 'gateway',
  root_name: `GET /${id}`,
  root_missing: false,
  span_count: 3,
  error_count: 0,
  matched_spans: 1,
  services: [{ name: 'gateway', spans: 3, errors: 0 }],
  ...more,
});

const page = (traces: object[], more = {}) => ({ traces, next_cursor: '', warnings: [], ...more });
const facets = { facets: [{ field: 'service', values: [{ value: 'cart', count: 2 }] }], warnings: [] };
const answers = {
  '/api/v1/traces?': page([summary('a'), summary('b', { error_count: 2, root_missing: true })]),
  '/api/v1/traces/facets': facets,
};
const param = (url: URL | undefined, name: string) => url?.searchParams.get(name);
const searched = (stub: ReturnType<typeof vi.fn>) => requests(stub).filter((url) => url.pathname === '/api/v1/traces');

describe('the search of traces', () => {
  it('lists what was found', async () => {
    stubApi(answers);
    await renderAt('/traces', <TracesPage />);
    const rows = within(await screen.findByRole('table'))
      .getAllByRole('row')
      .slice(1);
    expect(rows).toHaveLength(2);
    expect(rows[0]?.textContent).toContain('GET /a');
    expect(rows[1]?.textContent).toContain('root missing');
  });

  it('sends the query with the environment, and keeps the query in the address', async () => {
    const stub = stubApi(answers);
    const { router } = await renderAt('/traces?env=prod', <TracesPage />);
    await userEvent.type(await screen.findByRole('combobox'), 'error:true{Escape}{Enter}');
    await waitFor(() => expect(param(searched(stub).at(-1), 'query')).toBe('error:true env:prod'));
    expect(new URLSearchParams(router.history.location.search).get('q')).toBe('error:true');
  });

  it('adds a term by a facet', async () => {
    const stub = stubApi(answers);
    await renderAt('/traces?q=error:true', <TracesPage />);
    await userEvent.click(await screen.findByRole('button', { name: /cart/ }));
    await waitFor(() => expect(param(searched(stub).at(-1), 'query')).toBe('error:true service:cart'));
  });

  it('asks for the slowest', async () => {
    const stub = stubApi(answers);
    const { router } = await renderAt('/traces', <TracesPage />);
    await userEvent.click(await screen.findByRole('radio', { name: 'Slowest' }));
    await waitFor(() => expect(param(searched(stub).at(-1), 'sort')).toBe('slowest'));
    expect(router.history.location.search).toBe('?sort=slowest');
  });

  it('loads more from where it ended', async () => {
    const stub = stubApi({
      ...answers,
      '/api/v1/traces?': (asked: Asked) =>
        asked.path.includes('cursor=next') ? page([summary('c')]) : page([summary('a')], { next_cursor: 'next' }),
    });
    await renderAt('/traces', <TracesPage />);
    await userEvent.click(await screen.findByRole('button', { name: 'Load more' }));
    expect(await screen.findByText('GET /c')).toBeTruthy();
    expect(screen.getByText('GET /a')).toBeTruthy();
    expect(searched(stub)).toHaveLength(2);
    expect(screen.queryByRole('button', { name: 'Load more' })).toBeNull();
  });

  it('opens a trace and keeps the range', async () => {
    stubApi(answers);
    const { router } = await renderAt('/traces?from=now-5m&q=x', <TracesPage />);
    await userEvent.click(await screen.findByText('GET /b'));
    expect(router.history.location.pathname + router.history.location.search).toBe('/traces/b?from=now-5m');
  });

  it('tells a search without a match from a range without traces', async () => {
    stubApi({ ...answers, '/api/v1/traces?': page([]) });
    const { unmount } = await renderAt('/traces?q=x', <TracesPage />);
    expect(await screen.findByText('No traces match')).toBeTruthy();
    unmount();
    await renderAt('/traces', <TracesPage />);
    expect(await screen.findByText('No traces here')).toBeTruthy();
  });

  it('says what the answer lacks, and what is wrong with a query', async () => {
    stubApi({ ...answers, '/api/v1/traces?': page([summary('a')], { warnings: ['limit was reduced'] }) });
    const { unmount } = await renderAt('/traces', <TracesPage />);
    expect(await screen.findByText('limit was reduced')).toBeTruthy();
    unmount();
    stubApi({ ...answers, '/api/v1/traces?': failure(400, 'unknown field "colour"') });
    await renderAt('/traces?q=colour:red', <TracesPage />);
    expect(await screen.findByText('unknown field "colour"')).toBeTruthy();
  });
});

const span = aSpan('a', '', { name: 'GET /', service: 'gateway', duration_ns: 10e6 });
const failed = aSpan('b', 'a', { name: 'pay', service: 'pay', status: 'error', offset_ns: 1e6 });
const deeper = aSpan('c', 'b', { name: 'charge', service: 'pay', status: 'error', offset_ns: 2e6 });

const trace = (spans: object[], more = {}) => ({
  trace_id: 't1',
  start: '2026-03-01T00:00:00Z',
  duration_ns: 10e6,
  span_count: 3,
  error_count: 2,
  services: [
    { name: 'gateway', spans: 1, errors: 0 },
    { name: 'pay', spans: 2, errors: 2 },
  ],
  resources: [{ 'host.name': 'web-1' }],
  scopes: [{ name: 'otelhttp', version: '', schema_url: '', attributes: {} }],
  spans,
  next_cursor: '',
  warnings: [],
  ...more,
});

const traceAnswers = {
  '/api/v1/traces/t1': trace([span, failed, deeper]),
  '/api/v1/logs?': {
    logs: [aLog('1', { trace_id: 't1', span_id: 'c', service: 'pay', body: 'declined' })],
    next_cursor: '',
    warnings: [],
  },
};
const open = (search = '') => renderAt(`/traces/t1${search}`, <TracePage />, '/traces/$traceId');
const spanNames = () =>
  screen.getAllByRole('treeitem').map((row) => row.querySelector('[class*=operation]')?.textContent);

describe('the page of a trace', () => {
  it('shows the timeline under what it is', async () => {
    stubApi(traceAnswers);
    await open();
    await waitFor(() => expect(spanNames()).toEqual(['GET /', 'pay', 'charge']));
    expect(screen.getByText('3 spans')).toBeTruthy();
    expect(screen.getByRole('button', { name: '2 errors' })).toBeTruthy();
  });

  it('loads every page, and calls a parent missing only then', async () => {
    stubApi({
      ...traceAnswers,
      '/api/v1/traces/t1': (asked: Asked) =>
        asked.path.includes('cursor=2') ? trace([span]) : trace([failed, deeper], { next_cursor: '2' }),
    });
    await open();
    await waitFor(() => expect(spanNames()).toEqual(['GET /', 'pay', 'charge']));
    expect(screen.queryByLabelText('parent missing')).toBeNull();
  });

  it('goes to where the trouble began', async () => {
    stubApi(traceAnswers);
    const { router } = await open();
    await userEvent.click(await screen.findByRole('button', { name: '2 errors' }));
    expect(within(await screen.findByTestId('span-drawer')).getByRole('heading', { name: 'charge' })).toBeTruthy();
    await waitFor(() => expect(router.history.location.search).toBe('?span=c'));
  });

  it('opens the span of the address, with its resource and its log records', async () => {
    stubApi(traceAnswers);
    await open('?span=c&panel=logs');
    const drawer = within(await screen.findByTestId('span-drawer'));
    expect(await drawer.findByText('declined')).toBeTruthy();
    await userEvent.click(drawer.getByRole('tab', { name: /^Resource/ }));
    expect(drawer.getByText('host.name')).toBeTruthy();
  });

  it('finds spans, tells how many and goes round through them', async () => {
    stubApi(traceAnswers);
    const { router } = await open();
    await waitFor(() => expect(spanNames()).toHaveLength(3));
    await userEvent.type(screen.getByRole('textbox', { name: 'Find in trace' }), 'pay');
    await waitFor(() => expect(new URLSearchParams(router.history.location.search).get('find')).toBe('pay'));
    expect(await screen.findByText('0 of 2')).toBeTruthy();
    const heading = async () => (await screen.findByTestId('span-drawer')).querySelector('h2')?.textContent;
    await userEvent.keyboard('{Enter}');
    expect(await heading()).toBe('pay');
    await userEvent.keyboard('{Enter}');
    expect(await heading()).toBe('charge');
    await userEvent.keyboard('{Enter}');
    expect(await heading()).toBe('pay');
    await userEvent.keyboard('{Shift>}{Enter}{/Shift}');
    expect(await heading()).toBe('charge');
    expect(screen.getByText('2 of 2')).toBeTruthy();
  });

  it('shows the log records of the trace, in the address', async () => {
    const stub = stubApi(traceAnswers);
    const { router } = await open();
    await userEvent.click(await screen.findByRole('radio', { name: 'Logs 1' }));
    expect(await screen.findByText('declined')).toBeTruthy();
    expect(router.history.location.search).toBe('?tab=logs');
    expect(screen.queryByTestId('waterfall')).toBeNull();
    const asked = requests(stub).find((url) => url.pathname === '/api/v1/logs');
    expect(param(asked, 'query')).toBe('trace:t1');
  });

  it('keeps what came when a later page fails', async () => {
    stubApi({
      ...traceAnswers,
      '/api/v1/traces/t1': (asked: Asked) =>
        asked.path.includes('cursor=2') ? failure(503, 'engine away') : trace([span], { next_cursor: '2' }),
    });
    await open();
    expect((await screen.findByRole('alert')).textContent).toContain('engine away');
    expect(spanNames()).toEqual(['GET /']);
    expect(screen.getByText('1 loaded')).toBeTruthy();
  });

  it('says whose clock was corrected', async () => {
    stubApi({ ...traceAnswers, '/api/v1/traces/t1': trace([span], { warnings: ['clock skew: the clock of pay'] }) });
    await open();
    expect(await screen.findByText('clock skew: the clock of pay')).toBeTruthy();
  });

  it('says that there is none', async () => {
    stubApi({ '/api/v1/traces/t1': failure(404, 'trace "t1": not found') });
    await open();
    expect(await screen.findByText('trace "t1": not found')).toBeTruthy();
  });
});
