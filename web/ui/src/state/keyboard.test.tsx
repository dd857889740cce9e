// SPDX-License-Identifier: Apache-2.0
import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { renderAt } from '@/test-utils/render';
import { focusSearch, type Keymap, useKeymap } from './keyboard';

let pressed: string[];
beforeEach(() => {
  pressed = [];
});
afterEach(() => vi.restoreAllMocks());

const keymap: Keymap = Object.fromEntries(
  ['j', 'g s', 's', 'mod+k', '?'].map((keys) => [keys, () => void pressed.push(keys)]),
);

function Page({ enabled = true, children }: { enabled?: boolean; children?: React.ReactNode }) {
  useKeymap(keymap, enabled);
  return children;
}

describe('shortcuts', () => {
  it('fire for keys, sequences and modifiers', async () => {
    await renderAt('/', <Page />);
    await userEvent.keyboard('jgs?{Control>}k{/Control}{Meta>}k{/Meta}');
    expect(pressed).toEqual(['j', 'g s', '?', 'mod+k', 'mod+k']);
  });

  it('take the second key for itself when it comes late', async () => {
    const clock = vi.spyOn(performance, 'now').mockReturnValue(1000);
    await renderAt('/', <Page />);
    await userEvent.keyboard('g');
    clock.mockReturnValue(3000);
    await userEvent.keyboard('s');
    expect(pressed).toEqual(['s']);
  });

  it('leave keys to whoever types, but for those with a modifier', async () => {
    await renderAt(
      '/',
      <Page>
        <input aria-label="text" />
      </Page>,
    );
    await userEvent.type(screen.getByLabelText('text'), 'jgs?');
    expect(pressed).toEqual([]);
    expect(screen.getByLabelText<HTMLInputElement>('text').value).toBe('jgs?');
    await userEvent.keyboard('{Control>}k{/Control}');
    expect(pressed).toEqual(['mod+k']);
  });

  it('leave keys to a layer that is open, and not to one that is hidden', async () => {
    const { unmount } = await renderAt(
      '/',
      <Page>
        <div role="menu" />
      </Page>,
    );
    await userEvent.keyboard('j');
    expect(pressed).toEqual([]);
    unmount();
    await renderAt(
      '/',
      <Page>
        <div style={{ display: 'none' }}>
          <div role="menu" />
        </div>
      </Page>,
    );
    await userEvent.keyboard('j');
    expect(pressed).toEqual(['j']);
  });

  it('do nothing while they are off, and after the page has gone', async () => {
    const { unmount } = await renderAt('/', <Page enabled={false} />);
    await userEvent.keyboard('j');
    unmount();
    const other = await renderAt('/', <Page />);
    other.unmount();
    await userEvent.keyboard('j');
    expect(pressed).toEqual([]);
  });
});

describe('the way to the search', () => {
  it.each([
    ['a field', <input key="a" data-search aria-label="search" />],
    [
      'a field within',
      <div key="b" data-search>
        <input aria-label="search" />
      </div>,
    ],
  ])('is %s', async (_name, node) => {
    await renderAt('/', node);
    focusSearch();
    expect(document.activeElement).toBe(screen.getByLabelText('search'));
  });
});
