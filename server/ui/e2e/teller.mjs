// Tells the stories one after the other, and what came of each.
import { createRequire } from 'node:module';
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const require = createRequire(import.meta.url);
const { AxeBuilder } = require('@axe-core/playwright');

export const shots = process.env.LEGATOR_SHOTS ?? fileURLToPath(new URL('../../../target/ui-shots', import.meta.url));
mkdirSync(shots, { recursive: true });

export const tally = { passed: 0, failed: 0, rules: 0 };
/** Only stories whose names fit, and those that set the stage. */
const only = process.argv[2] ? new RegExp(process.argv[2]) : undefined;

export async function story(name, tell, page) {
  if (only && !only.test(name) && !name.startsWith('first start')) return;
  const began = performance.now();
  try {
    await tell();
    tally.passed += 1;
    console.log(`ok    ${name} (${Math.round(performance.now() - began)} ms)`);
  } catch (cause) {
    tally.failed += 1;
    console.log(`FAIL  ${name}\n      ${String(cause?.stack ?? cause).split('\n').slice(0, 14).join('\n      ')}`);
    if (page) await page.screenshot({ path: join(shots, `failed-${tally.failed}.png`) }).catch(() => undefined);
  }
}

export const same = (found, wanted, what) => { if (found !== wanted) throw new Error(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`); };
export const holds = (held, what) => { if (!held) throw new Error(what); };

export async function browser() {
  const chrome = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  const loud = [];
  return {
    loud,
    close: () => chrome.close(),
    /** Another person's browser: nothing is shared with the others. */
    async person(base, options = {}) {
      const context = await chrome.newContext({ baseURL: base, ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 }, ...options });
      context.setDefaultTimeout(Number(process.env.LEGATOR_PATIENCE ?? 30_000));
      if (process.env.LEGATOR_UI_FROM) await context.route(`${base}/**`, fromFolder(process.env.LEGATOR_UI_FROM));
      const page = await context.newPage();
      // A refusal that a page expects is on the console too; what a page threw never is expected.
      page.on('pageerror', (error) => loud.push(`${page.url()}: ${error}`));
      page.on('console', (said) => { if (said.type() === 'error' && /Content Security Policy|Refused to/.test(said.text())) loud.push(said.text()); });
      page.on('dialog', (dialog) => { loud.push(`a dialog opened: ${dialog.message()}`); void dialog.dismiss(); });
      page.on('request', (asked) => { if (!asked.url().startsWith(base) && !/^(blob|data):/.test(asked.url())) loud.push(`asked another origin: ${asked.url()}`); });
      return page;
    },
  };
}

/** Pages from a folder instead of from the program: for trying what was just built, without building the server. */
const fromFolder = (folder) => (route) => {
  const { pathname } = new URL(route.request().url());
  if (/^\/(api|docs|healthz|openapi\.json|version)\b/.test(pathname)) return route.fallback();
  const file = join(folder, pathname);
  return route.fulfill({ path: pathname !== '/' && existsSync(file) ? file : join(folder, 'index.html') });
};

/** WCAG 2.0 to 2.2, A and AA, and what axe's makers hold to be good practice. */
export async function axe(page) {
  const found = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']).analyze();
  tally.rules += found.passes.length;
  holds(found.violations.length === 0, found.violations.map((one) => `${one.id} (${one.impact}) ${one.help}: ${one.nodes.slice(0, 3).map((node) => `${node.target.join(' ')} ${node.any[0]?.message ?? ''}`).join(' | ')}`).join('\n'));
}

export const theme = (page, name) => page.evaluate((to) => { localStorage.setItem('legator-theme', to); document.documentElement.dataset.theme = to; }, name);
