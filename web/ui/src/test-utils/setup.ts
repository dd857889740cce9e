// SPDX-License-Identifier: Apache-2.0
import { cleanup, configure } from '@testing-library/react';
import { afterEach, beforeAll } from 'vitest';
import { initI18n } from '@/i18n';

/** The document has no layout: what is not taken out of it by a style is visible. */
function checkVisibility(this: Element): boolean {
  for (let at: Element | null = this; at; at = at.parentElement) {
    if (at instanceof HTMLElement && at.style.display === 'none') return false;
  }
  return true;
}

// A machine that is busy with other things must not fail a test: nothing waits longer than it has to.
configure({ asyncUtilTimeout: 10_000 });

beforeAll(async () => {
  Element.prototype.checkVisibility = checkVisibility;
  Element.prototype.scrollIntoView = () => undefined;
  await initI18n('en');
});
afterEach(() => {
  cleanup();
  localStorage.clear();
});
