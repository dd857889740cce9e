// SPDX-License-Identifier: Apache-2.0
import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, it, vi } from 'vitest';
import { renderAt } from '@/test-utils/render';
import { useStored } from './storage';

afterEach(() => vi.restoreAllMocks());

function Counter() {
  const [count, setCount] = useStored('count', 1);
  return (
    <button type="button" onClick={() => setCount(count + 1)}>
      {count}
    </button>
  );
}

const count = () => screen.getByRole('button').textContent;

it('keeps a preference for the next visit', async () => {
  const { unmount } = await renderAt('/', <Counter />);
  await userEvent.click(screen.getByRole('button'));
  unmount();
  await renderAt('/', <Counter />);
  expect(count()).toBe('2');
});

it('begins anew where what was kept cannot be read', async () => {
  localStorage.setItem('strata.count', '{');
  await renderAt('/', <Counter />);
  expect(count()).toBe('1');
});

it('works for this visit where nothing can be kept', async () => {
  vi.spyOn(Storage.prototype, 'setItem').mockImplementation(() => {
    throw new DOMException('full', 'QuotaExceededError');
  });
  await renderAt('/', <Counter />);
  await userEvent.click(screen.getByRole('button'));
  expect(count()).toBe('2');
});
