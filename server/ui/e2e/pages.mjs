// Every page in both themes and both sizes under axe, each kept as a picture.
import { join } from 'node:path';
import { axe, holds, shots, story, theme } from './teller.mjs';

const PAGES = [
  ['overview', '/overview', 'h1'], ['fleet', '/fleet', '[role=grid] [role=gridcell]'], ['host', '/fleet?probe=web-1', '[role=tab]'], ['host packages', '/fleet?probe=web-1&tab=packages', 'table'],
  ['host activity', '/fleet?probe=prod-1&tab=activity', 'aside li'], ['approvals', '/approvals?show=all', 'section li'], ['commands', '/commands', 'main li'], ['activity', '/activity', 'section li'],
  ['entry', '/activity/3', '[data-proof]'], ['asked', '/asked', '[aria-label=Operations] li'], ['policies', '/policies?file=policies/guardrails.cedar', '.cm-content'], ['enroll', '/enroll', 'form'],
  ['policy changes', '/policies/changes', 'main a'], ['policy cases', '/policies/cases', '[data-check=good]'], ['policy replays', '/policies/replays', 'form'], ['policy shadow', '/policies/shadow', 'form'],
  ['policy history', '/policies/history', 'ol li'], ['policy revision', '/policies/history/active', 'dl'], ['several hosts', '/fleet?q=tag:web&run=matching', 'aside form'],
  ['access', '/access', 'table'], ['a person', '/access/people/ben', '[data-reach]'], ['access roles', '/access/roles', '#roles'], ['access providers', '/access/providers', 'section'], ['agreed ahead', '/approvals/ahead', '#ahead'], ['ask ahead', '/approvals/ahead/new', 'form'], ['account', '/account', 'table'], ['settings', '/settings', 'dl'],
];

export async function pages({ page, request, replay }) {
  // A colour that is on its way from one theme to the other is nobody's colour.
  await page.emulateMedia({ reducedMotion: 'reduce' });
  for (const [width, height] of [[1440, 900], [390, 844]]) {
    await page.setViewportSize({ width, height });
    for (const [name, path, ready] of [...PAGES, ['request', request ?? '/approvals', 'article'], ['policy replay', replay ?? '/policies/replays', replay ? '[data-replay]' : 'form']]) {
      // Eight hundred rows take axe long, and are the same rows on a phone.
      if (name === 'host packages' && width < 768) continue;
      await story(`axe ${width} ${name}`, async () => {
        await page.goto(path);
        await page.locator(ready).first().waitFor();
        for (const to of ['dark', 'light']) {
          await theme(page, to);
          await axe(page);
          await page.screenshot({ path: join(shots, `${name.replaceAll(' ', '-')}-${width}-${to}.png`) });
        }
        const headings = await page.locator('h1').count();
        holds(headings === 1, `${headings} first headings`);
      }, page);
    }
    await story(`axe ${width} palette`, async () => {
      await page.goto('/overview');
      await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
      await page.keyboard.press('Control+k');
      await page.getByRole('combobox', { name: /Search pages/ }).waitFor();
      await axe(page);
    }, page);
  }
  await page.setViewportSize({ width: 1440, height: 900 });
}
