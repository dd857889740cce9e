// SPDX-License-Identifier: Apache-2.0
// An answer that lacks a writer's samples says so on the page, and Data health names the process.
import { after, before, test } from 'node:test';
import { launch, open, settled } from './browser.mjs';

let browser;

before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const { STRATA_E2E_QUERY: query, STRATA_E2E_WARNING: warning } = process.env;

test('the metrics page says that the answer is partial', { timeout: 60_000 }, async () => {
  const { page, context, go } = await open(browser);
  await go(`/explore?from=now-1h&to=now&tab=table&q=${encodeURIComponent(query)}`);
  await settled(page);
  await page.getByText(warning).first().waitFor();
  await page.locator('[role="table"] [data-row]').first().waitFor();
  await context.close();
});

test('Data health names the process that is down', { timeout: 60_000 }, async () => {
  const { page, context, go } = await open(browser);
  await go('/data-health');
  await settled(page);
  const row = page.getByTestId('processes').locator('[data-row]').filter({ hasText: warning });
  await row.first().waitFor();
  await row.getByText('down').first().waitFor();
  await context.close();
});
