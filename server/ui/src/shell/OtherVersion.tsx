// The server was exchanged for another one, and these pages are the old one's. They are told apart by the name of their
// script, which is a digest of it. Never: reloads by itself; somebody may be in the middle of a sentence.
import { useEffect, useState } from 'react';
import { live } from '../api/live';
import { Button } from '../kit/controls';
import { Glyph } from '../kit/glyph';

const own = () => document.querySelector<HTMLScriptElement>('script[type=module][src]')?.getAttribute('src');

/** Whether a page of the server's begins with another script than this one did. */
export const another = (html: string, script: string | null | undefined) => Boolean(script) && /<script[^>]+type="?module/.test(html) && !html.includes(script ?? '');

async function look(): Promise<boolean> {
  const answer = await fetch('/', { headers: { accept: 'text/html' }, cache: 'no-store', credentials: 'same-origin' });
  return answer.ok && another(await answer.text(), own());
}

export function OtherVersion() {
  const [other, setOther] = useState(false);
  useEffect(() => {
    let before = live.state();
    return live.watch(() => {
      const now = live.state();
      // A server that comes back may be another one.
      if (now === 'live' && before === 'stale') look().then((found) => setOther(found), () => undefined);
      before = now;
    });
  }, []);
  if (!other) return null;
  return (
    <p role="status" className="flex shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-b hair tint-accent px-4 py-1.5 text-meta">
      <Glyph tone="act" />The server is of another version now than this page. What you typed and have not sent stays when you load it again.<Button size="s" onClick={() => window.location.reload()}>Load it again</Button>
    </p>
  );
}

/** A part of these pages that the server no longer has. */
export const isGone = (cause: unknown) => cause instanceof Error && /dynamically imported module|module script failed|error loading dynamically/i.test(cause.message);
