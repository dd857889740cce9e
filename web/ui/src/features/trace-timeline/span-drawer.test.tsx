// SPDX-License-Identifier: Apache-2.0
import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it, vi } from 'vitest';
import type { LogRecord } from '@/api/logs';
import type { Span } from '@/api/traces';
import { aLog, aSpan } from '@/test-utils/answers';
import { renderAt } from '@/test-utils/render';
import { SpanDrawer } from './span-drawer';

const span = aSpan('s1', 'p1', {
  name: 'POST /pay',
  service: 'pay',
  kind: 'client',
  offset_ns: 2e6,
  duration_ns: 7e6,
  attributes: { 'http.route': '/pay', payload: '{"user":{"id":7}}' },
  links: [{ trace_id: 'f'.repeat(32), span_id: '1', attributes: { why: 'retry' } }],
});

const close = vi.fn();

const open = (more: Partial<Span> = {}, { path = '/traces/t', orphan = false, logs = [] as LogRecord[] } = {}) =>
  renderAt(
    path,
    <SpanDrawer
      span={{ ...span, ...more }}
      resource={{ 'service.name': 'pay', 'host.name': 'web-1' }}
      scope={{ name: 'otelhttp', version: '1', schema_url: '', attributes: {} }}
      orphan={orphan}
      logs={logs}
      onClose={close}
    />,
  );

const panel = async (name: string) => userEvent.click(screen.getByRole('tab', { name: new RegExp(`^${name}`) }));

describe('the details of a span', () => {
  it('says what it is and leads to its service', async () => {
    await open();
    expect(screen.getByRole('heading', { name: 'POST /pay' })).toBeTruthy();
    expect(screen.getByRole('link', { name: 'pay' }).getAttribute('href')).toBe('/services/pay');
    for (const fact of ['client', '7 ms', '+2 ms']) expect(screen.getByText(fact)).toBeTruthy();
  });

  it('finds the value of an attribute in other traces, also of one within a map', async () => {
    await open();
    const query = (element: HTMLElement) =>
      new URL(element.getAttribute('href') ?? '', 'http://x').searchParams.get('q');
    const links = screen.getAllByRole('link', { name: 'Find' });
    expect(links.map(query)).toEqual(expect.arrayContaining(['attr.http.route:/pay', 'attr.payload.user.id:7']));
    expect(query(screen.getByRole('link', { name: 'Similar spans' }))).toBe('service:pay name:"POST /pay"');
  });

  it('keeps the panel in the address', async () => {
    const { router } = await open();
    await panel('Resource');
    expect(router.history.location.search).toBe('?panel=resource');
    expect(screen.getByText('host.name')).toBeTruthy();
    expect(screen.getByText('otelhttp')).toBeTruthy();
    await panel('Attributes');
    expect(router.history.location.search).toBe('');
  });

  it('opens the events of a failed span first, with the stack as it is', async () => {
    const stack = 'at shop.Pay\n\tat shop.Main';
    const events = [
      {
        name: 'exception',
        offset_ns: 3e6,
        attributes: { 'exception.type': 'IOException', 'exception.stacktrace': stack },
      },
    ];
    await open({ status: 'error', status_message: 'card declined', events });
    expect(screen.getByText('card declined')).toBeTruthy();
    expect(screen.getByRole('tab', { name: /^Events/ }).getAttribute('aria-selected')).toBe('true');
    expect(screen.getByText('IOException')).toBeTruthy();
    expect(document.querySelector('pre')?.textContent).toBe(stack);
  });

  it('opens the panel of the address before that', async () => {
    const events = [{ name: 'exception', offset_ns: 0, attributes: {} }];
    await open({ status: 'error', events }, { path: '/traces/t?panel=links' });
    const link = screen.getByRole('link', { name: 'f'.repeat(32) });
    expect(link.getAttribute('href')).toBe(`/traces/${'f'.repeat(32)}?span=1`);
    expect(screen.getByText('retry')).toBeTruthy();
  });

  it('says that a panel is empty', async () => {
    await open({ links: [] });
    await panel('Events');
    expect(screen.getByText('No events')).toBeTruthy();
    await panel('Links');
    expect(screen.getByText('No links')).toBeTruthy();
    await panel('Logs');
    expect(screen.getByText('No logs with this trace id')).toBeTruthy();
  });

  it('shows the log records of the span', async () => {
    await open(
      {},
      { path: '/?panel=logs', logs: [aLog('1', { body: 'charged', severity: 'error', severity_number: 17 })] },
    );
    expect(screen.getByText('charged')).toBeTruthy();
    expect(screen.getByText('error').className).toBe('crit');
    expect(within(screen.getByRole('tab', { name: /^Logs/ })).getByText('1')).toBeTruthy();
  });

  it('warns of a corrected clock and of a missing parent', async () => {
    await open({ clock_skew_ns: 5e6 }, { orphan: true });
    expect(screen.getByTestId('span-skew').textContent).toContain('5 ms');
    expect(screen.getByText('The parent span p1 is not in the trace.')).toBeTruthy();
  });

  it('copies the whole span', async () => {
    const user = userEvent.setup();
    await open();
    await user.click(screen.getByRole('button', { name: 'Copy span as JSON' }));
    const copied = JSON.parse(await navigator.clipboard.readText()) as { id: string; resource: object };
    expect(copied.id).toBe('s1');
    expect(copied.resource).toEqual({ 'service.name': 'pay', 'host.name': 'web-1' });
  });

  it('closes', async () => {
    await open();
    await userEvent.click(screen.getByRole('button', { name: 'Close' }));
    expect(close).toHaveBeenCalled();
  });
});
