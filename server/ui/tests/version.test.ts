import { describe, expect, it } from 'vitest';
import { another, isGone } from '../src/shell/OtherVersion';

const page = (script: string) => `<!doctype html><script type="module" crossorigin src="${script}"></script>`;

describe('a server of another version', () => {
  it('is told by the name of its script, and by nothing else', () => {
    expect(another(page('/assets/index-a.js'), '/assets/index-a.js')).toBe(false);
    expect(another(page('/assets/index-b.js'), '/assets/index-a.js')).toBe(true);
    // Something between us and the server has answered, or this page has no such script.
    expect(another('<h1>Bad gateway</h1>', '/assets/index-a.js')).toBe(false);
    expect(another(page('/assets/index-b.js'), undefined)).toBe(false);
  });

  it('is told by a part that is gone', () => {
    expect(isGone(new TypeError('Failed to fetch dynamically imported module: https://x/assets/Fleet-1.js'))).toBe(true);
    expect(isGone(new TypeError('error loading dynamically imported module'))).toBe(true);
    expect(isGone(new Error('x is undefined'))).toBe(false);
    expect(isGone('a word')).toBe(false);
  });
});
