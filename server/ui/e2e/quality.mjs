// What holds of every page: mirrored, on a very wide screen, without motion, without a jump when something happens, by
// keys alone, and with a designed state for each way in which reading it can go wrong.
import { readFileSync } from 'node:fs';
import { axe, holds, same, story } from './teller.mjs';
import { until } from './world.mjs';

const PAGES = ['/overview', '/fleet', '/fleet?probe=web-1', '/fleet?probe=web-1&tab=packages', '/approvals?show=all', '/approvals/ahead', '/approvals/ahead/new', '/approvals/standing-in', '/approvals/broken-glass?all=true', '/approvals/figures',
  '/commands', '/activity', '/activity/3', '/policies?file=policies/guardrails.cedar', '/policies/cases', '/policies/history', '/enroll', '/access', '/access/people/ben', '/access/groups', '/access/roles', '/access/keys', '/access/tenants', '/access/providers', '/account', '/settings'];

/** What stands outside of the window and cannot be scrolled to. */
const outside = (page) => page.evaluate(() => {
  const scrolls = (el) => el && (/(auto|scroll)/.test(getComputedStyle(el).overflowX) || scrolls(el.parentElement));
  const shown = (el) => el.getClientRects().length > 0 && getComputedStyle(el).visibility !== 'hidden' && !el.closest('.sr-only') && getComputedStyle(el).clipPath === 'none';
  const far = [...document.querySelectorAll('header *, nav *, main *')].filter((el) => !(el instanceof SVGElement) && !scrolls(el) && shown(el) && (el.getBoundingClientRect().right > innerWidth + 1 || el.getBoundingClientRect().left < -1));
  return [document.documentElement.scrollWidth > innerWidth ? 'the page scrolls sideways' : '', ...far.slice(0, 3).map((el) => `${el.tagName} ${el.className} “${el.textContent?.slice(0, 30)}”`)].filter(Boolean).join('; ');
});

const settled = async (page) => {
  await page.locator('h1').first().waitFor({ state: 'attached' });
  await until('the page to have read what it shows', () => page.evaluate(() => document.querySelectorAll('[aria-busy=true]').length === 0), 20_000);
};

export async function quality({ ana, b, w, shot }) {
  await story('quality: the page mirrored keeps its shape, runs off no side, and is read by axe as before', async () => {
    const page = await b.person(w.base, { storageState: await ana.context().storageState(), reducedMotion: 'reduce' });
    await page.addInitScript(() => localStorage.setItem('legator-dir', 'rtl'));
    for (const [width, height] of [[1440, 900], [390, 844]]) {
      await page.setViewportSize({ width, height });
      for (const path of PAGES) {
        await page.goto(path);
        await settled(page);
        same(await page.evaluate(() => document.documentElement.dir), 'rtl', 'the direction');
        same(await outside(page), '', `what runs off a side of ${path}, mirrored, at ${width}`);
        if (width > 1000) {
          const nav = await page.getByRole('navigation', { name: 'Main' }).boundingBox();
          holds(nav.x > 1_000, `the menu is at ${nav.x} on ${path}`);
        }
        if (['/overview', '/fleet?probe=web-1', '/approvals?show=all', '/access/roles', '/activity/3'].includes(path)) { await axe(page); await shot(page, `mirrored${path.replaceAll(/[^a-z0-9]+/gi, '-')}-${width}`); }
      }
    }
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.goto('/fleet?probe=web-1');
    await page.getByRole('tab', { name: 'System' }).focus();
    await page.keyboard.press('ArrowLeft');
    await page.waitForURL(/tab=network/);
    await page.context().close();
  });

  await story('fleet: what is narrowed is taken along as a table, and rows are as high as somebody likes', async () => {
    await ana.goto('/fleet?q=tag:prod');
    await ana.getByRole('row', { name: /prod-1/ }).waitFor();
    const [file] = await Promise.all([ana.waitForEvent('download'), ana.getByRole('button', { name: /Export 1 host as CSV/ }).click()]);
    same(file.suggestedFilename(), 'hosts.csv', 'its name');
    const lines = readFileSync(await file.path(), 'utf8').trimEnd().split('\r\n');
    same(lines.length, 2, 'lines');
    holds(lines[1].startsWith('"prod-1","prb_') && lines[1].includes('"web prod"') || lines[1].includes('"prod web"'), lines[1]);
    const high = async () => (await ana.getByRole('row', { name: /prod-1/ }).boundingBox()).height;
    same(await high(), 32, 'a row');
    await ana.goto('/settings');
    await ana.getByRole('group', { name: 'How high rows are' }).getByRole('button', { name: 'Compact' }).click();
    await ana.goto('/fleet?q=tag:prod');
    same(await high(), 28, 'a compact row');
    await ana.setViewportSize({ width: 390, height: 844 });
    await until('a row for a thumb', async () => await high() === 44);
    await axe(ana);
    await ana.setViewportSize({ width: 1440, height: 900 });
    await ana.goto('/settings');
    await ana.getByRole('group', { name: 'How high rows are' }).getByRole('button', { name: 'Default' }).click();
  }, ana);

  await story('quality: on a screen of 2560 pixels the text stays readable and nothing is stretched', async () => {
    await ana.setViewportSize({ width: 2560, height: 1440 });
    for (const path of PAGES) {
      await ana.goto(path);
      await settled(ana);
      same(await outside(ana), '', `what runs off a side of ${path} at 2560`);
      const long = await ana.evaluate(() => [...document.querySelectorAll('main p')].filter((el) => el.children.length === 0 && (el.textContent?.length ?? 0) > 200 && el.getBoundingClientRect().width > 1_200).map((el) => el.textContent.slice(0, 40)).join('; '));
      same(long, '', `lines that are too long to read on ${path}`);
      if (['/overview', '/fleet?probe=web-1', '/access/roles'].includes(path)) await shot(ana, `wide${path.replaceAll(/[^a-z0-9]+/gi, '-')}`);
    }
    await ana.setViewportSize({ width: 1440, height: 900 });
  }, ana);

  await story('quality: what happens on the server moves nothing that somebody looks at', async () => {
    const page = await b.person(w.base, { storageState: await ana.context().storageState() });
    await page.addInitScript(() => {
      window.__shifts = [];
      new PerformanceObserver((list) => { for (const entry of list.getEntries()) window.__shifts.push({ value: entry.value, input: entry.hadRecentInput, what: entry.sources.slice(0, 3).map((source) => source.node?.nodeType === 1 ? `${source.node.tagName} ${source.node.className}`.slice(0, 80) : source.node?.textContent?.slice(0, 40)) }); }).observe({ type: 'layout-shift', buffered: true });
    });
    for (const path of ['/overview', '/fleet?probe=web-1', '/commands', '/activity', '/approvals?show=all', '/settings']) {
      await page.goto(path);
      await settled(page);
      await page.locator('[data-live=live]').waitFor();
      // What is measured is what events do, so what the page itself still fetches (the code view, for one) is waited for.
      const shifted = () => page.evaluate(() => window.__shifts.length);
      await until('the page to stand still', async () => { const n = await shifted(); await page.waitForTimeout(700); return await shifted() === n; });
      // The pointer is on a list, as it is where somebody reads.
      await page.mouse.move(500, 400);
      await page.evaluate(() => { window.__shifts.length = 0; });
      const entries = async () => (await w.ask('GET', '/api/v1/audit/checkpoint')).size;
      const before = await entries();
      for (let n = 0; n < 3; n++) await w.ask('POST', '/api/v1/probes/web-1/command?wait=true', { argv: ['true'] });
      await until('the entries', async () => await entries() > before);
      await page.waitForTimeout(1_500);
      const shifts = await page.evaluate(() => window.__shifts.filter((one) => !one.input));
      const sum = shifts.reduce((total, one) => total + one.value, 0);
      console.log(`      ${path}: ${sum.toFixed(4)}`);
      // A list that grows at its top pushes its rows down: in a log that is what it is for, and the pointer's list stands still.
      holds(sum < 0.05, `${path} shifts by ${sum.toFixed(3)}: ${JSON.stringify(shifts.slice(0, 3))}`);
    }
    await page.context().close();
  });

  await story('quality: who asked for less motion gets none', async () => {
    const page = await b.person(w.base, { storageState: await ana.context().storageState(), reducedMotion: 'reduce' });
    for (const path of ['/overview', '/fleet?probe=web-1', '/approvals']) {
      await page.goto(path);
      await settled(page);
      await page.keyboard.press('Control+k');
      const moving = await page.evaluate(() => document.getAnimations().filter((one) => one.playState === 'running').length);
      same(moving, 0, `what moves on ${path}`);
      await page.keyboard.press('Escape');
    }
    await page.context().close();
  });

  await story('quality: by keys alone to a person, to what they are granted, and to a key', async () => {
    await ana.goto('/overview');
    await settled(ana);
    await ana.keyboard.press('g');
    await ana.keyboard.press('u');
    await ana.waitForURL(/\/access$/);
    await ana.getByRole('link', { name: 'ben', exact: true }).waitFor();
    const reach = async (what, most = 60) => {
      for (let n = 0; n < most; n++) {
        await ana.keyboard.press('Tab');
        if (await ana.evaluate((name) => (document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '').trim() === name, what)) return;
      }
      throw new Error(`Tab did not reach ${what}`);
    };
    await ana.locator('#main').focus();
    await reach('ben');
    const ring = await ana.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    same(ring, 'solid', 'the ring around what has the focus');
    await ana.keyboard.press('Enter');
    await ana.waitForURL(/people\/ben/);
    await ana.getByText('Computed from the policies in force').waitFor();
    await reach('Give it', 120);
    await ana.keyboard.press('Control+k');
    await ana.getByRole('combobox', { name: /Search pages/ }).fill('API keys');
    await ana.keyboard.press('Enter');
    await ana.waitForURL(/access\/keys/);
    await ana.getByRole('button', { name: 'Make a key' }).waitFor();
    await ana.keyboard.press('Control+k');
    await ana.getByRole('combobox', { name: /Search pages/ }).fill('make a key');
    await ana.keyboard.press('Enter');
    await ana.getByRole('dialog', { name: 'Make a key' }).waitFor();
    await ana.keyboard.press('Escape');
    await ana.getByRole('dialog', { name: 'Make a key' }).waitFor({ state: 'hidden' });
  }, ana);

  await story('quality: every page about people and votes has a state for a failure, a refusal and a wait', async () => {
    const reads = [['/access', '**/api/v1/users', 'the people'], ['/access/groups', '**/api/v1/groups', 'the groups'], ['/access/roles', '**/api/v1/roles', 'the roles'], ['/access/keys', '**/api/v1/auth/keys', 'the keys'], ['/access/tenants', '**/api/v1/tenants', 'the tenants'],
      ['/access/providers', '**/api/v1/auth/providers', 'the providers'], ['/access/people/ben', '**/api/v1/users/ben', 'the person'], ['/approvals/ahead', '**/api/v1/grants?*', 'what was agreed to ahead'], ['/approvals/standing-in', '**/api/v1/approvals/delegations', 'who stands in'],
      ['/approvals/broken-glass', '**/api/v1/breakglass?*', 'the broken glass'], ['/approvals/figures', '**/api/v1/approvals/figures?*', 'the figures']];
    const said = (status, code) => ({ status, contentType: 'application/problem+json', headers: { 'retry-after': '7' }, body: JSON.stringify({ code, status, title: code, detail: 'told so' }) });
    for (const [path, address, what] of reads) {
      await ana.route(address, (route) => route.fulfill(said(500, 'internal')));
      await ana.goto(path);
      await ana.getByRole('alert').getByText(/did not load/).first().waitFor();
      await axe(ana);
      await ana.unroute(address);
      await ana.getByRole('button', { name: 'Try again' }).first().click();
      await settled(ana);
      await ana.route(address, (route) => route.fulfill(said(403, 'forbidden')));
      await ana.goto(path);
      await ana.getByRole('alert').getByText(`You may not see ${what}`).first().waitFor();
      await ana.unroute(address);
      await ana.route(address, (route) => route.fulfill(said(429, 'too-many-requests')));
      await ana.goto(path);
      await ana.getByText('Try again in 7 s').first().waitFor();
      await ana.unroute(address);
    }
    // A wait: the page stands, and says that it reads.
    let go;
    const gate = new Promise((done) => { go = done; });
    await ana.route('**/api/v1/users', async (route) => { await gate; await route.continue(); });
    await ana.goto('/access');
    await ana.getByRole('heading', { name: 'People', level: 1 }).waitFor();
    await ana.locator('[aria-busy=true]').first().waitFor();
    await axe(ana);
    go();
    await ana.getByRole('link', { name: 'ben', exact: true }).waitFor();
    await ana.unroute('**/api/v1/users');
  }, ana);

  await story('quality: a change that another person made first is told, and what was typed stays', async () => {
    await ana.goto('/access/people/ben');
    const form = ana.getByRole('form', { name: 'Change ben' });
    await form.getByLabel('Groups').fill('dba on-call');
    for (const [status, code, says] of [[409, 'conflict', 'told so'], [429, 'too-many-requests', 'Try again in 7 s'], [503, 'log-unavailable', 'told so']]) {
      await ana.route('**/api/v1/users/usr_*', (route) => (route.request().method() === 'PATCH' ? route.fulfill({ status, contentType: 'application/problem+json', headers: { 'retry-after': '7' }, body: JSON.stringify({ code, status, title: code, detail: 'told so' }) }) : route.fallback()));
      await form.getByRole('button', { name: 'Save' }).click();
      await form.getByRole('alert').getByText(says).waitFor();
      same(await form.getByLabel('Groups').inputValue(), 'dba on-call', 'what was typed');
      await ana.unroute('**/api/v1/users/usr_*');
    }
    await axe(ana);
    // A session that ends in the middle of it.
    await ana.context().clearCookies();
    await form.getByRole('button', { name: 'Save' }).click();
    await ana.getByRole('dialog', { name: 'Your session has ended' }).waitFor();
    await ana.getByRole('dialog').getByLabel('Name').fill('ana');
    await ana.getByRole('dialog').getByLabel('Password').fill('a long enough sentence');
    await ana.getByRole('dialog').getByRole('button', { name: 'Sign in', exact: true }).click();
    await ana.getByRole('dialog').waitFor({ state: 'hidden' });
    same(await form.getByLabel('Groups').inputValue(), 'dba on-call', 'what was typed, after the sign-in');
    await form.getByRole('button', { name: 'Save' }).click();
    await ana.getByText('ben is changed').waitFor();
    await ana.getByRole('button', { name: 'Undo' }).last().click();
    await until('the groups to be as before', async () => (await w.ask('GET', '/api/v1/users/ben')).groups.length === 0);
  }, ana);
}
