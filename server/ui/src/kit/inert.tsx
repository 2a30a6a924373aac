// Text that came from outside: a host, a person, a program. It is shown as it is, it does nothing, and what would be
// invisible or would turn the line around is made visible.
import type { ReactNode } from 'react';

// C0 and C1 controls but tab and newline; bidi controls; zero-width and invisible characters; line separators.
// oxlint-disable-next-line no-control-regex -- they are what this is about
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** How a hidden character is written: the control pictures where there are some, else its number. */
export function spelled(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return '␡';
  return `⟨U+${code.toString(16).toUpperCase().padStart(4, '0')}⟩`;
}

/** The same text with nothing hidden in it. */
export const revealed = (text: string) => text.replace(HIDDEN, spelled);

/** Text from outside, in a run of its own direction. */
export function Told({ children, mono }: { children: string; mono?: boolean }) {
  HIDDEN.lastIndex = 0;
  if (!HIDDEN.test(children)) return <bdi className={mono ? 'mono' : undefined}>{children}</bdi>;
  const parts: ReactNode[] = [];
  let from = 0;
  for (const hit of children.matchAll(HIDDEN)) {
    if (hit.index > from) parts.push(children.slice(from, hit.index));
    parts.push(<span key={hit.index} className="rounded-s bg-s3 px-0.5 text-warn" title="A character that would not be seen">{spelled(hit[0])}</span>);
    from = hit.index + hit[0].length;
  }
  parts.push(children.slice(from));
  return <bdi className={mono ? 'mono' : undefined}>{parts}</bdi>;
}

/** A sentence of the server's, with what it puts between backticks as code. */
export function Prose({ children }: { children: string | undefined }) {
  if (!children) return null;
  return <>{children.split('`').map((part, n) => (n % 2 ? <code key={n} className="break-words"><Told>{part}</Told></code> : <Told key={n}>{part}</Told>))}</>;
}
