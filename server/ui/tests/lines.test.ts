import { describe, expect, it } from 'vitest';
import { compare, hunks, parsed, tally } from '../src/policy/lines';

const text = (...lines: string[]) => `${lines.join('\n')}\n`;
const said = (before: string, after: string) => compare(before, after).map((line) => ({ same: ' ', added: '+', removed: '-' })[line.kind] + line.text);

describe('what is different between two texts', () => {
  it('finds the lines that came and went, and keeps the rest', () => {
    expect(said(text('a', 'b', 'c', 'd'), text('a', 'x', 'c', 'd', 'e'))).toEqual([' a', '-b', '+x', ' c', ' d', '+e']);
    expect(said('', text('a'))).toEqual(['+a']);
    expect(said(text('a'), '')).toEqual(['-a']);
    expect(said(text('a'), 'a')).toEqual([' a']);
  });

  it('gives back both texts, whatever they are', () => {
    let seed = 7;
    const chance = (n: number) => { seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648; return seed % n; };
    for (let round = 0; round < 60; round++) {
      const some = () => Array.from({ length: chance(12) }, () => 'abc'[chance(3)] ?? '');
      const [before, after] = [some(), some()];
      const lines = compare(before.length ? text(...before) : '', after.length ? text(...after) : '');
      expect(lines.filter((line) => line.kind !== 'added').map((line) => line.text)).toEqual(before);
      expect(lines.filter((line) => line.kind !== 'removed').map((line) => line.text)).toEqual(after);
    }
  });

  it('shows a few lines around each change, and one hunk for two that are near', () => {
    const before = Array.from({ length: 40 }, (_, n) => `line ${n + 1}`);
    const after = before.map((line, n) => (n === 9 || n === 13 || n === 35 ? `${line} changed` : line));
    const found = hunks(compare(text(...before), text(...after)));
    expect(found.map((hunk) => hunk.head)).toEqual(['Line 7', 'Line 33']);
    expect(tally(found)).toEqual({ added: 3, removed: 3 });
    expect(found[0]?.lines[0]).toMatchObject({ kind: 'same', text: 'line 7', before: 7, after: 7 });
    expect(hunks(compare(text('a'), text('a')))).toEqual([]);
  });

  it('reads a unified diff with the numbers of its lines', () => {
    const found = parsed('--- a/x\n+++ b/x\n@@ -3,3 +3,3 @@\n keep\n-old\n+new\n keep too\n\\ No newline at end of file\n');
    expect(found).toHaveLength(1);
    expect(found[0]?.lines.map(({ kind, text: of, before, after }) => [kind, of, before, after])).toEqual([
      ['same', 'keep', 3, 3], ['removed', 'old', 4, undefined], ['added', 'new', undefined, 4], ['same', 'keep too', 5, 5],
    ]);
  });

  it('takes a text too large for a table of all pairs as gone and come', () => {
    const many = (mark: string) => text(...Array.from({ length: 2_500 }, (_, n) => `${mark}${n}`));
    expect(tally([{ head: '', lines: compare(many('a'), many('b')) }])).toEqual({ added: 2_500, removed: 2_500 });
  });
});
