// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef } from 'react';

export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

export type Keymap = Record<string, (event: KeyboardEvent) => void>;

const sequenceMs = 900;

const layers = '[role="dialog"][aria-modal="true"], [role="menu"], [role="listbox"]';

/** Closed layers may stay in the document, hidden. */
function layerOpen(): boolean {
  return [...document.querySelectorAll(layers)].some((element) => element.checkVisibility());
}

/**
 * Page-wide shortcuts. Keys are `event.key` values, two of them in sequence as `g s`; with a modifier as `mod+k`.
 * Nothing fires while somebody types, except keys with a modifier.
 */
export function useKeymap(keymap: Keymap, enabled = true): void {
  const current = useRef(keymap);
  current.current = keymap;
  useEffect(() => {
    if (!enabled) return;
    let first = '';
    let firstAt = 0;
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.altKey) return;
      const map = current.current;
      if (event.metaKey || event.ctrlKey) {
        const handler = map[`mod+${event.key.toLowerCase()}`];
        if (handler) {
          event.preventDefault();
          handler(event);
        }
        return;
      }
      if (isTyping(event.target)) return;
      // An open dialog or menu owns the keyboard.
      if (layerOpen()) return;
      const sequence = performance.now() - firstAt < sequenceMs ? map[`${first} ${event.key}`] : undefined;
      const handler = sequence ?? map[event.key];
      first = event.key;
      firstAt = performance.now();
      if (handler) {
        event.preventDefault();
        handler(event);
      }
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [enabled]);
}

/** Focuses the page's search field: an input, or the editor inside the marked element. */
export function focusSearch(): void {
  const marked = document.querySelector<HTMLElement>('[data-search]');
  const target = marked?.matches('input') ? marked : (marked?.querySelector<HTMLElement>('input, .cm-content') ?? null);
  target?.focus();
}
