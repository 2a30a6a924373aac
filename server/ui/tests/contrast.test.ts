// The palette as it stands in `app.css`: every text on every surface can be read, in both themes.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const css = readFileSync('src/app.css', 'utf8');
const themes = { dark: /:root, \[data-theme="dark"\] \{([^}]*)\}/.exec(css)?.[1] ?? '', light: /\n\[data-theme="light"\] \{([^}]*)\}/.exec(css)?.[1] ?? '' };

/** OKLCH to linear sRGB, by the matrices of CSS Color 4; then WCAG's relative luminance. */
function luminance(block: string, name: string): number {
  const hit = new RegExp(`--${name}: oklch\\(([\\d.]+) ([\\d.]+) ([\\d.]+)\\)`).exec(block) ?? new RegExp(`--${name}: oklch\\(([\\d.]+) ([\\d.]+)( )`).exec(block);
  if (!hit) throw new Error(`no token ${name}`);
  const [l, c, h] = [Number(hit[1]), Number(hit[2]), (Number(hit[3]) * Math.PI) / 180];
  const [a, b] = [c * Math.cos(h), c * Math.sin(h)];
  const [x, y, z] = [(l + 0.3963377774 * a + 0.2158037573 * b) ** 3, (l - 0.1055613458 * a - 0.0638541728 * b) ** 3, (l - 0.0894841775 * a - 1.291485548 * b) ** 3];
  const clamp = (n: number) => Math.min(1, Math.max(0, n));
  const [red, green, blue] = [clamp(4.0767416621 * x - 3.3077115913 * y + 0.2309699292 * z), clamp(-1.2684380046 * x + 2.6097574011 * y - 0.3413193965 * z), clamp(-0.0041960863 * x - 0.7034186147 * y + 1.707614701 * z)];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
const ratio = (block: string, ink: string, paper: string) => { const [a, b] = [luminance(block, ink), luminance(block, paper)]; return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); };

describe.each(Object.entries(themes))('the %s theme', (_, block) => {
  it.each(['text', 'text2', 'text3', 'accent', 'ok', 'warn', 'bad'])('can be read in %s on every surface', (ink) => {
    for (const paper of ['bg', 's1', 's2', 's3']) expect(ratio(block, ink, paper), `${ink} on ${paper}`).toBeGreaterThanOrEqual(4.5);
  });
  it('can be read on its buttons', () => {
    for (const tone of ['accent', 'ok', 'bad']) expect(ratio(block, `on-${tone}`, `${tone}-solid`), tone).toBeGreaterThanOrEqual(4.5);
  });
  it('shows the edges of what can be typed into', () => {
    for (const paper of ['bg', 's1']) expect(ratio(block, 'edge', paper)).toBeGreaterThanOrEqual(3);
  });
});
