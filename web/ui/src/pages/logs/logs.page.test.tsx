// SPDX-License-Identifier: Apache-2.0
import { act, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { aLog } from '@/test-utils/answers';
import { failure, giveHeight, renderAt, requests, stubApi } from '@/test-utils/render';
import { LogsPage } from './logs.page';

/** A stream of the server, driven by the test. */
class Stream extends EventTarget {
  static last: Stream | undefined;
  onopen: (() => void) | undefined;
  onerror: (() => void) | undefined;
  closed = false;
  constructor(readonly url: string) {
    super();
    Stream.last = this;
  }
  close() {
    this.closed = true;
  }
  send(type: string, data: unknown) {
    this.dispatchEvent(new MessageEvent(type, { data: JSON.stringify(data) }));
  }
}

beforeEach(() => {
  giveHeight();
  vi.stubGlobal('EventSource', Stream);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const page = (logs: object[], more = {}) => ({ logs, next_cursor: '', warnings: [], ...more });
const histogram = {
  step_seconds: 60,
  buckets: [{ time: 0, total: 5, levels: { info: 3, error: 2 } }],
  total: 1234,
  warnings: ['the count is of the last hour'],
};
const answers = {
  '/api/v1/logs?': page([aLog('1', { attributes: { 'user.id': '7' } }), aLog('2')]),
  '/api/v1/logs/histogram': histogram,
  '/api/v1/logs/facets': { facets: [{ field: 'level', values: [{ value: 'error', count: 2 }] }], warnings: [] },
};
const param = (url: URL | undefined, name: string) => url?.searchParams.get(name);
const searched = (stub: ReturnType<typeof vi.fn>) => requests(stub).filter((url) => url.pathname === '/api/v1/logs');
const lines = () => screen.getAllByTestId('log-row').map((row) => row.textContent);

describe('the search of logs', () => {
  it('lists records and says of how many they are a part', async () => {
    stubApi(answers);
    await renderAt('/logs', <LogsPage />);
    await waitFor(() => expect(lines()).toHaveLength(2));
    await waitFor(() => expect(screen.getByTestId('log-total').textContent).toMatch(/^1\s234 records, 2 loaded$/));
    expect(screen.getByText('the count is of the last hour')).toBeTruthy();
  });

  it('filters by a value of a record', async () => {
    const stub = stubApi(answers);
    const { router } = await renderAt('/logs?q=level:info', <LogsPage />);
    await waitFor(() => expect(lines()).toHaveLength(2));
    await userEvent.click(screen.getAllByTestId('log-row')[0] as HTMLElement);
    expect(new URLSearchParams(router.history.location.search).get('row')).toBe('1');
    await userEvent.click(screen.getByRole('button', { name: 'Filter out user.id' }));
    await waitFor(() => expect(param(searched(stub).at(-1), 'query')).toBe('level:info -attr.user.id:7'));
    expect(new URLSearchParams(router.history.location.search).get('row')).toBeNull();
  });

  it('filters by a facet, and goes back by the history', async () => {
    const stub = stubApi(answers);
    const { router } = await renderAt('/logs', <LogsPage />);
    await userEvent.click(await screen.findByRole('button', { name: /^error/ }));
    await waitFor(() => expect(param(searched(stub).at(-1), 'query')).toBe('level:error'));
    router.history.back();
    await waitFor(() => expect(router.history.location.search).toBe(''));
  });

  it('asks for the oldest first', async () => {
    const stub = stubApi(answers);
    await renderAt('/logs', <LogsPage />);
    await userEvent.click(await screen.findByRole('radio', { name: 'Oldest' }));
    await waitFor(() => expect(param(searched(stub).at(-1), 'order')).toBe('asc'));
  });

  it('keeps how dense the list is for the next visit', async () => {
    stubApi(answers);
    const { unmount } = await renderAt('/logs', <LogsPage />);
    await userEvent.click(await screen.findByRole('radio', { name: 'Wrap' }));
    unmount();
    await renderAt('/logs', <LogsPage />);
    expect((await screen.findByRole<HTMLInputElement>('radio', { name: 'Wrap' })).checked).toBe(true);
  });

  it('tells a search without a match from a range without records', async () => {
    stubApi({ ...answers, '/api/v1/logs?': page([]) });
    const { unmount } = await renderAt('/logs?q=x', <LogsPage />);
    expect(await screen.findByText('No records match')).toBeTruthy();
    unmount();
    await renderAt('/logs', <LogsPage />);
    expect(await screen.findByText('No logs here')).toBeTruthy();
  });

  it('shows records also where the histogram fails', async () => {
    stubApi({ ...answers, '/api/v1/logs/histogram': failure(422, 'too many rows') });
    await renderAt('/logs', <LogsPage />);
    await waitFor(() => expect(lines()).toHaveLength(2));
    expect((await screen.findByRole('alert')).textContent).toContain('too many rows');
  });

  it('says what is wrong with a query', async () => {
    stubApi({ ...answers, '/api/v1/logs?': failure(400, 'unknown field "colour"') });
    await renderAt('/logs?q=colour:red', <LogsPage />);
    expect(await screen.findByText('unknown field "colour"')).toBeTruthy();
  });
});

describe('the live tail', () => {
  const follow = async (path = '/logs?tail=1&q=level:error&env=prod') => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const stub = stubApi(answers);
    const view = await renderAt(path, <LogsPage />);
    await waitFor(() => expect(Stream.last).toBeTruthy());
    return { ...view, stub, stream: Stream.last as Stream };
  };
  const paint = () => act(() => vi.advanceTimersByTime(200));

  it('follows the query and searches for nothing meanwhile', async () => {
    const { stream, stub } = await follow();
    expect(new URL(stream.url, 'http://x').searchParams.get('query')).toBe('level:error env:prod');
    expect(searched(stub)).toHaveLength(0);
    expect(screen.getByText('connecting')).toBeTruthy();
    act(() => stream.onopen?.());
    expect(screen.getByText('following')).toBeTruthy();
    expect(screen.getByText('Waiting for new records')).toBeTruthy();
  });

  it('shows the newest on top', async () => {
    const { stream } = await follow();
    stream.send('log', aLog('1'));
    stream.send('log', aLog('2'));
    paint();
    stream.send('log', aLog('3'));
    paint();
    await waitFor(() => expect(lines()).toHaveLength(3));
    expect(lines().map((text) => text?.match(/message (\d)/)?.[1])).toEqual(['3', '2', '1']);
    expect(screen.getByText('3 records')).toBeTruthy();
  });

  it('says how many were skipped to keep up', async () => {
    const { stream } = await follow();
    stream.send('skipped', { count: 40 });
    stream.send('skipped', { count: 2 });
    paint();
    expect(screen.getByText('42 skipped to keep up')).toBeTruthy();
  });

  it('says when the connection is lost, and keeps what came', async () => {
    const { stream } = await follow();
    act(() => stream.onopen?.());
    stream.send('log', aLog('1'));
    paint();
    act(() => stream.onerror?.());
    expect(screen.getByText('connecting')).toBeTruthy();
    await waitFor(() => expect(lines()).toHaveLength(1));
  });

  it('ends with the page, and by its button', async () => {
    const { stream, router } = await follow();
    await userEvent.click(screen.getByRole('button', { name: 'Live tail' }));
    expect(new URLSearchParams(router.history.location.search).get('tail')).toBeNull();
    expect(stream.closed).toBe(true);
  });
});
