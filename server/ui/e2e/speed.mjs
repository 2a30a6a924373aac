// How fast the pages are, measured and printed. Never: a story that fails because the machine is busy; what is held hard
// is what does not depend on it (sizes, rows in the page).
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { shots, story } from './teller.mjs';

const middle = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const file = join(shots, 'speed.json');
const figures = {};
export function figure(name, unit, value, budget) {
  figures[name] = { value, unit, budget };
  writeFileSync(file, JSON.stringify(figures, null, 2));
  // For `cargo xtask bench`, which reads lines of JSON and leaves the rest.
  if (process.env.LEGATOR_FIGURES) console.log(JSON.stringify({ name, [unit]: value, budget }));
  console.log(`      ${name}: ${value} ${unit} (budget ${budget} ${unit}${value > budget ? ', over it here' : ''})`);
}

/** A line that is common in homes and slower than any office: 10 Mbit/s, 40 ms there and back. */
const LINE = { offline: false, latency: 40, downloadThroughput: 10_000_000 / 8, uploadThroughput: 5_000_000 / 8 };

/** A laptop of four cores that runs on its battery: a quarter of this machine's speed. */
const SLOW = 4;
/** Where the pages come from matters to the line; a folder is not it. */
const from = process.env.LEGATOR_UI_FROM ? ', pages from a folder' : '';
const busy = () => loadavg()[0].toFixed(1);

/** One first visit: nothing cached, nothing kept but who is signed in. */
async function visit({ b, w, ana }, slow) {
  const page = await b.person(w.base, { storageState: await ana.context().storageState() });
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Network.enable');
  await cdp.send('Network.setCacheDisabled', { cacheDisabled: true });
  await cdp.send('Network.emulateNetworkConditions', LINE);
  if (slow) {
    await cdp.send('Emulation.setHardwareConcurrencyOverride', { hardwareConcurrency: 4 });
    await cdp.send('Emulation.setCPUThrottlingRate', { rate: SLOW });
  }
  await page.goto('/overview', { waitUntil: 'commit' });
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
  const read = await page.evaluate(() => Math.round(performance.now()));
  const paint = await page.evaluate(() => new Promise((done) => {
    const look = () => { const [paint] = performance.getEntriesByName('first-contentful-paint'); if (paint) done(Math.round(paint.startTime)); else setTimeout(look, 20); };
    look();
  }));
  const bytes = await page.evaluate(() => [performance.getEntriesByType('navigation'), performance.getEntriesByType('resource')].flat().reduce((sum, one) => sum + one.transferSize, 0));
  await page.context().close();
  return { paint, read, bytes };
}

export async function speed({ b, w, ana }) {
  await story('speed: the first paint over a throttled line, with nothing in the cache', async () => {
    for (const [slow, name] of [[false, 'over a throttled line'], [true, `over a throttled line, processor ${SLOW} times slower`]]) {
      const took = [];
      for (let n = 0; n < 5; n++) took.push(await visit({ b, w, ana }, slow));
      console.log(`      load ${busy()} on ${cpus().length} cores; ${took.map((one) => `${one.paint}/${one.read}`).join(' ')} ms; ${Math.round(took[0].bytes / 1000)} kB over the line`);
      figure(`first contentful paint ${name}${from}`, 'ms', middle(took.map((one) => one.paint)), 1_000);
      figure(`overview on the screen ${name}${from}`, 'ms', middle(took.map((one) => one.read)), 1_500);
    }
  }, ana);

  await story('speed: from a change on the server to the screen', async () => {
    await ana.goto('/approvals?show=pending');
    await ana.locator('[data-live=live]').waitFor();
    const took = [];
    for (let n = 0; n < 7; n++) {
      const word = `speed-${n}-${Date.now()}`;
      const seen = ana.evaluate((text) => new Promise((done) => {
        const look = () => { if (document.body.textContent.includes(text)) requestAnimationFrame(() => done(Date.now())); else setTimeout(look, 4); };
        look();
      }), word);
      const held = await w.ask('POST', '/api/v1/probes/prod-1/command', { argv: ['touch', word], reason: 'to see how fast it shows' });
      // From when the server says that it happened; both clocks are this machine's.
      took.push(await seen - Date.parse(held.created_at));
      await w.ask('POST', `/api/v1/commands/${held.id}/cancel`);
      await new Promise((go) => setTimeout(go, 400));
    }
    figure('event to screen', 'ms', middle(took), 250);
  }, ana);
}
