// SPDX-License-Identifier: Apache-2.0
// What one client sent is on the pages: STRATA_E2E_SERVICE its traced service, STRATA_E2E_LOGS the service of its records,
// STRATA_E2E_QUERY a PromQL query of its samples; a flow runs for those that are set.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, open, settled } from './browser.mjs';

let browser;

before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const { STRATA_E2E_SERVICE: service, STRATA_E2E_LOGS: logs, STRATA_E2E_QUERY: query } = process.env;

function flow(name, value, run) {
  test(name, { timeout: 60_000, skip: value === undefined && 'the client sends none' }, async () => {
    const session = await open(browser);
    try {
      await run(session);
      assert.deepEqual(session.problems, [], 'complaints of the console');
    } finally {
      await session.context.close();
    }
  });
}

const rows = (page) => page.locator('[role="table"] [data-row]');

test('something is looked for', () => assert.ok(service ?? logs ?? query));

flow(`service ${service} is listed and has traces`, service, async ({ page, go }) => {
  await go('/services?from=now-1h&to=now');
  await settled(page);
  await rows(page).getByRole('link', { name: service, exact: true }).first().waitFor();
  await go(`/traces?from=now-1h&to=now&q=${encodeURIComponent(`service:${service}`)}`);
  await settled(page);
  await rows(page).first().getByRole('link').first().click();
  await page.waitForURL(/\/traces\/[0-9a-f]{32}/);
  await page.getByTestId('waterfall').waitFor();
  await page.getByTestId('waterfall').getByText(service).first().waitFor();
});

flow(`records of ${logs} are listed`, logs, async ({ page, go }) => {
  await go(`/logs?from=now-1h&to=now&q=${encodeURIComponent(`service:${logs}`)}`);
  await settled(page);
  await page.getByTestId('log-row').first().waitFor();
});

flow(`samples of ${query} are tabled`, query, async ({ page, go }) => {
  await go(`/explore?from=now-1h&to=now&tab=table&q=${encodeURIComponent(query)}`);
  await settled(page);
  await rows(page).first().waitFor();
});
