// SPDX-License-Identifier: Apache-2.0
import { useCallback, useState } from 'react';

function read<T>(key: string, fallback: T): T {
  try {
    const text = localStorage.getItem(key);
    return text === null ? fallback : (JSON.parse(text) as T);
  } catch {
    return fallback;
  }
}

/** A preference of this browser. Storage that is full or forbidden only loses the preference. */
export function useStored<T>(key: string, fallback: T): [T, (value: T) => void] {
  const full = `strata.${key}`;
  const [value, setValue] = useState(() => read(full, fallback));
  const set = useCallback(
    (next: T) => {
      setValue(next);
      try {
        localStorage.setItem(full, JSON.stringify(next));
      } catch {
        // Kept for this visit only.
      }
    },
    [full],
  );
  return [value, set];
}
