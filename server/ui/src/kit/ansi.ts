// A host's output, line by line: colours by our tokens, every other escape made visible.
import { revealed } from './inert';

export type Ink = { color?: string; bold?: boolean; dim?: boolean; under?: boolean };
export type Piece = Ink & { text: string };

// The eight names; both strengths come out in tokens that can be read in both themes.
const COLORS = ['text3', 'bad', 'ok', 'warn', 'accent', 'accent', 'ok', 'text'];
// oxlint-disable-next-line no-control-regex -- escapes begin with one
const SGR = /\u001b\[([\d;:]*)m/g;

function apply(ink: Ink, codes: string): Ink {
  let next: Ink = { ...ink };
  const numbers = codes === '' ? [0] : codes.split(/[;:]/).map((code) => Number(code || 0));
  for (let i = 0; i < numbers.length; i++) {
    const code = numbers[i] ?? 0;
    if (code === 0) next = {};
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 4) next.under = true;
    else if (code === 22) { delete next.bold; delete next.dim; }
    else if (code === 24) delete next.under;
    else if (code === 39) delete next.color;
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) next.color = COLORS[code % 10] ?? 'text';
    else if (code === 38 || code === 48) i += numbers[i + 1] === 2 ? 4 : 2;
  }
  return next;
}

/** One line in pieces of one ink; returns the ink that the next line begins with. */
export function inked(line: string, before: Ink): { pieces: Piece[]; after: Ink } {
  const pieces: Piece[] = [];
  let ink = before;
  let from = 0;
  const push = (text: string) => { if (text) pieces.push({ ...ink, text: revealed(text) }); };
  for (const hit of line.matchAll(SGR)) {
    push(line.slice(from, hit.index));
    ink = apply(ink, hit[1] ?? '');
    from = hit.index + hit[0].length;
  }
  push(line.slice(from));
  return { pieces, after: ink };
}

export type OutputLine = { pieces: Piece[]; stream: 'stdout' | 'stderr' };

/** Collects chunks of two streams into lines, as they come. What a progress bar overwrites (`\r`) shows its last state. */
export class Lines {
  readonly lines: OutputLine[] = [];
  private readonly ink: Record<string, Ink> = {};
  private readonly open: Record<string, { text: string; at: number } | undefined> = {};
  private readonly decoders: Record<string, TextDecoder> = {};
  /** More than this is kept back: the browser must stay usable whatever a host prints. */
  static readonly MOST = 50_000;
  dropped = 0;

  push(stream: 'stdout' | 'stderr', bytes: Uint8Array) {
    const decoder = (this.decoders[stream] ??= new TextDecoder('utf-8'));
    const said = (this.open[stream]?.text ?? '') + decoder.decode(bytes, { stream: true });
    const parts = said.split('\n');
    const rest = parts.pop() ?? '';
    for (const part of parts) this.put(stream, part, true);
    if (rest) this.put(stream, rest.slice(-100_000), false);
  }

  private put(stream: 'stdout' | 'stderr', text: string, ended: boolean) {
    const shown = text.replace(/\r$/, '');
    const { pieces, after } = inked(shown.slice(shown.lastIndexOf('\r') + 1), this.ink[stream] ?? {});
    const open = this.open[stream];
    if (open) this.lines[open.at] = { pieces, stream };
    else if (this.lines.length >= Lines.MOST) this.dropped += 1;
    else this.lines.push({ pieces, stream });
    if (ended) { this.ink[stream] = after; this.open[stream] = undefined; }
    else this.open[stream] = { text, at: open?.at ?? this.lines.length - 1 };
  }
}

export function decode64(text: string): Uint8Array {
  const raw = atob(text);
  return Uint8Array.from(raw, (char) => char.charCodeAt(0));
}
