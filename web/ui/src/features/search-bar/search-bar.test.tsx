// SPDX-License-Identifier: Apache-2.0
import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { useSearchParams } from '@/state/navigation';
import { renderAt, requests, stubApi } from '@/test-utils/render';
import { Facets } from './facets';
import { SearchBar } from './search-bar';

afterEach(() => vi.unstubAllGlobals());

const answers = {
  '/api/v1/fields?': {
    fields: [
      { name: 'service', type: 'string' },
      { name: 'status', type: 'string' },
      { name: 'attr.user.service', type: 'string' },
    ],
  },
  '/api/v1/fields/values': { values: ['cart', 'card service', 'checkout'] },
};

const input = () => screen.getByRole<HTMLInputElement>('combobox', { name: 'Search spans' });
const options = () =>
  within(screen.getByRole('listbox'))
    .getAllByRole('option')
    .map((option) => option.firstElementChild?.textContent);
const picked = () =>
  screen.getAllByRole('option').find((option) => option.getAttribute('aria-selected') === 'true')?.firstElementChild
    ?.textContent;

let submitted: ReturnType<typeof vi.fn<(query: string) => void>>;
let stub: ReturnType<typeof vi.fn>;

beforeEach(async () => {
  stub = stubApi(answers);
  submitted = vi.fn();
});

const open = (value = '') =>
  renderAt('/', <SearchBar signal="traces" value={value} onSubmit={submitted} placeholder="Search spans" />);

describe('the search bar', () => {
  it('submits what was typed, without the spaces around it', async () => {
    await open();
    await userEvent.type(input(), '  checkout {Escape}{Enter}');
    expect(submitted).toHaveBeenCalledWith('checkout');
  });

  it('follows the address when that changes', async () => {
    function Page() {
      const { q = '' } = useSearchParams();
      return <SearchBar signal="traces" value={q} onSubmit={submitted} placeholder="Search spans" />;
    }
    const { router } = await renderAt('/?q=a', <Page />);
    await userEvent.type(input(), 'bc');
    expect(input().value).toBe('abc');
    router.history.push('/?q=other');
    await waitFor(() => expect(input().value).toBe('other'));
  });

  it('offers fields, those that begin as typed first', async () => {
    await open();
    await userEvent.type(input(), 'serv');
    await waitFor(() => expect(options()).toEqual(['service', 'attr.user.service']));
  });

  it('asks for values of the field before the colon', async () => {
    await open();
    await userEvent.type(input(), 'service:c');
    await waitFor(() => expect(options()).toEqual(['cart', 'card service', 'checkout']));
    const asked = requests(stub).filter((url) => url.pathname === '/api/v1/fields/values');
    expect(asked.at(-1)?.searchParams.get('field')).toBe('service');
    expect(asked.at(-1)?.searchParams.get('prefix')).toBe('c');
  });

  it('completes with Tab: a field gets its colon, a value its quotes where it needs them', async () => {
    await open();
    await userEvent.type(input(), 'servi');
    await waitFor(() => expect(options()[0]).toBe('service'));
    await userEvent.keyboard('{Tab}');
    expect(input().value).toBe('service:');
    await userEvent.type(input(), 'card');
    await waitFor(() => expect(options()).toEqual(['card service']));
    await userEvent.keyboard('{Tab}');
    expect(input().value).toBe('service:"card service" ');
    expect(submitted).not.toHaveBeenCalled();
  });

  it('moves through the suggestions with the arrows, round the ends', async () => {
    await open();
    await userEvent.type(input(), 'service:c');
    await waitFor(() => expect(options()).toHaveLength(3));
    await userEvent.keyboard('{ArrowDown}{ArrowDown}');
    expect(picked()).toBe('card service');
    await userEvent.keyboard('{ArrowUp}{ArrowUp}');
    expect(picked()).toBe('checkout');
    await userEvent.keyboard('{ArrowDown}');
    expect(picked()).toBe('cart');
  });

  it('takes the picked suggestion with Enter and submits with the next', async () => {
    await open();
    await userEvent.type(input(), 'service:c');
    await waitFor(() => expect(options()).toHaveLength(3));
    await userEvent.keyboard('{ArrowDown}{Enter}');
    expect(input().value).toBe('service:cart ');
    expect(submitted).not.toHaveBeenCalled();
    await userEvent.keyboard('{Escape}{Enter}');
    expect(submitted).toHaveBeenCalledWith('service:cart');
  });

  it('takes a suggestion with the mouse and keeps the rest of the query', async () => {
    await open('error:true service:ch duration>1s');
    await userEvent.click(input());
    input().setSelectionRange(21, 21);
    await userEvent.keyboard('{Shift}');
    await waitFor(() => expect(options()).toContain('checkout'));
    await userEvent.click(screen.getByText('checkout'));
    expect(input().value).toBe('error:true service:checkout duration>1s');
  });

  it('closes the suggestions with Escape, and leaves the field with the next', async () => {
    await open();
    await userEvent.type(input(), 'ser');
    await waitFor(() => expect(options()).toBeTruthy());
    await userEvent.keyboard('{Escape}');
    expect(screen.queryByRole('listbox')).toBeNull();
    expect(document.activeElement).toBe(input());
    await userEvent.keyboard('{Escape}');
    expect(document.activeElement).not.toBe(input());
  });

  it('offers nothing within a phrase', async () => {
    await open();
    await userEvent.type(input(), '"card decl');
    expect(screen.queryByRole('listbox')).toBeNull();
  });

  it('is cleared by its button', async () => {
    await open('service:cart');
    await userEvent.click(screen.getByRole('button', { name: 'Clear' }));
    expect(input().value).toBe('');
    expect(submitted).toHaveBeenCalledWith('');
    expect(screen.queryByRole('button', { name: 'Clear' })).toBeNull();
  });

  it('still takes a query while completion fails', async () => {
    stubApi({});
    await open();
    await userEvent.type(input(), 'service:x{Enter}');
    expect(submitted).toHaveBeenCalledWith('service:x');
  });

  it('explains its language', async () => {
    await open();
    await userEvent.click(screen.getByRole('button', { name: 'Search language' }));
    expect(await screen.findByText('duration>500ms')).toBeTruthy();
  });
});

describe('facets', () => {
  const data = {
    facets: [
      {
        field: 'service',
        distinct: 5000,
        values: Array.from({ length: 8 }, (_, i) => ({ value: `s${i}`, count: 1000 * (8 - i) })),
      },
      { field: 'env', distinct: 0, values: [] },
      { field: 'host', distinct: 1, values: [{ value: '', count: 3 }] },
    ],
    warnings: [],
  };

  it('lists the first values, and the others when asked', async () => {
    await renderAt('/', <Facets data={data} query="" onQuery={vi.fn<(query: string) => void>()} />);
    expect(screen.queryByText('s6')).toBeNull();
    expect(screen.queryByText('env')).toBeNull();
    expect(screen.getByText('8 k')).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: /2 more/ }));
    expect(screen.getByText('s7')).toBeTruthy();
    expect(screen.getByText('4992 rarer values are not listed')).toBeTruthy();
  });

  it('adds a term, shows it as pressed and takes it away again', async () => {
    const onQuery = vi.fn<(query: string) => void>();
    const { unmount } = await renderAt('/', <Facets data={data} query="error:true" onQuery={onQuery} />);
    await userEvent.click(screen.getByText('s1'));
    expect(onQuery).toHaveBeenLastCalledWith('error:true service:s1');
    unmount();
    await renderAt('/', <Facets data={data} query="error:true service:s1" onQuery={onQuery} />);
    const button = screen.getByRole('button', { pressed: true });
    await userEvent.click(button);
    expect(onQuery).toHaveBeenLastCalledWith('error:true');
  });

  it('searches for records without the field', async () => {
    const onQuery = vi.fn<(query: string) => void>();
    await renderAt('/', <Facets data={data} query="" onQuery={onQuery} />);
    await userEvent.click(screen.getByRole('button', { name: /3$/ }));
    expect(onQuery).toHaveBeenCalledWith('host:""');
  });
});
