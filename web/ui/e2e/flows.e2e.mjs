// SPDX-License-Identifier: Apache-2.0
// Flows through the UI against a running server with traffic: STRATA_URL=http://127.0.0.1:7080 node --test e2e/
import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launch, open, settled } from './browser.mjs';

let browser;

before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Runs a flow in a fresh profile and fails on anything the console or the network complained about. */
function flow(name, options, run) {
  test(name, { timeout: 120_000 }, async () => {
    const session = await open(browser, options);
    try {
      await run(session);
      assert.deepEqual(session.problems, [], 'complaints of the console');
    } finally {
      await session.context.close();
    }
  });
}

const rows = (page, scope = page) => scope.locator('[role="table"] [data-row]');

/** Data needs a moment to arrive: reloads until the locator is there. */
async function eventually(page, locator, ms = 60_000) {
  const end = Date.now() + ms;
  while (Date.now() < end) {
    try {
      await locator.first().waitFor({ timeout: 5_000 });
      return;
    } catch {
      await page.reload({ waitUntil: 'domcontentloaded' });
    }
  }
  await locator.first().waitFor({ timeout: 5_000 });
}

/** Dark and light pixels of the canvas: something was drawn. */
const drawn = (canvas) =>
  canvas.evaluate((element) => {
    const { data } = element.getContext('2d').getImageData(0, 0, element.width, element.height);
    let painted = 0;
    for (let i = 3; i < data.length; i += 4) if (data[i] > 0) painted++;
    return painted;
  });

flow('hosts: this host is listed and its numbers change', {}, async ({ page, go }) => {
  await go('/hosts?from=now-15m&to=now&refresh=5');
  const wanted = process.env.STRATA_E2E_HOST ?? hostname();
  await eventually(page, rows(page));
  const named = rows(page).filter({ hasText: wanted });
  const row = (await named.count()) > 0 ? named.first() : rows(page).first();
  await row.getByRole('link').first().click();
  await page.waitForURL(/\/hosts\/.+/);
  await settled(page);
  const cpu = page.getByTestId('host-cpu');
  await cpu.waitFor();
  const seen = new Set();
  for (let i = 0; i < 12 && seen.size < 2; i++) {
    seen.add(await cpu.textContent());
    if (seen.size < 2) await page.waitForTimeout(3_000);
  }
  assert.ok(seen.size >= 2, `the CPU value stayed ${[...seen].join(', ')}`);
  const chart = page.getByTestId('chart').first();
  await chart.waitFor();
  assert.ok((await drawn(chart.locator('canvas').first())) > 500, 'the first chart is empty');
  const images = process.env.STRATA_E2E_IMAGES; // Renews the picture of the README.
  if (images) await page.screenshot({ path: join(images, 'host.png') });
});

flow('services: from the list to a service to a trace to a span', {}, async ({ page, go }) => {
  await go('/services');
  await eventually(page, rows(page));
  await rows(page).first().getByRole('link').first().click();
  await page.waitForURL(/\/services\/.+/);
  await page.getByTestId('operations').waitFor();
  await settled(page);
  await rows(page, page.getByTestId('operations')).first().getByRole('link').first().click();
  await page.waitForURL(/\/traces\?/);
  assert.match(decodeURIComponent(page.url()), /service:/);
  await eventually(page, rows(page));
  await rows(page).first().getByRole('link').first().click();
  await page.waitForURL(/\/traces\/[0-9a-f]{32}/);
  await page.getByTestId('waterfall').waitFor();
  await page.locator('[role="treeitem"]').first().click();
  await page.getByTestId('span-drawer').waitFor();
  await page.waitForURL(/span=/);
  await page.keyboard.press('Escape');
  await page.getByTestId('span-drawer').waitFor({ state: 'detached' });
});

flow('logs: search, expand, filter, open the trace', {}, async ({ page, go }) => {
  await go('/logs');
  await eventually(page, page.getByTestId('log-row'));
  await page.keyboard.press('/');
  await page.keyboard.type('trace:*');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Enter');
  await page.waitForURL(/q=trace/);
  await settled(page);
  await page.getByTestId('log-row').first().waitFor();
  await page.getByTestId('log-row').first().click();
  const detail = page.getByTestId('log-detail');
  await detail.waitFor();
  const trace = detail.getByRole('link', { name: 'Open trace' });
  await trace.waitFor();
  const href = await trace.getAttribute('href');
  assert.match(href ?? '', /\/traces\/[0-9a-f]{32}/);
  await trace.click();
  await page.waitForURL(/\/traces\/[0-9a-f]{32}/);
  await page.getByTestId('waterfall').waitFor();
});

flow('logs: live tail follows', {}, async ({ page, go }) => {
  await go('/logs');
  await settled(page);
  await page.getByRole('button', { name: 'Live tail' }).click();
  await page.waitForURL(/tail=1/);
  await page.getByTestId('log-row').first().waitFor({ timeout: 40_000 });
});

flow('metrics: a query draws a graph and a table', {}, async ({ page, go }) => {
  await go('/explore');
  await settled(page);
  const editor = page.locator('[data-search] .cm-content');
  await editor.click();
  await page.keyboard.type('sum by (job) (up) or vector(1)');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.waitForURL(/q=/);
  const chart = page.getByTestId('chart').first();
  await chart.waitFor();
  await page.waitForTimeout(500);
  assert.ok((await drawn(chart.locator('canvas').first())) > 500, 'the graph is empty');
  await page.getByText('Table', { exact: true }).click();
  await page.waitForURL(/tab=table/);
  await rows(page).first().waitFor();
});

flow('alerts, data health and settings open', {}, async ({ page, go }) => {
  await go('/alerts?tab=rules');
  await settled(page);
  await page.getByRole('tab', { name: /Rules/ }).waitFor();
  await go('/alerts?tab=edit');
  await page.getByRole('button', { name: 'New rule group' }).click();
  await page.getByTestId('group-editor').locator('.cm-content').waitFor();
  await go('/data-health');
  await page.getByTestId('ledger').waitFor();
  assert.ok(
    (await page
      .getByTestId('ledger')
      .getByText(/balanced/)
      .count()) > 0,
    'no signal says whether it is balanced',
  );
  await go('/settings');
  await page.getByText('OTEL_EXPORTER_OTLP_ENDPOINT').first().waitFor();
});

flow(
  'agents: one is listed with what it runs with, and a roll-out that may not be pushed is refused at its line',
  {},
  async ({ page, go, problems }) => {
    await go('/agents');
    await eventually(page, rows(page));
    await rows(page).first().getByRole('link').first().click();
    await page.getByTestId('agent-config').getByText('endpoint:').first().waitFor();
    await go('/agents?tab=rollouts&rollout=new');
    const form = page.getByTestId('rollout-form');
    await form.getByLabel('Name').fill('mine');
    await form.locator('.cm-content').click();
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.type('host: {}\nraw: {}\n');
    await form.getByRole('button', { name: 'Start' }).click();
    await form.getByText(/line 2: raw may not be pushed/).waitFor();
    await form.locator('.cm-lintRange-error').waitFor();
    // The browser complains about the refusal that was asked for.
    assert.equal(problems.filter((problem) => problem.includes('400')).length, 1);
    problems.splice(0);
  },
);

flow('theme and language switch and stay', {}, async ({ page, go }) => {
  await go('/settings');
  await settled(page);
  await page.getByText('Light', { exact: true }).click();
  await page.waitForFunction(() => document.documentElement.dataset.mantineColorScheme === 'light');
  await page.getByText('简体中文', { exact: true }).click();
  await page.getByRole('heading', { name: '设置' }).first().waitFor();
  await page.reload();
  await page.getByRole('heading', { name: '设置' }).first().waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.mantineColorScheme), 'light');
  await page.getByText('English', { exact: true }).click();
  await page.getByRole('heading', { name: 'Settings' }).first().waitFor();
});

flow('rollups: define one, see it fill, rank, drill down to raw traces, delete it', {}, async ({ page, go }) => {
  const name = `flow_${Date.now().toString(36)}`;
  await go('/rollups');
  await settled(page);
  await page.getByRole('link', { name: 'New rollup' }).click();
  await page.waitForURL(/\/rollups\/new/);
  await page.getByLabel('Name').fill(name);
  await page.getByRole('button', { name: 'Create' }).click();
  await page.waitForURL(/\/rollups\/(?!new)[^/?]+/);
  const ranking = page.getByTestId('ranking');
  await eventually(page, rows(page, ranking));
  await settled(page);
  const first = rows(page, ranking).first();
  const service = (await first.getByRole('button').first().textContent()) ?? '';
  await page.getByText('Smallest', { exact: true }).click();
  await page.waitForURL(/order=asc/);
  await page.getByText('Largest', { exact: true }).click();
  await settled(page);
  await ranking.getByRole('button', { name: service, exact: true }).click();
  await page.waitForURL(/where=/);
  await page.getByTestId('conditions').getByText(`service = ${service}`).waitFor();
  await page.waitForFunction(() => document.querySelector('[data-testid="ranking"]')?.textContent?.includes('route'));
  await settled(page);
  await first.getByRole('link', { name: 'Traces behind it' }).click();
  await page.waitForURL(/\/traces\?/);
  assert.match(decodeURIComponent(page.url()), /service:/);
  await eventually(page, rows(page));
  await go('/rollups');
  await rows(page).filter({ hasText: name }).first().click();
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Delete with all data' }).click();
  await page.waitForURL(/\/rollups$/);
  await rows(page).filter({ hasText: name }).waitFor({ state: 'detached' });
});

flow('keyboard: go-to sequences, palette, help', {}, async ({ page, go }) => {
  await go('/');
  await settled(page);
  await page.keyboard.press('g');
  await page.keyboard.press('l');
  await page.waitForURL(/\/logs/);
  await page.keyboard.press('Control+k');
  await page.getByPlaceholder('Page, service, host or trace id').fill('metr');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/explore/);
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await settled(page);
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
});

flow('a phone: no page is wider than the screen', { width: 390, height: 844 }, async ({ page, go }) => {
  for (const path of [
    '/',
    '/services',
    '/traces',
    '/logs',
    '/explore',
    '/hosts',
    '/rollups',
    '/rollups/new',
    '/alerts',
    '/data-health',
    '/settings',
  ]) {
    await go(path);
    await settled(page);
    const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert.ok(wide <= screen, `${path} is ${wide} px wide on ${screen} px`);
  }
  await page.getByRole('button', { name: 'Menu' }).click();
  await page.getByRole('dialog').getByRole('link', { name: 'Traces' }).click();
  await page.waitForURL(/\/traces/);
});

flow('names from outside are shown as text', {}, async ({ page, go }) => {
  const hostile = '<img src=x onerror=alert(1)>';
  await go(`/services/${encodeURIComponent(hostile)}`);
  await settled(page);
  await page.getByRole('heading', { level: 1, name: hostile }).waitFor();
  await go(`/logs?q=${encodeURIComponent(`"${hostile}"`)}`);
  await settled(page);
  await go(`/traces?q=${encodeURIComponent(`service:"${hostile}"`)}`);
  await settled(page);
  assert.equal(await page.locator('img[src="x"]').count(), 0);
});
