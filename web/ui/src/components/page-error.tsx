// SPDX-License-Identifier: Apache-2.0
import type { ErrorComponentProps } from '@tanstack/react-router';
import { ErrorState } from './states';

export function PageError({ error, reset }: ErrorComponentProps) {
  return <ErrorState error={error} onRetry={reset} />;
}
