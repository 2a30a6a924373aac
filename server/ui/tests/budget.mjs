// What a first visit may weigh, held against what was built: gzip of everything that the first page needs.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const FIRST = 200_000;
const ROUTE = 40_000;
const CODE = 110_000;
const FONTS = 90_000;
const folder = new URL('../dist/', import.meta.url).pathname;
const size = (name) => gzipSync(readFileSync(join(folder, 'assets', name)), { level: 9 }).length;
const all = readdirSync(join(folder, 'assets')).filter((name) => /\.(js|css|woff2)$/.test(name));
const html = readFileSync(join(folder, 'index.html'), 'utf8');
const named = all.filter((name) => html.includes(name) && !name.endsWith('.woff2'));
// What the entry imports at once comes along, whether the page names it or not.
for (let at = 0; at < named.length; at++) {
  if (!named[at].endsWith('.js')) continue;
  for (const [, name] of readFileSync(join(folder, 'assets', named[at]), 'utf8').matchAll(/(?:from|import)\s*["']\.\/([\w.-]+\.js)["']/g)) if (!named.includes(name)) named.push(name);
}
const overview = all.find((name) => /^Overview-.*\.js$/.test(name));
const first = [...named, ...(overview ? [overview] : [])].reduce((sum, name) => sum + size(name), 0);
const rest = all.filter((name) => name.endsWith('.js') && !named.includes(name));
const route = Math.max(...rest.filter((name) => !/^(code-|CodeView-|CodeEdit-|look-)/.test(name)).map(size));
const code = rest.filter((name) => /^(code-|CodeView-|CodeEdit-|look-)/.test(name)).reduce((sum, name) => sum + size(name), 0);
const fonts = all.filter((name) => name.endsWith('.woff2')).reduce((sum, name) => sum + readFileSync(join(folder, 'assets', name)).length, 0);

let over = 0;
for (const [what, found, limit] of [['first load, JavaScript and CSS', first, FIRST], ['largest route', route, ROUTE], ['code view, when one is shown', code, CODE], ['all fonts', fonts, FONTS]]) {
  const bad = found > limit || !(found > 0);
  over += bad ? 1 : 0;
  console.log(`${bad ? 'OVER' : 'ok  '} ${what}: ${(found / 1000).toFixed(1)} kB of ${limit / 1000} kB`);
}
process.exit(over ? 1 : 0);
