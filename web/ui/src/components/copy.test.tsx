// SPDX-License-Identifier: Apache-2.0
import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, it, vi } from 'vitest';
import { renderAt } from '@/test-utils/render';
import { CodeBlock, CopyButton, copyText } from './copy';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

it('copies without what is around it noticing the click', async () => {
  const user = userEvent.setup();
  const row = vi.fn();
  await renderAt(
    '/',
    // biome-ignore lint/a11y/useKeyWithClickEvents: a row of a table
    // biome-ignore lint/a11y/noStaticElementInteractions: a row of a table
    <div onClick={row}>
      <CopyButton text="secret" label="Copy id" />
    </div>,
  );
  await user.click(screen.getByRole('button', { name: 'Copy id' }));
  expect(await navigator.clipboard.readText()).toBe('secret');
  expect(row).not.toHaveBeenCalled();
});

it('copies code as it is', async () => {
  const user = userEvent.setup();
  await renderAt('/', <CodeBlock text={'a: 1\nb: 2\n'} />);
  await user.click(screen.getByRole('button', { name: 'Copy' }));
  expect(await navigator.clipboard.readText()).toBe('a: 1\nb: 2\n');
});

it('copies where the page has no clipboard, and leaves nothing behind', async () => {
  vi.stubGlobal('navigator', { ...navigator, clipboard: undefined });
  let copied = '';
  document.execCommand = () => {
    copied = document.querySelector('textarea')?.value ?? '';
    return true;
  };
  await copyText('over plain HTTP');
  expect(copied).toBe('over plain HTTP');
  await waitFor(() => expect(document.querySelector('textarea')).toBeNull());
});
