// SPDX-License-Identifier: Apache-2.0
import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { aLog } from '@/test-utils/answers';
import { giveHeight, renderAt } from '@/test-utils/render';
import { LogList } from './log-list';

beforeEach(() => giveHeight());
afterEach(() => vi.restoreAllMocks());

const rows = [
  aLog('1', {
    body: 'first',
    severity: 'error',
    attributes: { 'user.id': '7', nested: '{"a":{"b":"c"},"list":["x"]}' },
    resource: { 'host.name': 'web-1' },
  }),
  aLog('2', { body: 'second', trace_id: 'f'.repeat(32), span_id: 'abc', service: 'pay' }),
  aLog('3', { body: '', event_name: 'device.started' }),
];

const lines = () => screen.getAllByTestId('log-row');
const press = (keys: string) => userEvent.keyboard(keys);

describe('the list of log records', () => {
  it('shows a line for each, an event by its name', async () => {
    await renderAt('/?tz=utc', <LogList rows={rows} empty="none" />);
    await waitFor(() => expect(lines()).toHaveLength(3));
    expect(lines()[0]?.textContent).toContain('first');
    expect(lines()[0]?.textContent).toContain('00:00:00.123');
    expect(lines()[2]?.textContent).toContain('device.started');
  });

  it('says that there is none', async () => {
    await renderAt('/', <LogList rows={[]} empty="No records match" />);
    expect(screen.getByText('No records match')).toBeTruthy();
    expect(screen.queryByRole('list')).toBeNull();
  });

  it('opens one record at a time, and closes it by the second click', async () => {
    await renderAt('/', <LogList rows={rows} empty="none" />);
    await waitFor(() => expect(lines()).toHaveLength(3));
    await userEvent.click(lines()[0] as HTMLElement);
    await userEvent.click(lines()[1] as HTMLElement);
    expect(screen.getAllByTestId('log-detail')).toHaveLength(1);
    expect(within(screen.getByTestId('log-detail')).getByText('second')).toBeTruthy();
    await userEvent.click(lines()[1] as HTMLElement);
    expect(screen.queryByTestId('log-detail')).toBeNull();
  });

  it('is read by the keyboard', async () => {
    await renderAt('/', <LogList rows={rows} empty="none" />);
    await waitFor(() => expect(lines()).toHaveLength(3));
    await press('jj{Enter}');
    expect(within(screen.getByTestId('log-detail')).getByText('second')).toBeTruthy();
    await press('k');
    expect(lines()[0]?.getAttribute('data-cursor')).toBe('true');
    await press('{Escape}');
    expect(screen.queryByTestId('log-detail')).toBeNull();
  });

  it('leaves what is open to the page when that keeps it', async () => {
    const onOpen = vi.fn();
    await renderAt('/', <LogList rows={rows} empty="none" open="2" onOpen={onOpen} />);
    expect(within(await screen.findByTestId('log-detail')).getByText('second')).toBeTruthy();
    await userEvent.click(lines()[0] as HTMLElement);
    expect(onOpen).toHaveBeenLastCalledWith('1');
    await userEvent.click(lines()[1] as HTMLElement);
    expect(onOpen).toHaveBeenLastCalledWith(undefined);
  });

  it('asks for more near its end', async () => {
    const onEnd = vi.fn();
    await renderAt('/', <LogList rows={rows} empty="none" onEnd={onEnd} />);
    await waitFor(() => expect(onEnd).toHaveBeenCalled());
  });

  it('does not ask for more far from its end', async () => {
    const onEnd = vi.fn();
    const many = Array.from({ length: 2000 }, (_, i) => aLog(String(i)));
    await renderAt('/', <LogList rows={many} empty="none" onEnd={onEnd} />);
    await waitFor(() => expect(lines().length).toBeGreaterThan(10));
    expect(lines().length).toBeLessThan(200);
    expect(onEnd).not.toHaveBeenCalled();
  });
});

describe('a record', () => {
  const open = async (at: number, props: Partial<Parameters<typeof LogList>[0]> = {}, path = '/') => {
    const view = await renderAt(path, <LogList rows={rows} empty="none" {...props} />);
    await waitFor(() => expect(lines()).toHaveLength(3));
    await userEvent.click(lines()[at] as HTMLElement);
    return view;
  };

  it('filters for a value and out of it, by the name the search language has', async () => {
    const onFilter = vi.fn();
    await open(0, { onFilter });
    await userEvent.click(screen.getByRole('button', { name: 'Filter for user.id' }));
    expect(onFilter).toHaveBeenLastCalledWith('attr.user.id', '7', false);
    await userEvent.click(screen.getByRole('button', { name: 'Filter out level' }));
    expect(onFilter).toHaveBeenLastCalledWith('level', 'error', true);
    await userEvent.click(screen.getByRole('button', { name: 'Filter for host.name' }));
    expect(onFilter).toHaveBeenLastCalledWith('resource.host.name', 'web-1', false);
  });

  it('filters by the path within a map, and not for elements of a list', async () => {
    const onFilter = vi.fn();
    await open(0, { onFilter });
    await userEvent.click(screen.getByRole('button', { name: 'Filter for nested.a.b' }));
    expect(onFilter).toHaveBeenLastCalledWith('attr.nested.a.b', 'c', false);
    expect(screen.queryByRole('button', { name: /Filter for nested\.list/ })).toBeNull();
  });

  it('offers no filter where the page takes none', async () => {
    await open(0);
    expect(screen.queryByRole('button', { name: /^Filter for/ })).toBeNull();
  });

  it('leads to its span, unless it is shown there', async () => {
    await open(1, {}, '/?from=now-5m');
    const link = screen.getByRole('link', { name: 'Open trace' });
    expect(link.getAttribute('href')).toBe(`/traces/${'f'.repeat(32)}?from=now-5m&span=abc%40pay`);
  });

  it('does not lead to the trace it is shown in', async () => {
    await open(1, { hideTrace: true });
    expect(screen.queryByRole('link', { name: 'Open trace' })).toBeNull();
  });
});
