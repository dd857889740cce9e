// SPDX-License-Identifier: Apache-2.0
import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, it, vi } from 'vitest';
import type { Notifier } from '@/api/alerts';
import { renderAt, stubApi } from '@/test-utils/render';
import { Notifiers } from './notifiers';

afterEach(() => vi.unstubAllGlobals());

const notifier = (name: string, more: Partial<Notifier> = {}): Notifier => ({
  id: name,
  name,
  type: 'webhook',
  config: { url: `https://${name}.example/hook`, allow_private: false, secret_set: true },
  send_resolved: true,
  enabled: true,
  last_attempt: null,
  last_status: 'never',
  last_error: '',
  pending: 0,
  ...more,
});

const list = (...notifiers: Notifier[]) => ({ '/api/v1/notifiers': { notifiers, warnings: [] as string[] } });

const refusal = (field: string, message: string) =>
  Response.json({ error: { code: 'bad_request', message, details: { field } } }, { status: 400 });

/** What was sent with that method, by path. */
const sent = (stub: ReturnType<typeof vi.fn>, method: string) =>
  stub.mock.calls
    .filter(([, init]) => init?.method === method)
    .map(([path, init]) => [path, init.body === undefined ? undefined : JSON.parse(init.body)]);

it('lists notifiers with where they send to and how they do', async () => {
  stubApi(
    list(
      notifier('pager', { last_status: 'ok', last_attempt: '2026-03-01T00:00:00Z' }),
      notifier('chat', { last_status: 'failing', last_error: 'receiver answered 500', pending: 3 }),
      notifier('old', { enabled: false }),
    ),
  );
  await renderAt('/alerts', <Notifiers />);
  const row = async (name: string) => (await screen.findByText(name)).closest('[role="row"]')?.textContent;
  expect(await row('pager')).toContain('https://pager.example/hook');
  expect(await row('pager')).toContain('ok');
  expect(await row('chat')).toContain('failing');
  expect(screen.getByTitle('receiver answered 500')).toBeTruthy();
  expect(await row('old')).toContain('disabled');
});

it('says that there is none', async () => {
  stubApi(list());
  await renderAt('/alerts', <Notifiers />);
  expect(await screen.findByText('No notifiers yet')).toBeTruthy();
  expect(screen.getByRole('button', { name: 'Add notifier' })).toBeTruthy();
});

it('says what failed', async () => {
  stubApi({});
  await renderAt('/alerts', <Notifiers />);
  expect(await screen.findByRole('alert')).toBeTruthy();
});

it('shows a notifier of a type that it does not know', async () => {
  stubApi({
    '/api/v1/notifiers': {
      notifiers: [{ ...notifier('loft'), type: 'pigeon', config: {} }],
      warnings: ['notifier loft: type: "pigeon" is none of webhook'],
    },
  });
  await renderAt('/alerts', <Notifiers />);
  expect(await screen.findByText(/is none of webhook/)).toBeTruthy();
  await userEvent.click(screen.getByText('loft'));
  const form = await screen.findByRole('dialog');
  expect(within(form).queryByRole('textbox', { name: 'URL' })).toBeNull();
  await userEvent.click(within(form).getByRole('combobox', { name: /Type/ }));
  await userEvent.click(await screen.findByRole('option', { name: 'Webhook' }));
  expect(within(form).getByRole('textbox', { name: /URL/ })).toBeTruthy();
});

it('creates a webhook', async () => {
  const stub = stubApi(list());
  await renderAt('/alerts', <Notifiers />);
  await userEvent.click(await screen.findByRole('button', { name: 'Add notifier' }));
  const form = await screen.findByRole('dialog');
  await userEvent.type(within(form).getByRole('textbox', { name: /Name/ }), 'pager');
  await userEvent.type(within(form).getByRole('textbox', { name: /URL/ }), 'https://x.example');
  await userEvent.type(within(form).getByLabelText('Secret'), '0123456789');
  await userEvent.click(within(form).getByRole('switch', { name: 'Send when resolved' }));
  await userEvent.click(within(form).getByRole('button', { name: 'Save' }));
  await vi.waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(sent(stub, 'POST')).toEqual([
    [
      '/api/v1/notifiers',
      {
        name: 'pager',
        type: 'webhook',
        config: { url: 'https://x.example', allow_private: false, secret: '0123456789' },
        send_resolved: false,
        enabled: true,
      },
    ],
  ]);
});

it('keeps a secret that nobody enters anew, and removes it when asked', async () => {
  const stub = stubApi({ ...list(notifier('pager')), '/api/v1/notifiers/': {} });
  await renderAt('/alerts', <Notifiers />);
  const edit = async () => {
    await userEvent.click(await screen.findByText('pager'));
    return within(await screen.findByRole('dialog'));
  };
  const save = async (form: ReturnType<typeof within>) => {
    await userEvent.click(form.getByRole('button', { name: 'Save' }));
    await vi.waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
    return sent(stub, 'PUT').at(-1)?.[1].config;
  };
  let form = await edit();
  expect(form.getByText('A secret is set. Leave empty to keep it.')).toBeTruthy();
  await userEvent.click(form.getByRole('switch', { name: /Allow private addresses/ }));
  expect(await save(form)).toEqual({ url: 'https://pager.example/hook', allow_private: true, secret_set: true });

  form = await edit();
  await userEvent.type(form.getByLabelText('Secret'), 'another one');
  await userEvent.clear(form.getByLabelText('Secret'));
  expect('secret' in (await save(form))).toBe(false);

  form = await edit();
  await userEvent.click(form.getByRole('checkbox', { name: 'Remove the secret' }));
  expect((form.getByLabelText('Secret') as HTMLInputElement).disabled).toBe(true);
  expect((await save(form)).secret).toBe('');
});

it('shows what the server refuses beside the field, and anything else below', async () => {
  let answer = refusal('config.url', 'config.url: url: address is not allowed');
  const stub = stubApi(list());
  const fetch = stub.getMockImplementation() as (path: string) => Promise<Response>;
  stub.mockImplementation(async (path: string, init?: RequestInit) =>
    init?.method === 'POST' ? answer.clone() : fetch(path),
  );
  await renderAt('/alerts', <Notifiers />);
  await userEvent.click(await screen.findByRole('button', { name: 'Add notifier' }));
  const form = within(await screen.findByRole('dialog'));
  await userEvent.type(form.getByRole('textbox', { name: /Name/ }), 'pager');
  await userEvent.type(form.getByRole('textbox', { name: /URL/ }), 'http://10.0.0.1');
  const save = () => userEvent.click(form.getByRole('button', { name: 'Save' }));
  await save();
  expect(await form.findByText('url: address is not allowed')).toBeTruthy();
  expect(form.getByRole('textbox', { name: /URL/ }).getAttribute('aria-invalid')).toBe('true');
  expect(form.queryByRole('alert')).toBeNull();

  for (const field of ['name', 'config.secret']) {
    answer = refusal(field, `${field}: ${field} is no good`);
    await save();
    expect(await form.findByText(`${field} is no good`)).toBeTruthy();
    expect(form.queryByRole('alert')).toBeNull();
  }

  answer = Response.json({ error: { code: 'conflict', message: 'the name is taken', details: {} } }, { status: 409 });
  await save();
  expect((await form.findByRole('alert')).textContent).toContain('the name is taken');
  answer = refusal('config.colour', 'config.colour: unknown');
  await save();
  expect((await form.findByRole('alert')).textContent).toContain('config.colour: unknown');
});

it('says how a test went', async () => {
  const answers: Record<string, unknown> = {
    ...list(notifier('pager')),
    '/api/v1/notifiers/pager/test': { ok: false, error: 'receiver answered 500: no way' },
  };
  const stub = stubApi(answers);
  await renderAt('/alerts', <Notifiers />);
  const button = await screen.findByRole('button', { name: 'Test' });
  await userEvent.click(button);
  expect(await screen.findByText('The test failed: receiver answered 500: no way')).toBeTruthy();
  expect(sent(stub, 'POST')).toEqual([['/api/v1/notifiers/pager/test', undefined]]);
  expect(screen.queryByRole('dialog')).toBeNull();
  answers['/api/v1/notifiers/pager/test'] = { ok: true, error: '' };
  await userEvent.click(button);
  expect(await screen.findByText('The test was delivered.')).toBeTruthy();
  answers['/api/v1/notifiers/pager/test'] = Response.json(
    { error: { code: 'unavailable', message: 'the catalog does not answer', details: {} } },
    { status: 503 },
  );
  await userEvent.click(button);
  expect((await screen.findByRole('alert')).textContent).toContain('the catalog does not answer');
});

it('deletes a notifier', async () => {
  const stub = stubApi({
    ...list(notifier('pager', { last_error: 'receiver answered 410' })),
    '/api/v1/notifiers/': {},
  });
  await renderAt('/alerts', <Notifiers />);
  await userEvent.click(await screen.findByText('pager'));
  const form = within(await screen.findByRole('dialog'));
  expect(form.getByText('receiver answered 410')).toBeTruthy();
  await userEvent.click(form.getByRole('button', { name: 'Delete' }));
  await vi.waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(sent(stub, 'DELETE').map(([path]) => path)).toEqual(['/api/v1/notifiers/pager']);
});
