// SPDX-License-Identifier: Apache-2.0
import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it, vi } from 'vitest';
import { ApiError } from '@/api/client';
import { renderAt } from '@/test-utils/render';
import { ErrorState, QueryView, Warnings } from './states';

describe('what went wrong', () => {
  it.each([
    [new ApiError(0, 'network', 'failed to fetch'), 'The server does not answer', 'Stored data is not affected'],
    [new ApiError(401, 'unauthenticated', 'it has expired'), 'The key is not valid', 'it has expired'],
    [new ApiError(429, 'too_many_requests', 'in 5 s'), 'Too many requests', 'in 5 s'],
    [new ApiError(403, 'forbidden', 'read is needed'), 'Not allowed with this key', 'read is needed'],
    [new ApiError(404, 'not_found', 'no such trace'), 'Not found', 'no such trace'],
    [new ApiError(504, 'timeout', '30 s'), 'The query took too long', '30 s'],
    [new ApiError(503, 'timeout', '30 s'), 'The query took too long', '30 s'],
    [new ApiError(503, 'unavailable', 'starting'), 'The server is not ready', 'starting'],
    [new ApiError(400, 'bad_query', 'unknown field'), 'The request was not understood', 'unknown field'],
    [new ApiError(500, 'internal', 'oops'), 'The server failed to answer', 'oops'],
    [new TypeError('x is not a function'), 'Something unexpected happened', 'x is not a function'],
  ])('%s', async (error, title, detail) => {
    await renderAt('/', <ErrorState error={error} />);
    const state = screen.getByRole('alert');
    expect(state.querySelector('h2')?.textContent).toBe(title);
    expect(state.textContent).toContain(detail);
  });
});

describe('the view of a query', () => {
  const view = (query: { data?: string; error?: unknown; refetch?: () => void }) =>
    renderAt(
      '/',
      <QueryView query={{ data: undefined, error: null, refetch: vi.fn(), ...query }} skeleton={<i>waiting</i>}>
        {(data) => <b>{data}</b>}
      </QueryView>,
    );

  it('is a skeleton while there is nothing yet', async () => {
    await view({});
    expect(screen.getByText('waiting')).toBeTruthy();
  });

  it('is an error with another try where nothing came', async () => {
    const refetch = vi.fn();
    await view({ error: new ApiError(500, 'internal', 'oops'), refetch });
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(refetch).toHaveBeenCalled();
    expect(screen.queryByText('waiting')).toBeNull();
  });

  it('keeps old data beside an error', async () => {
    await view({ data: 'old', error: new ApiError(500, 'internal', 'oops') });
    expect(screen.getByText('old')).toBeTruthy();
    expect(screen.getByRole('alert').textContent).toContain('oops');
    expect(screen.queryByRole('button')).toBeNull();
  });
});

describe('warnings', () => {
  it('say each thing once, and nothing when there is none', async () => {
    const { unmount } = await renderAt('/', <Warnings warnings={['late', 'late', 'partial']} />);
    expect(screen.getByRole('status').textContent).toBe('latepartial');
    unmount();
    await renderAt('/', <Warnings warnings={[]} />);
    expect(screen.queryByRole('status')).toBeNull();
  });
});
