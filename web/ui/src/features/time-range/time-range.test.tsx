// SPDX-License-Identifier: Apache-2.0
import { fireEvent, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { useView } from '@/state/view';
import { renderAt } from '@/test-utils/render';
import { RefreshControl } from './refresh-control';
import { TimeControl } from './time-control';

afterEach(() => vi.useRealTimers());

const button = () => screen.getByTestId('time-range');
const search = (router: { history: { location: { search: string } } }) =>
  new URLSearchParams(router.history.location.search);

describe('the time control', () => {
  it.each([
    ['/', 'Last 1h'],
    ['/?from=now-7d', 'Last 7d'],
    ['/?from=2026-03-01T08:00:00Z&to=2026-03-01T09:00:00Z&tz=utc', /08:00.*09:00.*UTC/],
  ])('says what %s means', async (path, want) => {
    await renderAt(path, <TimeControl />);
    expect(button().textContent).toMatch(want);
  });

  it('takes a quick range into the address and closes', async () => {
    const { router } = await renderAt('/?env=prod', <TimeControl />);
    await userEvent.click(button());
    await userEvent.click(await screen.findByRole('button', { name: '24h' }));
    expect(search(router).get('from')).toBe('now-24h');
    expect(search(router).get('env')).toBe('prod');
    expect(button().textContent).toBe('Last 24h');
    await waitFor(() => expect(screen.queryByRole('button', { name: '15m' })).toBeNull());
  });

  it('leaves the default out of the address', async () => {
    const { router } = await renderAt('/?from=now-6h', <TimeControl />);
    await userEvent.click(button());
    await userEvent.click(await screen.findByRole('button', { name: '1h' }));
    expect(router.history.location.search).toBe('');
  });

  it('goes back to the range before', async () => {
    const { router } = await renderAt('/?from=now-6h', <TimeControl />);
    await userEvent.click(button());
    await userEvent.click(await screen.findByRole('button', { name: '5m' }));
    router.history.back();
    await waitFor(() => expect(button().textContent).toBe('Last 6h'));
  });

  it('takes times as they are typed', async () => {
    const { router } = await renderAt('/?tz=utc', <TimeControl />);
    await userEvent.click(button());
    fireEvent.change(await screen.findByLabelText('From'), { target: { value: '2026-03-01 08:00' } });
    fireEvent.change(screen.getByLabelText('To'), { target: { value: '2026-03-01 09:30' } });
    await userEvent.click(screen.getByRole('button', { name: 'Apply' }));
    expect(Date.parse(search(router).get('from') ?? '')).toBe(Date.parse('2026-03-01T08:00:00Z'));
    expect(Date.parse(search(router).get('to') ?? '')).toBe(Date.parse('2026-03-01T09:30:00Z'));
  });

  it.each([
    ['yesterday-ish', 'now', 'This time cannot be read'],
    ['2026-03-02 00:00', '2026-03-01 00:00', 'The end must be after the start'],
  ])('refuses from %s to %s and says why', async (from, to, want) => {
    const { router } = await renderAt('/', <TimeControl />);
    await userEvent.click(button());
    fireEvent.change(await screen.findByLabelText('From'), { target: { value: from } });
    fireEvent.change(screen.getByLabelText('To'), { target: { value: to } });
    await userEvent.click(screen.getByRole('button', { name: 'Apply' }));
    expect(screen.getByLabelText('To').closest('div')?.parentElement?.textContent).toContain(want);
    expect(router.history.location.search).toBe('');
  });

  it('switches the zone in the address', async () => {
    const { router } = await renderAt('/', <TimeControl />);
    await userEvent.click(button());
    await userEvent.click(await screen.findByLabelText('UTC'));
    expect(search(router).get('tz')).toBe('utc');
  });

  it('undoes a zoom', async () => {
    function Zoom() {
      const { zoom } = useView();
      return (
        <button type="button" onClick={() => zoom(1_772_352_000, 1_772_352_060)}>
          zoom
        </button>
      );
    }
    const { router } = await renderAt(
      '/?from=now-6h',
      <>
        <TimeControl />
        <Zoom />
      </>,
    );
    expect(screen.queryByRole('button', { name: 'Undo zoom' })).toBeNull();
    await userEvent.click(screen.getByText('zoom'));
    expect(search(router).get('from')).toContain('2026-03-01');
    await userEvent.click(screen.getByRole('button', { name: 'Undo zoom' }));
    expect(button().textContent).toBe('Last 6h');
    expect(screen.queryByRole('button', { name: 'Undo zoom' })).toBeNull();
  });
});

describe('the refresh control', () => {
  it('keeps the interval in the address', async () => {
    const { router } = await renderAt('/', <RefreshControl />);
    await userEvent.click(screen.getByRole('button', { name: 'Refresh interval' }));
    await userEvent.click(await screen.findByRole('menuitem', { name: '30 s' }));
    expect(search(router).get('refresh')).toBe('30');
    await userEvent.click(screen.getByRole('button', { name: 'Refresh interval' }));
    await userEvent.click(await screen.findByRole('menuitem', { name: 'Off' }));
    expect(router.history.location.search).toBe('');
  });

  it('moves a relative range on at each interval, and not while the page is hidden', async () => {
    vi.useFakeTimers({ now: Date.parse('2026-03-01T00:00:00Z'), toFake: ['Date', 'setInterval', 'clearInterval'] });
    const hidden = vi.spyOn(document, 'visibilityState', 'get');
    function End() {
      return <output>{useView().range.end}</output>;
    }
    await renderAt('/?refresh=10', <End />);
    const end = () => Number(screen.getByRole('status').textContent);
    const first = end();
    await vi.advanceTimersByTimeAsync(10_000);
    await waitFor(() => expect(end()).toBe(first + 10));
    hidden.mockReturnValue('hidden');
    await vi.advanceTimersByTimeAsync(30_000);
    expect(end()).toBe(first + 10);
    hidden.mockRestore();
  });

  it('refreshes at once', async () => {
    vi.useFakeTimers({ now: Date.parse('2026-03-01T00:00:00Z'), toFake: ['Date'] });
    function End() {
      return <output>{useView().range.end}</output>;
    }
    await renderAt(
      '/',
      <>
        <RefreshControl />
        <End />
      </>,
    );
    const first = Number(screen.getByRole('status').textContent);
    vi.setSystemTime(Date.parse('2026-03-01T00:01:00Z'));
    fireEvent.click(screen.getByRole('button', { name: 'Refresh' }));
    expect(Number(screen.getByRole('status').textContent)).toBe(first + 60);
  });
});
