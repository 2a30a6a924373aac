import { describe, expect, it } from 'vitest';
import { inked, Lines } from '../src/kit/ansi';
import { revealed } from '../src/kit/inert';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (lines: Lines) => lines.lines.map((line) => line.pieces.map((piece) => piece.text).join(''));

describe('text from outside', () => {
  it('shows what would hide or turn a line around', () => {
    expect(revealed('a\u202eb\u0007c\u200b')).toBe('a⟨U+202E⟩b␇c⟨U+200B⟩');
    expect(revealed('tab\tand\nline stay')).toBe('tab\tand\nline stay');
  });
  it('keeps colours and drops nothing else of an escape', () => {
    const { pieces, after } = inked('\u001b[1;31mbad\u001b[0m ok \u001b[2J', {});
    expect(pieces).toEqual([{ text: 'bad', bold: true, color: 'bad' }, { text: ' ok ␛[2J' }]);
    expect(after).toEqual({});
  });
  it('carries a colour into the next line', () => {
    const lines = new Lines();
    lines.push('stdout', bytes('\u001b[32mone\ntwo\u001b[39m\nthree'));
    expect(lines.lines.map((line) => line.pieces[0]?.color)).toEqual(['ok', 'ok', undefined]);
  });
  it('puts chunks together, in the middle of a line and of a character', () => {
    const lines = new Lines();
    const snow = bytes('snow ☃ man\nnext');
    for (const byte of snow) lines.push('stdout', new Uint8Array([byte]));
    expect(text(lines)).toEqual(['snow ☃ man', 'next']);
  });
  it('keeps two streams apart that write at the same time', () => {
    const lines = new Lines();
    lines.push('stdout', bytes('out '));
    lines.push('stderr', bytes('err\n'));
    lines.push('stdout', bytes('goes on\n'));
    expect(text(lines)).toEqual(['out goes on', 'err']);
    expect(lines.lines.map((line) => line.stream)).toEqual(['stdout', 'stderr']);
  });
  it('shows the last state of what a progress bar writes over', () => {
    const lines = new Lines();
    lines.push('stdout', bytes('10 %\r20 %\r30 %\ndone\r\n'));
    expect(text(lines)).toEqual(['30 %', 'done']);
  });
  it('stops at a number of lines and counts the rest', () => {
    const lines = new Lines();
    lines.push('stdout', bytes('x\n'.repeat(Lines.MOST + 7)));
    expect(lines.lines.length).toBe(Lines.MOST);
    expect(lines.dropped).toBe(7);
  });
});
