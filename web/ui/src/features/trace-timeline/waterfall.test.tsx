// SPDX-License-Identifier: Apache-2.0
import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Span } from '@/api/traces';
import { aSpan } from '@/test-utils/answers';
import { giveHeight, renderAt } from '@/test-utils/render';
import { buildTree } from './tree';
import { Waterfall } from './waterfall';

beforeEach(() => giveHeight());
afterEach(() => vi.restoreAllMocks());

/** gateway calls cart, which calls a database twice, the second time in vain; an orphan stands beside. */
const spans = [
  aSpan('a', '', { name: 'GET /', service: 'gateway', duration_ns: 1000e6 }),
  aSpan('b', 'a', { name: 'cart', offset_ns: 100e6, duration_ns: 800e6 }),
  aSpan('c', 'b', { name: 'SELECT', offset_ns: 200e6, duration_ns: 100e6 }),
  aSpan('d', 'b', { name: 'UPDATE', offset_ns: 400e6, duration_ns: 200e6, status: 'error' }),
  aSpan('e', 'missing', { name: 'lost', offset_ns: 950e6, duration_ns: 10e6, clock_skew_ns: -5e6 }),
];

interface Options {
  spans?: Span[];
  complete?: boolean;
  matched?: ReadonlySet<number>;
  initial?: string;
  reveal?: { row: number };
}

/** The timeline with the selection of its page; what is selected stands beside it. */
function Timeline({ spans: given = spans, complete = true, matched, initial, reveal }: Options) {
  const [selected, setSelected] = useState<string | undefined>(initial);
  const [tree] = useState(() => buildTree(given));
  return (
    <>
      <Waterfall
        tree={tree}
        durationNs={1000e6}
        complete={complete}
        selected={selected}
        onSelect={setSelected}
        matched={matched ?? null}
        reveal={reveal ?? null}
      />
      <output>{selected ?? 'nothing'}</output>
    </>
  );
}

const names = () =>
  screen
    .getAllByRole('treeitem')
    .map(
      (row) =>
        within(row).getByText(/GET|cart|SELECT|UPDATE|lost|work/, { selector: '[class*=operation]' }).textContent,
    );
const selected = () => screen.getByRole('status').textContent;
const rowOf = (name: string) =>
  screen.getByText(name, { selector: '[class*=operation]' }).closest('[role=treeitem]') as HTMLElement;
const press = (keys: string) => userEvent.keyboard(keys);

describe('the timeline of a trace', () => {
  it('shows every span below its parent, as deep as it is', async () => {
    await renderAt('/', <Timeline />);
    await waitFor(() => expect(names()).toEqual(['GET /', 'cart', 'SELECT', 'UPDATE', 'lost']));
    expect(screen.getAllByRole('treeitem').map((row) => row.getAttribute('aria-level'))).toEqual([
      '1',
      '2',
      '3',
      '3',
      '1',
    ]);
  });

  it('marks errors, corrected clocks and missing parents', async () => {
    await renderAt('/', <Timeline />);
    await waitFor(() => expect(rowOf('UPDATE')).toBeTruthy());
    expect(within(rowOf('UPDATE')).getByLabelText('error')).toBeTruthy();
    expect(within(rowOf('SELECT')).queryByLabelText('error')).toBeNull();
    expect(within(rowOf('lost')).getByLabelText('parent missing')).toBeTruthy();
    expect(within(rowOf('lost')).getByRole('img', { name: /The clock of this host is 5 ms/ })).toBeTruthy();
  });

  it('calls no parent missing while pages are on their way', async () => {
    await renderAt('/', <Timeline complete={false} />);
    await waitFor(() => expect(rowOf('lost')).toBeTruthy());
    expect(screen.queryByLabelText('parent missing')).toBeNull();
  });

  it('moves with j and k and stops at the ends', async () => {
    await renderAt('/', <Timeline />);
    await waitFor(() => expect(names()).toHaveLength(5));
    await press('jj');
    expect(selected()).toBe('b');
    await press('kkk');
    expect(selected()).toBe('a');
    await press('{End}j');
    expect(selected()).toBe('e');
    await press('{Home}');
    expect(selected()).toBe('a');
  });

  it('folds and unfolds with the arrows, going up and down where there is nothing to fold', async () => {
    await renderAt('/', <Timeline initial="d" />);
    await waitFor(() => expect(names()).toHaveLength(5));
    await press('{ArrowLeft}');
    expect(selected()).toBe('b');
    await press('{ArrowLeft}');
    expect(names()).toEqual(['GET /', 'cart', 'lost']);
    expect(within(rowOf('cart')).getByText('+2').getAttribute('data-bad')).toBe('true');
    expect(rowOf('cart').getAttribute('aria-expanded')).toBe('false');
    await press('{ArrowRight}');
    expect(names()).toHaveLength(5);
    await press('{ArrowRight}');
    expect(selected()).toBe('c');
  });

  it('folds everything below the roots with c and opens all with e', async () => {
    await renderAt('/', <Timeline />);
    await waitFor(() => expect(names()).toHaveLength(5));
    await press('c');
    expect(names()).toEqual(['GET /', 'cart', 'lost']);
    await press('e');
    expect(names()).toHaveLength(5);
  });

  it('folds by the button without selecting', async () => {
    await renderAt('/', <Timeline />);
    await waitFor(() => expect(names()).toHaveLength(5));
    await userEvent.click(within(rowOf('cart')).getByRole('button', { name: 'Collapse' }));
    expect(names()).toEqual(['GET /', 'cart', 'lost']);
    expect(selected()).toBe('nothing');
    await userEvent.click(within(rowOf('cart')).getByRole('button', { name: 'Expand' }));
    expect(names()).toHaveLength(5);
  });

  it('selects by a click and lets go with Escape', async () => {
    await renderAt('/', <Timeline />);
    await waitFor(() => expect(names()).toHaveLength(5));
    await userEvent.click(rowOf('SELECT'));
    expect(selected()).toBe('c');
    expect(rowOf('SELECT').getAttribute('aria-selected')).toBe('true');
    await press('{Escape}');
    expect(selected()).toBe('nothing');
  });

  it('fades what a search did not find', async () => {
    await renderAt('/', <Timeline matched={new Set([2])} />);
    await waitFor(() => expect(names()).toHaveLength(5));
    const faded = screen.getAllByRole('treeitem').map((row) => row.getAttribute('data-faded') === 'true');
    expect(faded).toEqual([true, true, false, true, true]);
  });

  it('opens what hides a span that is to be shown', async () => {
    const { unmount } = await renderAt('/', <Timeline />);
    await waitFor(() => expect(names()).toHaveLength(5));
    unmount();
    function Finding() {
      const [reveal, setReveal] = useState<{ row: number }>();
      return (
        <>
          <button type="button" onClick={() => setReveal({ row: 3 })}>
            find
          </button>
          <Timeline reveal={reveal} />
        </>
      );
    }
    await renderAt('/', <Finding />);
    await waitFor(() => expect(names()).toHaveLength(5));
    await press('c');
    expect(screen.queryByText('UPDATE')).toBeNull();
    await userEvent.click(screen.getByText('find'));
    await waitFor(() => expect(names()).toContain('UPDATE'));
  });

  it('draws bars where and as long as spans are', async () => {
    await renderAt('/', <Timeline />);
    await waitFor(() => expect(rowOf('UPDATE')).toBeTruthy());
    const bar = rowOf('UPDATE').querySelector<HTMLElement>('[class*=bar]');
    expect(bar?.style.left).toBe('40%');
    expect(bar?.dataset.bad).toBe('true');
    expect(within(rowOf('UPDATE')).getByText('200 ms')).toBeTruthy();
  });

  it('zooms into a part of the overview, and out again', async () => {
    vi.spyOn(HTMLElement.prototype, 'getBoundingClientRect').mockReturnValue(
      DOMRect.fromRect({ width: 1000, height: 50 }),
    );
    await renderAt('/', <Timeline />);
    await waitFor(() => expect(rowOf('UPDATE')).toBeTruthy());
    const map = screen.getByRole('img', { name: 'Overview of the trace' });
    map.setPointerCapture = () => undefined;
    fireEvent.pointerDown(map, { clientX: 400, pointerId: 1 });
    fireEvent.pointerMove(map, { clientX: 600, pointerId: 1 });
    fireEvent.pointerUp(map, { clientX: 600, pointerId: 1 });
    const bar = () => rowOf('UPDATE').querySelector<HTMLElement>('[class*=bar]')?.style.left;
    await waitFor(() => expect(bar()).toBe('0%'));
    expect(rowOf('SELECT').querySelector('[class*=bar]')).toBeNull();
    await press('{Escape}');
    expect(bar()).toBe('40%');
  });

  it('draws only the rows in sight of a long trace', async () => {
    const many = [
      aSpan('root', ''),
      ...Array.from({ length: 5000 }, (_, i) => aSpan(`s${i}`, 'root', { offset_ns: i })),
    ];
    await renderAt('/', <Timeline spans={many} />);
    await waitFor(() => expect(screen.getAllByRole('treeitem').length).toBeGreaterThan(10));
    expect(screen.getAllByRole('treeitem').length).toBeLessThan(100);
  });
});
