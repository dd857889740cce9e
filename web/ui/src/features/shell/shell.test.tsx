// SPDX-License-Identifier: Apache-2.0
import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { aHost, aService } from '@/test-utils/answers';
import { renderAt, requests, stubApi } from '@/test-utils/render';
import { CommandPalette } from './palette';
import { Rail } from './rail';
import { Shell } from './shell';

const answers = {
  '/api/v1/services': {
    services: [...Array.from({ length: 12 }, (_, i) => aService(`cart-${i}`)), aService('pay')],
    environments: ['prod', 'test'],
    warnings: [],
  },
  '/api/v1/hosts': { hosts: [aHost('web-1'), aHost('pay-host')], warnings: [] },
  '/prometheus/api/v1/alerts': { status: 'success', data: { alerts: [] } },
};

let stub: ReturnType<typeof vi.fn>;
beforeEach(() => {
  stub = stubApi(answers);
});
afterEach(() => vi.unstubAllGlobals());

const box = () => screen.findByRole('textbox', { name: 'Page, service, host or trace id' });
const options = () => screen.getAllByRole('option').map((option) => option.querySelector('.truncate')?.textContent);
const chosen = () =>
  screen.getAllByRole('option').find((option) => option.getAttribute('aria-selected') === 'true')?.textContent;
const where = (router: { history: { location: { pathname: string; search: string } } }) =>
  router.history.location.pathname + decodeURIComponent(router.history.location.search);

describe('the palette', () => {
  const onClose = vi.fn();
  const open = () => renderAt('/?env=prod', <CommandPalette opened onClose={onClose} />);

  it('finds pages, services and hosts by a part of their name', async () => {
    await open();
    await userEvent.type(await box(), 'pay');
    await waitFor(() => expect(options()).toContain('pay'));
    expect(options()).toEqual(['pay', 'pay-host', expect.stringContaining('pay'), expect.stringContaining('pay')]);
  });

  it('goes by the keyboard and stops at the ends', async () => {
    const { router } = await open();
    await userEvent.type(await box(), 'pay');
    await waitFor(() => expect(options()).toHaveLength(4));
    await userEvent.keyboard('{ArrowUp}{ArrowDown}');
    expect(chosen()).toContain('pay-host');
    await userEvent.keyboard('{Enter}');
    expect(where(router)).toBe('/hosts/pay-host?env=prod');
    expect(onClose).toHaveBeenCalled();
  });

  it('begins at the first again when the text changes', async () => {
    await open();
    await userEvent.type(await box(), 'p');
    await userEvent.keyboard('{ArrowDown}{ArrowDown}');
    await userEvent.type(await box(), 'a');
    expect(screen.getAllByRole('option')[0]?.getAttribute('aria-selected')).toBe('true');
  });

  it('opens a trace by its id, as tools write it', async () => {
    const { router } = await open();
    await userEvent.type(await box(), '4BF92F35-77B34DA6-A3CE929D-0E0E4736');
    await userEvent.keyboard('{Enter}');
    expect(where(router)).toBe('/traces/4bf92f3577b34da6a3ce929d0e0e4736?env=prod');
  });

  it('searches for what it does not know', async () => {
    const { router } = await open();
    await userEvent.type(await box(), 'card declined');
    await userEvent.click(screen.getByRole('option', { name: /logs/i }));
    expect(where(router).replaceAll('+', ' ')).toBe('/logs?env=prod&q=card declined');
  });

  it('shows the first of many', async () => {
    await open();
    await userEvent.type(await box(), 'cart-');
    await waitFor(() => expect(options().filter((name) => name?.startsWith('cart-'))).toHaveLength(8));
  });

  it('asks for nothing while it is closed', async () => {
    await renderAt('/', <CommandPalette opened={false} onClose={onClose} />);
    expect(requests(stub)).toHaveLength(0);
  });
});

describe('the rail', () => {
  const firing = {
    status: 'success',
    data: { alerts: [{ state: 'firing' }, { state: 'firing' }, { state: 'pending' }] },
  };

  it('marks the page that is open, also from below it', async () => {
    await renderAt('/services/cart', <Rail wide />);
    const current = screen.getAllByRole('link').filter((link) => link.getAttribute('aria-current') === 'page');
    expect(current.map((link) => link.textContent)).toEqual(['Services']);
  });

  it('counts the alerts that fire', async () => {
    stubApi({ ...answers, '/prometheus/api/v1/alerts': firing });
    await renderAt('/', <Rail wide />);
    await waitFor(() => expect(screen.getByRole('link', { name: 'Alerts' }).textContent).toBe('Alerts2'));
  });

  it('keeps the range and the environment from page to page', async () => {
    await renderAt('/?from=now-5m&env=prod&q=x', <Rail wide />);
    expect(screen.getByRole('link', { name: 'Logs' }).getAttribute('href')).toBe('/logs?from=now-5m&env=prod');
  });
});

describe('the frame', () => {
  it.each([
    ['gs', '/services'],
    ['gl', '/logs'],
    ['go', '/'],
    ['g,', '/settings'],
  ])('goes to a page by %s', async (keys, path) => {
    const { router } = await renderAt('/hosts', <Shell />);
    await userEvent.keyboard(keys);
    expect(router.history.location.pathname).toBe(path);
  });

  it('takes no key for a way to a page while somebody types', async () => {
    const { router } = await renderAt('/hosts', <Shell />);
    await userEvent.keyboard('{Control>}k{/Control}');
    await userEvent.type(await box(), 'gs');
    expect(router.history.location.pathname).toBe('/hosts');
  });

  it('opens and closes the palette by its key', async () => {
    await renderAt('/', <Shell />);
    await userEvent.keyboard('{Control>}k{/Control}');
    expect(await box()).toBeTruthy();
    await userEvent.keyboard('{Escape}');
    await waitFor(() => expect(screen.queryByRole('textbox', { name: 'Page, service, host or trace id' })).toBeNull());
  });

  it('lists its keys on ?', async () => {
    await renderAt('/', <Shell />);
    await userEvent.keyboard('?');
    const dialog = within(await screen.findByRole('dialog'));
    expect(dialog.getByText('g s')).toBeTruthy();
    expect(dialog.getByText('⌘K')).toBeTruthy();
  });

  it('keeps the width of the rail for the next visit', async () => {
    const { unmount } = await renderAt('/', <Shell />);
    await userEvent.click(screen.getByRole('button', { name: 'Expand' }));
    unmount();
    await renderAt('/', <Shell />);
    expect(screen.getByRole('button', { name: 'Collapse' })).toBeTruthy();
  });

  it('names the page, and what is open on it', async () => {
    await renderAt('/middleware/redis/db-1%3A6379', <Shell />);
    expect(screen.getByRole('heading', { level: 1 }).textContent).toBe('db-1:6379');
    expect(screen.getAllByRole('link', { name: 'Middleware' }).length).toBeGreaterThan(0);
  });

  it('switches the environment in the address', async () => {
    const { router } = await renderAt('/', <Shell />);
    await userEvent.click(await screen.findByRole('combobox', { name: 'Environment' }));
    await userEvent.click(await screen.findByRole('option', { name: 'test' }));
    expect(router.history.location.search).toBe('?env=test');
  });

  it('offers no environment where there is one', async () => {
    stubApi({ ...answers, '/api/v1/services': { services: [], environments: ['prod'], warnings: [] } });
    await renderAt('/', <Shell />);
    await waitFor(() => expect(screen.getByTestId('time-range')).toBeTruthy());
    expect(screen.queryByRole('combobox', { name: 'Environment' })).toBeNull();
  });
});
