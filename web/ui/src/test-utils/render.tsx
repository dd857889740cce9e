// SPDX-License-Identifier: Apache-2.0
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import {
  createMemoryHistory,
  createRootRoute,
  createRoute,
  createRouter,
  Outlet,
  RouterProvider,
} from '@tanstack/react-router';
import { render } from '@testing-library/react';
import type { ReactNode } from 'react';
import { vi } from 'vitest';
import { parseSearch, stringifySearch } from '@/state/url';
import { ViewProvider } from '@/state/view';
import { theme } from '@/theme/theme';

/**
 * Renders inside the providers of the app, with the address given; the pattern is that of the page's route where it has parameters. Returns the
 * router to look at where it went.
 */
export async function renderAt(path: string, node: ReactNode, pattern?: string) {
  const root = createRootRoute({ component: () => <ViewProvider>{pattern ? <Outlet /> : node}</ViewProvider> });
  const any = createRoute({ getParentRoute: () => root, path: '$', component: () => null });
  const own = createRoute({ getParentRoute: () => root, path: pattern ?? '/', component: () => node });
  const router = createRouter({
    routeTree: root.addChildren(pattern ? [any, own] : [any]),
    history: createMemoryHistory({ initialEntries: [path] }),
    parseSearch,
    stringifySearch,
  });
  const client = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: 5_000 } } });
  const view = render(
    <MantineProvider theme={theme} env="test">
      <QueryClientProvider client={client}>
        <RouterProvider router={router as never} />
      </QueryClientProvider>
    </MantineProvider>,
  );
  await router.load();
  return { ...view, router };
}

/** One request as the stub gets it. */
export interface Asked {
  method: string;
  path: string;
  body: unknown;
}

/**
 * Answers requests by the beginning of their path, by a function where the answer depends on the request; anything else is a 404 in the API's form.
 */
export function stubApi(answers: Record<string, unknown>): ReturnType<typeof vi.fn> {
  const stub = vi.fn(async (input: string, init?: RequestInit) => {
    const key = Object.keys(answers)
      .sort((a, b) => b.length - a.length)
      .find((path) => input.startsWith(path));
    if (key === undefined)
      return Response.json({ error: { code: 'not_found', message: input, details: {} } }, { status: 404 });
    const given = answers[key];
    const answer = typeof given === 'function' ? given(askedOf(input, init)) : given;
    return answer instanceof Response ? answer.clone() : Response.json(answer);
  });
  vi.stubGlobal('fetch', stub);
  return stub;
}

function askedOf(input: string, init: RequestInit | undefined): Asked {
  const body = typeof init?.body === 'string' ? (JSON.parse(init.body) as unknown) : undefined;
  return { method: init?.method ?? 'GET', path: input, body };
}

/** Every request that changes something, in order. */
export const changes = (stub: ReturnType<typeof vi.fn>): Asked[] =>
  stub.mock.calls
    .map(([input, init]) => askedOf(String(input), init as RequestInit | undefined))
    .filter(({ method }) => method !== 'GET');

/** The path and the query of every request that was answered by the stub, in order. */
export const requests = (stub: ReturnType<typeof vi.fn>): URL[] =>
  stub.mock.calls.map(([input]) => new URL(String(input), 'http://server'));

/** Gives every element a height, without which lists of many rows show none. */
export function giveHeight(pixels = 600): void {
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(pixels);
  vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(1200);
}

/** An answer in the form of the API's errors. */
export const failure = (status: number, message: string, details = {}) =>
  Response.json({ error: { code: 'internal', message, details } }, { status });
