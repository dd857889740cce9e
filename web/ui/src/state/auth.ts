// SPDX-License-Identifier: Apache-2.0
import { useSyncExternalStore } from 'react';

let needed = false;
const listeners = new Set<() => void>();

/** Set when an answer says `unauthenticated`; the app then shows the sign-in page in place of every other. */
export function setSignInNeeded(value: boolean): void {
  if (needed === value) return;
  needed = value;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useSignInNeeded = () => useSyncExternalStore(subscribe, () => needed);
