// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

export const base = process.env.STRATA_URL ?? 'http://127.0.0.1:7080';

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const candidates = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export function launch() {
  const executablePath = candidates.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error('no browser found: set CHROMIUM to the path of a Chromium');
  return chromium.launch({ executablePath, args: flags });
}

/** A page that keeps what the browser console and the network had to complain about. */
export async function open(browser, { width = 1440, height = 900, scheme = 'dark', language = 'en' } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    locale: language === 'zh' ? 'zh-CN' : 'en-US',
  });
  await context.addInitScript(
    ([lang, color]) => {
      if (!localStorage.getItem('strata.language')) localStorage.setItem('strata.language', lang);
      if (!localStorage.getItem('mantine-color-scheme-value'))
        localStorage.setItem('mantine-color-scheme-value', color);
    },
    [language, scheme],
  );
  const page = await context.newPage();
  const problems = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()} (${page.url()})`);
  });
  page.on('pageerror', (error) => problems.push(`error: ${error.message} (${page.url()})`));
  page.on('request', (request) => {
    const { host, protocol } = new URL(request.url());
    if (protocol.startsWith('http') && host !== new URL(base).host)
      problems.push(`request to another host: ${request.url()}`);
  });
  page.on('dialog', (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.setDefaultTimeout(15_000);
  const go = (path) => page.goto(base + path, { waitUntil: 'domcontentloaded' });
  return { page, context, problems, go };
}

/** The page is at rest: no skeleton is left and nothing is being fetched for a moment. */
export async function settled(page) {
  await page.locator('main').waitFor();
  await page.waitForFunction(() => document.querySelectorAll('[data-testid="skeleton"]').length === 0, undefined, {
    timeout: 15_000,
  });
  await page.waitForTimeout(400);
}
