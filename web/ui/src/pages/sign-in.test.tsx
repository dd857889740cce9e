// SPDX-License-Identifier: Apache-2.0
import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, it, vi } from 'vitest';
import { setSignInNeeded, useSignInNeeded } from '@/state/auth';
import { changes, failure, renderAt, stubApi } from '@/test-utils/render';
import { SignIn } from './sign-in';

afterEach(() => {
  vi.unstubAllGlobals();
  setSignInNeeded(false);
});

function Gate() {
  return useSignInNeeded() ? <SignIn /> : <output>inside</output>;
}

const submit = () => screen.getByRole<HTMLButtonElement>('button', { name: 'Sign in' });

it('signs in and goes on to the page', async () => {
  const stub = stubApi({ '/api/v1/session': () => new Response(null, { status: 204 }) });
  setSignInNeeded(true);
  await renderAt('/', <Gate />);
  expect(submit().disabled).toBe(true);
  await userEvent.type(screen.getByLabelText('Key'), '  strata_abc {Enter}');
  expect(await screen.findByText('inside')).toBeTruthy();
  expect(changes(stub)).toEqual([{ method: 'POST', path: '/api/v1/session', body: { key: 'strata_abc' } }]);
});

it('says that a key is no good, and not how', async () => {
  stubApi({ '/api/v1/session': failure(401, 'unauthenticated') });
  setSignInNeeded(true);
  await renderAt('/', <Gate />);
  await userEvent.type(screen.getByLabelText('Key'), 'wrong');
  await userEvent.click(submit());
  expect((await screen.findByRole('alert')).textContent).toBe(
    'The key is not valid: it is unknown, expired or revoked',
  );
  await waitFor(() => expect(submit().disabled).toBe(false));
  expect(screen.queryByText('inside')).toBeNull();
});

it('tells a server that is away from a wrong key', async () => {
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('failed to fetch')));
  setSignInNeeded(true);
  await renderAt('/', <Gate />);
  await userEvent.type(screen.getByLabelText('Key'), 'right{Enter}');
  expect((await screen.findByRole('alert')).textContent).toContain('The server does not answer');
});

it.each([
  [403, 'the scope read or admin is needed', 'Not allowed with this key: the scope read or admin is needed'],
  [429, 'too many keys were tried', 'Too many requests: too many keys were tried'],
  [400, 'the body is not JSON', 'The request was not understood: the body is not JSON'],
])('says of a %d what the server says', async (status, message, said) => {
  stubApi({ '/api/v1/session': failure(status, message) });
  setSignInNeeded(true);
  await renderAt('/', <Gate />);
  await userEvent.type(screen.getByLabelText('Key'), 'ingest{Enter}');
  expect((await screen.findByRole('alert')).textContent).toBe(said);
});
