// The interface as people use it: Chromium, a real server, real probes. The last line says how many stories went well.
import { join } from 'node:path';
import { access, tenants } from './access.mjs';
import { arranged } from './arranged.mjs';
import { keys } from './keys.mjs';
import { pages } from './pages.mjs';
import { policies } from './policies.mjs';
import { quality } from './quality.mjs';
import { several } from './several.mjs';
import { signingIn } from './signing-in.mjs';
import { figure, speed } from './speed.mjs';
import { axe, browser, holds, same, shots, story, tally } from './teller.mjs';
import { until, world } from './world.mjs';

const w = await world();
const b = await browser();
const WORD = 'a long enough sentence';
const ana = await b.person(w.base);
const ben = await b.person(w.base);
const shot = (page, name) => page.screenshot({ path: join(shots, `${name}.png`) });
const signIn = async (page, name) => {
  const form = page.getByRole('form', { name: 'Sign in' });
  await form.getByLabel('Name').fill(name);
  await form.getByLabel('Password').fill(WORD);
  await form.getByRole('button', { name: 'Sign in', exact: true }).click();
};
/** Types a command into the bar of a host, sees what would happen, and runs it. */
const run = async (page, host, line, { verdict, reason } = {}) => {
  await page.goto(`/fleet?probe=${host}`);
  await page.getByLabel(`Command for ${host}`).fill(line);
  if (verdict) await page.getByText(verdict).first().waitFor();
  if (reason) await page.getByLabel('Reason').fill(reason);
  await page.getByRole('form', { name: `Run on ${host}` }).getByRole('button', { name: /^Run/ }).click();
};

try {
  await story('first start: the printed link makes the first administrator and leads to the overview', async () => {
    await ana.goto((await w.setupLink()).replace(w.base, ''));
    await ana.getByRole('heading', { name: 'Set Legator up' }).waitFor();
    await axe(ana);
    await shot(ana, 'setup');
    await ana.getByLabel('Name').fill('ana');
    await ana.getByLabel('Password').fill(WORD);
    await ana.getByRole('button', { name: 'Make the administrator' }).click();
    await ana.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
    await ana.getByText('No host is enrolled yet').waitFor();
    await ana.getByRole('region', { name: 'First steps' }).getByText('0 of 4').waitFor();
    await axe(ana);
    await shot(ana, 'first-steps');
    await ana.locator('[data-live=live]').waitFor();
  }, ana);

  await story('first start: a host is enrolled by the shown line, and appears on the page by itself', async () => {
    await ana.goto('/enroll');
    await ana.getByLabel('Tags').fill('web');
    await ana.getByRole('button', { name: 'Make a token' }).click();
    const line = await ana.locator('pre', { hasText: 'LEGATOR_TOKEN=' }).textContent();
    await ana.getByText('Waiting for the host to connect').waitFor();
    holds(line.endsWith(`--server ${w.base}`), line);
    w.enroll('web-1', /LEGATOR_TOKEN=(\S+)/.exec(line)[1]);
    await ana.getByRole('link', { name: 'web-1' }).waitFor();
    await shot(ana, 'enroll');
    w.enroll('prod-1', await w.token(['web', 'prod']));
    w.enroll('db-1', await w.token(['db']));
    await w.online('prod-1');
    await w.online('db-1');
    await ana.goto('/overview');
    await ana.getByRole('region', { name: 'First steps' }).getByRole('listitem').filter({ hasText: 'Enroll a host (done)' }).waitFor();
  }, ana);

  await story('first start: a second person comes by a link, and only sees what they may', async () => {
    await ana.goto('/access');
    await ana.getByRole('button', { name: 'Add a person' }).click();
    const form = ana.getByRole('form', { name: 'Add a person' });
    await form.getByLabel('Name').fill('ben');
    await form.getByRole('checkbox', { name: /approver/ }).check();
    await form.getByRole('button', { name: 'Add ben' }).click();
    const link = await ana.locator('code', { hasText: '/setup#' }).textContent();
    await ben.goto(link.replace(w.base, ''));
    await ben.getByLabel('Password').fill(WORD);
    await ben.getByRole('button', { name: 'Choose it and sign in' }).click();
    await ben.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
    await ben.getByRole('button', { name: 'Signed in as ben' }).waitFor();
    same(await ben.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Enroll' }).count(), 0, 'a link to a page that may not be seen');
    await ben.goto('/enroll');
    await ben.getByText('You may not see the tokens').waitFor();
    await axe(ben);
  }, ben);

  await story('a command says what it would do, runs, and its output comes in as it is written', async () => {
    await run(ana, 'web-1', 'uptime', { verdict: 'Would run' });
    await ana.getByRole('log', { name: /Output/ }).getByText('load average').waitFor();
    await ana.getByRole('status').getByText('Succeeded').waitFor();
    await shot(ana, 'fleet-ran');
  }, ana);

  await story('a denied command says by which policy, and leads to the clauses', async () => {
    await run(ana, 'db-1', 'mkfs.ext4 /dev/no-such-disk', { verdict: 'Would be denied' });
    await ana.getByRole('alert').getByText('databases-are-never-wiped-from-here').first().waitFor();
    await ana.getByRole('link', { name: 'Why, clause by clause' }).click();
    await ana.getByRole('heading', { name: 'Policies that decided' }).waitFor();
    await ana.locator('.cm-note', { hasText: 'held' }).first().waitFor();
    await axe(ana);
    await shot(ana, 'denied');
  }, ana);

  let request;
  await story('two people in two browsers: asked, approved, run, and seen by both without a reload', async () => {
    await ben.goto('/approvals');
    await ben.getByText('Nothing is waiting').waitFor();
    await run(ana, 'prod-1', `touch ${join(w.folder, 'agreed')}`, { verdict: 'Would wait for people', reason: 'after the cache move' });
    await ana.getByRole('link', { name: 'Request' }).click();
    await ana.getByText('You cannot decide this request').waitFor();
    request = new URL(ana.url()).pathname;
    await ben.getByRole('heading', { name: /ana asks to run this on/ }).waitFor();
    await ben.getByText('after the cache move').waitFor();
    await ben.locator('.cm-note', { hasText: 'does not hold' }).first().waitFor();
    await shot(ben, 'approval');
    await ben.keyboard.press('a');
    await ben.getByLabel(/Why is this right to run/).fill('short');
    await ben.getByRole('button', { name: 'Approve and run on prod-1' }).click();
    same(await ben.locator('#reason:invalid').count(), 1, 'reasons that are too short and were sent');
    await ben.getByLabel(/Why is this right to run/).fill('seen and agreed with the network team');
    await ben.getByRole('button', { name: 'Approve and run on prod-1' }).click();
    await ben.getByText('This request is closed.').waitFor();
    await ana.getByText('seen and agreed with the network team').waitFor();
    await ana.getByRole('link', { name: 'What became of the command' }).click();
    await ana.getByRole('status').getByText('Succeeded').waitFor();
    await ana.getByRole('heading', { name: 'Path to the host' }).waitFor();
    await shot(ana, 'command');
  }, ben);

  await story('an entry of the log is proved in the browser, and one that was changed is not', async () => {
    await ana.goto('/activity?kind=command.');
    await ana.getByRole('link', { name: /touch .*agreed.* waits for people/ }).first().click();
    await ana.locator('[data-proof=good]').waitFor();
    await ana.getByText('Signature').waitFor();
    await shot(ana, 'entry');
    await ana.route('**/api/v1/audit/entries/*/proof', async (route) => {
      const answer = await route.fetch();
      const body = await answer.json();
      await route.fulfill({ response: answer, json: { ...body, entry: body.entry.replace('ana', 'eve') } });
    });
    await ana.reload();
    await ana.locator('[data-proof=bad]').waitFor();
    await ana.unroute('**/api/v1/audit/entries/*/proof');
  }, ana);

  await story('what a host prints stays text: colours are shown, nothing runs, nothing hides', async () => {
    await run(ana, 'web-1', String.raw`printf '\033[31mred\033[0m <img src=x onerror=alert(1)> \342\200\256evil\007\n'`);
    const log = ana.getByRole('log', { name: /Output/ });
    await log.getByText('<img src=x onerror=alert(1)>').waitFor();
    const text = await log.textContent();
    holds(text.includes('⟨U+202E⟩') && text.includes('␇'), `hidden characters are shown: ${text}`);
    same(await log.getByText('red', { exact: true }).evaluate((el) => el.style.color), 'var(--bad)', 'the colour of `red`');
  }, ana);

  await story('ten megabytes of output stay usable', async () => {
    await run(ana, 'web-1', `sh -c 'yes "a line that is long enough to add up" | head -c 10000000'`);
    await ana.getByRole('log', { name: /Output/ }).waitFor();
    await until('the end of the output', async () => /Succeeded|Failed/.test(await ana.locator('aside').textContent()), 90_000);
    const rows = await ana.getByRole('log', { name: /Output/ }).locator('[data-index]').count();
    holds(rows < 90, `${rows} lines in the page`);
    const lines = Number((await ana.getByText(/^[\d,]+ lines$/).textContent()).replaceAll(/\D/g, ''));
    holds(lines > 10_000, `only ${lines} lines came`);
    const began = Date.now();
    await ana.getByRole('tab', { name: 'Network' }).click();
    await ana.getByRole('table', { name: 'Network interfaces' }).waitFor();
    console.log(`      a tab answers in ${Date.now() - began} ms beside it`);
  }, ana);

  await several({ ana, w, shot });

  const replay = await policies({ ana, ben, w, run, shot, signIn });

  await speed({ b, w, ana });

  await story('live updates go on over a restart of the server', async () => {
    await ana.goto('/fleet');
    await ana.locator('[data-live=live]').waitFor();
    await w.down();
    await ana.getByText(/Not updating since/).waitFor();
    await w.up();
    await ana.locator('[data-live=live]').waitFor();
    await w.online('web-1');
    await w.ask('PUT', '/api/v1/probes/web-1/tags', { tags: ['web', 'after-the-restart'] });
    await ana.getByRole('gridcell', { name: /after-the-restart/ }).waitFor();
    await w.online('prod-1');
  }, ana);

  await story('a session that ends in the middle of a reason loses nothing of it', async () => {
    const held = await w.ask('POST', '/api/v1/probes/prod-1/command', { argv: ['touch', join(w.folder, 'later')], reason: 'to be signed in again' });
    await ben.goto(`/approvals/${held.approval}`);
    await ben.getByRole('button', { name: /^Deny/ }).click();
    await ben.getByLabel(/Why not/).fill('not before the window opens');
    await ben.context().clearCookies();
    await ben.getByRole('button', { name: 'Deny', exact: true }).click();
    const dialog = ben.getByRole('dialog', { name: 'Your session has ended' });
    await dialog.waitFor();
    await axe(ben);
    await shot(ben, 'session-ended');
    await signIn(dialog, 'ben');
    await dialog.waitFor({ state: 'hidden' });
    same(await ben.getByLabel(/Why not/).inputValue(), 'not before the window opens', 'the reason');
    await ben.getByRole('button', { name: 'Deny', exact: true }).click();
    await ben.getByText('This request is closed.').waitFor();
  }, ben);

  await story('keyboard only: to the queue, to a request, to a reason, and back', async () => {
    // What earlier stories left waiting would stand before it.
    for (const left of (await w.ask('GET', '/api/v1/approvals?status=pending')).approvals) if (left.command) await w.ask('POST', `/api/v1/commands/${left.command}/cancel`, {});
    await w.ask('POST', '/api/v1/probes/prod-1/command', { argv: ['touch', join(w.folder, 'k1')], reason: 'first' });
    await w.ask('POST', '/api/v1/probes/prod-1/command', { argv: ['touch', join(w.folder, 'k2')], reason: 'second' });
    await ben.goto('/overview');
    await ben.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
    await ben.keyboard.press('g');
    await ben.keyboard.press('a');
    await ben.getByRole('heading', { name: /asks to run this on/ }).waitFor();
    await ben.getByText('first', { exact: true }).waitFor();
    await ben.keyboard.press('j');
    await ben.getByText('second', { exact: true }).waitFor();
    await ben.keyboard.press('d');
    await until('the reason to have the focus', () => ben.evaluate(() => document.activeElement?.id === 'reason'));
    await ben.keyboard.type('not now');
    await ben.keyboard.press('Escape');
    await ben.getByRole('button', { name: /^Approve/ }).waitFor();
    await ben.keyboard.press('Control+k');
    await ben.getByRole('combobox', { name: /Search pages/ }).fill('go to fleet');
    await ben.keyboard.press('Enter');
    await ben.getByRole('grid', { name: 'Hosts' }).waitFor();
    await ben.keyboard.press('j');
    await until('a row to have the focus', () => ben.evaluate(() => document.activeElement?.getAttribute('role') === 'row'));
    await ben.keyboard.press('Enter');
    await ben.waitForURL(/probe=/);
    await ben.keyboard.press('?');
    await ben.getByRole('dialog', { name: 'Keys' }).waitFor();
  }, ben);

  await story('on a phone: a request is read and decided with a thumb, and nothing runs off the side', async () => {
    const phone = await b.person(w.base, { viewport: { width: 390, height: 844 }, hasTouch: true });
    await phone.goto('/approvals');
    await signIn(phone, 'ben');
    await phone.getByRole('link', { name: /prod-1/ }).first().waitFor();
    await shot(phone, 'queue-390');
    await phone.getByRole('link', { name: /prod-1/ }).first().click();
    const approve = phone.getByRole('button', { name: /^Approve/ });
    await approve.waitFor();
    const box = await approve.boundingBox();
    holds(box.height >= 44 && box.y + box.height <= 844, `the button is ${box.height} px high at ${box.y}`);
    await shot(phone, 'approval-390');
    await approve.click();
    await phone.getByLabel(/Why is this right to run/).fill('looked at it on the train');
    await shot(phone, 'approval-390-decide');
    await phone.getByRole('button', { name: /Approve and run/ }).click();
    await phone.getByText('This request is closed.').waitFor();
    for (const path of ['/overview', '/fleet', '/fleet?probe=web-1', '/approvals?show=all', '/commands', '/policies', '/policies?file=policies/guardrails.cedar', '/policies/changes', '/policies/cases', '/policies/replays', replay ?? '/policies', '/policies/shadow', '/policies/history', '/policies/history/active', '/fleet?q=tag:web&run=matching', '/account', '/access', '/access/people/ben', '/approvals/ahead/new', '/approvals/figures', request]) {
      await phone.goto(path);
      await phone.locator('h1, h2').first().waitFor({ state: 'attached' });
      const over = await phone.evaluate(() => {
        const scrolls = (el) => el && (/(auto|scroll)/.test(getComputedStyle(el).overflowX) || scrolls(el.parentElement));
        const far = [...document.querySelectorAll('main *')].filter((el) => !scrolls(el) && el.getBoundingClientRect().right > innerWidth + 1 && el.getClientRects().length > 0);
        return [document.documentElement.scrollWidth > innerWidth ? 'the page scrolls sideways' : '', ...far.slice(0, 3).map((el) => `${el.tagName} ${el.className}`)].filter(Boolean).join('; ');
      });
      same(over, '', `what runs off the side of ${path}`);
    }
    await phone.context().close();
  });

  await story('ten thousand hosts: few rows in the page, filtered at the speed of typing', async () => {
    const index = JSON.stringify(tenThousand());
    await ana.route('**/api/v1/fleet/index', (route) => route.fulfill({ contentType: 'application/json', headers: { etag: '"x"' }, body: index }));
    const began = Date.now();
    await ana.goto('/fleet');
    await ana.getByText('10,000 of 10,000 hosts').waitFor();
    const ready = Date.now() - began;
    const rows = await ana.getByRole('row').count();
    holds(rows < 70, `${rows} rows in the page`);
    const keys = await ana.evaluate(async () => {
      const input = document.querySelector('input[aria-label="Filter hosts"]');
      const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
      const took = [];
      for (const text of ['w', 'we', 'web', 'web ', 'web t', 'web tag:p', 'web tag:prod', 'web tag:prod -is:offline']) {
        const at = performance.now();
        set.call(input, text);
        input.dispatchEvent(new Event('input', { bubbles: true }));
        await new Promise((go) => requestAnimationFrame(() => setTimeout(go)));
        took.push(Math.round(performance.now() - at));
      }
      return took;
    });
    console.log(`      keys: ${keys.join(' ')} ms`);
    figure('10,000 hosts on the screen, from the address typed', 'ms', ready, 1_000);
    figure('a key in the filter over 10,000 hosts, to the next frame, the slowest of 8', 'ms', Math.max(...keys), 50);
    await ana.getByText(/^[1-9][\d,]* of 10,000 hosts$/).waitFor();
    await axe(ana);
    await ana.locator('[data-scroller]').evaluate((el) => { el.scrollTop = 100_000; });
    holds((await ana.getByRole('row').count()) < 70, 'rows pile up while scrolling');
    await shot(ana, 'fleet-10000');
    await ana.unroute('**/api/v1/fleet/index');
  }, ana);

  await story('a server that fails, forbids or tells to wait has its say on the page', async () => {
    const answers = [[500, 'internal', 'did not load'], [503, 'log-unavailable', 'did not load'], [429, 'too-many-requests', 'Try again in 7 s'], [403, 'forbidden', 'You may not see the commands']];
    for (const [status, code, says] of answers) {
      await ana.route('**/api/v1/commands?*', (route) => route.fulfill({ status, contentType: 'application/problem+json', headers: { 'retry-after': '7' }, body: JSON.stringify({ code, status, title: code, detail: 'told so' }) }));
      await ana.goto('/commands');
      await ana.getByRole('alert').getByText(says).waitFor();
      await ana.unroute('**/api/v1/commands?*');
    }
    await ana.route('**/api/v1/commands?*', (route) => route.abort());
    await ana.goto('/commands');
    await ana.getByRole('alert').getByText('The server cannot be reached').waitFor();
    await ana.unroute('**/api/v1/commands?*');
    await ana.goto('/approvals/apr_00000000000000000000000000');
    await ana.getByText('There is nothing here').waitFor();
    await ana.goto('/no/such/page');
    await ana.getByText('There is no such page').waitFor();
  }, ana);

  await story('a server of another version is told, and nothing reloads by itself', async () => {
    await ana.goto('/settings');
    await ana.locator('[data-live=live]').waitFor();
    const front = (url) => url.pathname === '/';
    await ana.route(front, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><script type="module" src="/assets/index-other.js"></script>' }));
    await w.down();
    await ana.locator('[data-live=stale]').waitFor();
    await w.up();
    await ana.getByText('The server is of another version now').waitFor();
    await axe(ana);
    await shot(ana, 'another-version');
    await ana.unroute(front);
    await ana.route('**/assets/Enroll-*.js', (route) => route.fulfill({ status: 404, body: 'gone' }));
    await ana.goto('/settings');
    await ana.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Enroll' }).click();
    await ana.getByText('This page belongs to the one before').waitFor();
    await ana.unroute('**/assets/Enroll-*.js');
  }, ana);

  await story('nine tabs are all live, by one stream', async () => {
    const tabs = [];
    for (let n = 0; n < 8; n++) {
      const tab = await ana.context().newPage();
      await tab.goto('/settings');
      await tab.getByRole('heading', { name: 'Settings', level: 1 }).waitFor();
      tabs.push(tab);
    }
    for (const tab of tabs) await tab.locator('[data-live=live]').waitFor();
    for (const tab of tabs) await tab.close();
  }, ana);

  await access({ ana, ben, b, w, shot });
  await arranged({ ana, ben, b, w, shot, run });
  await keys({ ana, ben, w, shot, run });
  await quality({ ana, b, w, shot });
  await pages({ page: ana, request, replay });
  await tenants({ ana, ben, b, w, shot });
  await signingIn({ browser: b, world: w, shot });

  await story('nothing on the way broke a rule of the browser, opened a dialog or asked another origin', async () => same(b.loud.join('\n'), '', 'what was heard'));
} catch (cause) {
  tally.failed += 1;
  console.log(cause);
} finally {
  await b.close();
  if (tally.failed) console.log(`the server's last words:\n${w.log('server').split('\n').slice(-15).join('\n')}`);
  await w.end();
}
console.log(`${tally.rules} rules of axe held; screenshots are in ${shots}`);
console.log(`${tally.passed} passed, ${tally.failed} failed`);
process.exit(tally.failed || !tally.passed ? 1 : 0);

function tenThousand() {
  const n = 10_000;
  const words = ['online', 'degraded', 'offline', 'linux', 'x86_64', '0.1.0', 'remediate', '', 'web', 'db', 'prod', 'staging'];
  const all = (make) => Array.from({ length: n }, (_, i) => make(i));
  return {
    words, id: all((i) => `prb_${String(i).padStart(26, '0')}`), name: all((i) => `${i % 3 ? 'web' : 'db'}-${String(i).padStart(5, '0')}`),
    status: all((i) => (i % 97 === 0 ? 2 : i % 41 === 0 ? 1 : 0)), os: all(() => 3), arch: all(() => 4), version: all(() => 5), ceiling: all(() => 6), site: all(() => 7),
    tags: all((i) => [i % 3 ? 8 : 9, i % 2 ? 10 : 11]), score: all(() => 100), cpu: all((i) => i % 100), mem: all((i) => (i * 7) % 100), disk: all((i) => (i * 13) % 100), seen: all(() => Math.floor(Date.now() / 30_000) * 30),
  };
}
