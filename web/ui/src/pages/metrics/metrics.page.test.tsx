// SPDX-License-Identifier: Apache-2.0
import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { renderAt, requests, stubApi } from '@/test-utils/render';
import { MetricsPage } from './metrics.page';

beforeEach(() => {
  vi.spyOn(window, 'innerWidth', 'get').mockReturnValue(1440);
  // The editor measures its text, and the document has no layout.
  Range.prototype.getClientRects = () => [] as unknown as DOMRectList;
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const from = Date.parse('2026-03-01T00:00:00Z') / 1000;
const range = 'from=2026-03-01T00:00:00Z&to=2026-03-01T01:00:00Z';
const ok = (data: unknown, more = {}) => ({ status: 'success', data, ...more });
const series = (state: string, values: number[]) => ({
  metric: { __name__: 'cpu', state },
  values: values.map((value, i) => [from + i * 15, String(value)]),
});

const answers = {
  '/prometheus/api/v1/label/__name__/values': ok(['up', 'requests_total', '订单']),
  '/prometheus/api/v1/query_range': ok({
    resultType: 'matrix',
    result: [series('user', [1, 3]), series('idle', [9, 5])],
  }),
  '/prometheus/api/v1/query_exemplars': ok([]),
  '/prometheus/api/v1/query?': ok({
    resultType: 'vector',
    result: [
      { metric: { job: 'b', host: 'h' }, value: [from, '2'] },
      { metric: { job: 'a' }, value: [from, 'NaN'] },
    ],
  }),
};

const q = (search: string) => new URLSearchParams(search).get('q');
const asked = (stub: ReturnType<typeof vi.fn>, name: string) =>
  requests(stub).filter((url) => url.pathname.endsWith(`/${name}`));
const legend = () =>
  within(screen.getByRole('table', { name: 'Legend' }))
    .getAllByRole('row')
    .slice(1)
    .map((row) =>
      within(row)
        .getAllByRole('cell')
        .map((cell) => cell.textContent),
    );

describe('the explorer', () => {
  it('offers metrics to begin with, counters as rates', async () => {
    stubApi(answers);
    const { router } = await renderAt('/explore', <MetricsPage />);
    await userEvent.click(await screen.findByRole('button', { name: 'requests_total' }));
    expect(q(router.history.location.search)).toBe('sum(rate(requests_total[5m]))');
  });

  it('quotes a name that PromQL does not take as it is', async () => {
    stubApi(answers);
    const { router } = await renderAt('/explore', <MetricsPage />);
    await userEvent.click(await screen.findByRole('button', { name: '订单' }));
    expect(q(router.history.location.search)).toBe('{"订单"}');
  });

  it('draws the query of the address and sums up each line', async () => {
    const stub = stubApi(answers);
    await renderAt(`/explore?${range}&q=cpu`, <MetricsPage />);
    expect(await screen.findByRole('img', { name: 'Graph' })).toBeTruthy();
    expect(legend()).toEqual([
      ['idle', '5', '7', '9'],
      ['user', '3', '2', '3'],
    ]);
    expect(asked(stub, 'query_range')[0]?.searchParams.get('step')).toBe('15');
  });

  it('isolates a line by a click and shows all again by the second', async () => {
    stubApi(answers);
    await renderAt(`/explore?${range}&q=cpu`, <MetricsPage />);
    await screen.findByRole('img', { name: 'Graph' });
    const faded = () =>
      [...screen.getByRole('table', { name: 'Legend' }).querySelectorAll<HTMLElement>('.mono')].map(
        (row) => row.style.opacity,
      );
    await userEvent.click(screen.getByText('idle'));
    expect(faded()).toEqual(['1', '0.45']);
    await userEvent.click(screen.getByText('idle'));
    expect(faded()).toEqual(['1', '1']);
  });

  it('adds a query, and takes one away with its line in the address', async () => {
    stubApi(answers);
    const { router } = await renderAt(`/explore?q=${encodeURIComponent('["a","b"]')}`, <MetricsPage />);
    const remove = await screen.findAllByRole('button', { name: 'Remove query' });
    expect(remove).toHaveLength(2);
    await userEvent.click(screen.getByRole('button', { name: 'Add query' }));
    expect(screen.getAllByRole('button', { name: 'Remove query' })).toHaveLength(3);
    await userEvent.click(screen.getAllByRole('button', { name: 'Remove query' })[0] as HTMLElement);
    expect(q(router.history.location.search)).toBe('b');
    await waitFor(() => expect(screen.queryByRole('button', { name: 'Remove query' })).toBeNull());
  });

  it('keeps step and form in the address', async () => {
    const stub = stubApi(answers);
    const { router } = await renderAt(`/explore?${range}&q=cpu&step=300`, <MetricsPage />);
    await screen.findByRole('img', { name: 'Graph' });
    expect(asked(stub, 'query_range')[0]?.searchParams.get('step')).toBe('300');
    await userEvent.click(screen.getByRole('radio', { name: 'Stacked' }));
    expect(new URLSearchParams(router.history.location.search).get('kind')).toBe('stack');
  });

  it('says what the answer lacks, hints at and does not draw', async () => {
    const many = Array.from({ length: 205 }, (_, i) => series(`s${i}`, [1]));
    stubApi({
      ...answers,
      '/prometheus/api/v1/query_range': ok(
        { resultType: 'matrix', result: many },
        { warnings: ['writer w2 did not answer'], infos: ['not a counter'] },
      ),
    });
    await renderAt(`/explore?${range}&q=cpu`, <MetricsPage />);
    expect(await screen.findByText('writer w2 did not answer')).toBeTruthy();
    expect(screen.getByText('not a counter')).toBeTruthy();
    expect(screen.getByText(/^5 more series are not drawn/)).toBeTruthy();
  });

  it('tells a mistake from a query that selects nothing', async () => {
    stubApi({
      ...answers,
      '/prometheus/api/v1/query_range': Response.json(
        { status: 'error', errorType: 'bad_data', error: 'parse error' },
        { status: 400 },
      ),
    });
    const { unmount } = await renderAt('/explore?q=cpu{', <MetricsPage />);
    expect((await screen.findByRole('alert')).textContent).toContain('parse error');
    unmount();
    stubApi({ ...answers, '/prometheus/api/v1/query_range': ok({ resultType: 'matrix', result: [] }) });
    await renderAt('/explore?q=none', <MetricsPage />);
    expect(await screen.findByText('No series')).toBeTruthy();
  });

  it('says how to send metrics while there are none', async () => {
    stubApi({ ...answers, '/prometheus/api/v1/label/__name__/values': ok([]) });
    await renderAt('/explore', <MetricsPage />);
    expect(await screen.findByText('No metrics yet')).toBeTruthy();
  });
});

describe('the table of the explorer', () => {
  it('has a column for every label, and the value as the server wrote it', async () => {
    const stub = stubApi(answers);
    await renderAt(`/explore?${range}&q=cpu&tab=table`, <MetricsPage />);
    const table = await screen.findByRole('table', { name: 'Table' });
    expect(
      within(table)
        .getAllByRole('columnheader')
        .map((head) => head.textContent),
    ).toEqual(['host', 'job', 'Value']);
    expect(table.textContent).toContain('NaN');
    expect(asked(stub, 'query')[0]?.searchParams.get('time')).toBe(String(from + 3600));
  });

  it('shows a number without labels', async () => {
    stubApi({ ...answers, '/prometheus/api/v1/query?': ok({ resultType: 'scalar', result: [from, '42'] }) });
    await renderAt('/explore?q=42&tab=table', <MetricsPage />);
    expect((await screen.findByRole('table', { name: 'Table' })).textContent).toBe('Value42');
  });
});
