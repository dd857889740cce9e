// SPDX-License-Identifier: Apache-2.0
// Pictures of every page: node e2e/screenshots.mjs <folder> [part of a name]
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { launch, open, settled } from './browser.mjs';

const folder = process.argv[2] ?? 'shots';
const only = process.argv[3] ?? '';
mkdirSync(folder, { recursive: true });

const sizes = [
  { width: 1440, height: 900 },
  { width: 390, height: 844 },
];
const cpu = encodeURIComponent(JSON.stringify(['sum by (state) (rate(system_cpu_time_seconds_total[5m]))']));

const first = (page, selector) => page.locator(selector).first();

const shots = [
  ['overview', '/'],
  ['services', '/services'],
  ['service', '/services', async (page) => first(page, '[role="table"] [data-row] a').click()],
  ['traces', '/traces'],
  ['trace', '/traces', async (page) => first(page, '[role="table"] [data-row] a').click()],
  [
    'span',
    '/traces',
    async (page) => {
      await first(page, '[role="table"] [data-row] a').click();
      await page.getByTestId('waterfall').waitFor();
      await page.locator('[role="treeitem"]').nth(1).click();
    },
  ],
  ['logs', '/logs'],
  ['log-detail', '/logs', async (page) => page.getByTestId('log-row').nth(2).click()],
  ['metrics', `/explore?q=${cpu}`],
  ['metrics-table', `/explore?q=${cpu}&tab=table`],
  ['metrics-start', '/explore'],
  ['hosts', '/hosts'],
  ['host', '/hosts', async (page) => first(page, '[role="table"] [data-row] a').click()],
  ['middleware', '/middleware'],
  ['instance', '/middleware', async (page) => first(page, '[role="table"] [data-row] a').click()],
  ['rollups', '/rollups'],
  ['rollup', '/rollups', async (page) => first(page, '[role="table"] [data-row] a').click()],
  ['rollup-form', '/rollups/new'],
  ['alerts', '/alerts'],
  ['rules', '/alerts?tab=rules'],
  ['rule-editor', '/alerts?tab=edit&group=new'],
  ['notifiers', '/alerts?tab=notifiers'],
  ['health', '/data-health'],
  ['settings', '/settings'],
  ['palette', '/services', async (page) => page.keyboard.press('Control+k')],
  ['time', '/services', async (page) => page.getByTestId('time-range').click()],
];

const browser = await launch();
let failures = 0;
for (const scheme of ['dark', 'light']) {
  for (const size of sizes) {
    for (const [name, path, act] of shots) {
      const file = `${name}-${size.width}-${scheme}.png`;
      if (!file.includes(only)) continue;
      const { page, context, problems, go } = await open(browser, { ...size, scheme });
      try {
        await go(path);
        await settled(page);
        if (act) {
          await act(page);
          await page.waitForTimeout(300);
          await settled(page);
        }
        await page.screenshot({ path: join(folder, file) });
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        if (overflow > 0) problems.push(`page is ${overflow} px wider than the window`);
      } catch (error) {
        problems.push(String(error));
      }
      for (const problem of problems) console.error(`${file}: ${problem}`);
      failures += problems.length;
      await context.close();
    }
  }
}
await browser.close();
process.exitCode = failures > 0 ? 1 : 0;
