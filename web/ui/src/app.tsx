// SPDX-License-Identifier: Apache-2.0
import { MantineProvider } from '@mantine/core';
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { ApiError, isUnauthenticated } from './api/client';
import { SignIn } from './pages/sign-in';
import { router } from './routes';
import { setSignInNeeded, useSignInNeeded } from './state/auth';
import { theme } from './theme/theme';

const onError = (error: unknown) => {
  if (isUnauthenticated(error)) setSignInNeeded(true);
};

/** A wrong question stays wrong; only trouble on the way is worth another try. */
function retry(failures: number, error: unknown): boolean {
  const passing = error instanceof ApiError && (error.status === 0 || error.status === 503 || error.status === 429);
  return passing && failures < 2;
}

const queryClient = new QueryClient({
  queryCache: new QueryCache({ onError }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: { queries: { retry, refetchOnWindowFocus: false, staleTime: 5_000, gcTime: 60_000 } },
});

function Content() {
  return useSignInNeeded() ? <SignIn /> : <RouterProvider router={router} />;
}

export function App() {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <QueryClientProvider client={queryClient}>
        <Content />
      </QueryClientProvider>
    </MantineProvider>
  );
}
