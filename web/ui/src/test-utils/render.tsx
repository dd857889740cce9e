// SPDX-License-Identifier: Apache-2.0
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import {
  createMemoryHistory,
  createRootRoute,
  createRoute,
  createRouter,
  RouterProvider,
} from '@tanstack/react-router';
import { render } from '@testing-library/react';
import type { ReactNode } from 'react';
import { vi } from 'vitest';
import { parseSearch, stringifySearch } from '@/state/url';
import { ViewProvider } from '@/state/view';
import { theme } from '@/theme/theme';

/** Renders inside the providers of the app, with the address given. Returns the router to look at where it went. */
export async function renderAt(path: string, node: ReactNode) {
  const root = createRootRoute({ component: () => <ViewProvider>{node}</ViewProvider> });
  const any = createRoute({ getParentRoute: () => root, path: '$', component: () => null });
  const router = createRouter({
    routeTree: root.addChildren([any]),
    history: createMemoryHistory({ initialEntries: [path] }),
    parseSearch,
    stringifySearch,
  });
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
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

/** Answers requests by the beginning of their path; anything else is a 404 in the API's form. */
export function stubApi(answers: Record<string, unknown>): ReturnType<typeof vi.fn> {
  const stub = vi.fn(async (input: string) => {
    const key = Object.keys(answers)
      .sort((a, b) => b.length - a.length)
      .find((path) => input.startsWith(path));
    if (key === undefined)
      return Response.json({ error: { code: 'not_found', message: input, details: {} } }, { status: 404 });
    const answer = answers[key];
    return answer instanceof Response ? answer.clone() : Response.json(answer);
  });
  vi.stubGlobal('fetch', stub);
  return stub;
}
