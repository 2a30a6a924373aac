// How fast the pages are, measured and printed. Never: a story that fails because the machine is busy; what is held hard
// is what does not depend on it (sizes, rows in the page).
import { writeFileSync } from 'node:fs';
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

export async function speed({ b, w, ana }) {
  await story('speed: the first paint over a throttled line, with nothing in the cache', async () => {
    const took = [];
    for (let n = 0; n < 3; n++) {
      const page = await b.person(w.base, { storageState: await ana.context().storageState() });
      const cdp = await page.context().newCDPSession(page);
      await cdp.send('Network.enable');
      await cdp.send('Network.emulateNetworkConditions', LINE);
      await page.goto('/overview');
      await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
      took.push(await page.evaluate(() => new Promise((done) => {
        const look = () => { const [paint] = performance.getEntriesByName('first-contentful-paint'); if (paint) done(Math.round(paint.startTime)); else setTimeout(look, 20); };
        look();
      })));
      await page.context().close();
    }
    figure('first contentful paint, throttled', 'ms', middle(took), 1_000);
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
