// A command's events as they come: the stream from where we are, again when the connection breaks, until it has ended.
import { useEffect, useRef, useState } from 'react';
import type { CommandEvent } from '../api/client';
import { listen } from '../api/sse';
import { decode64, Lines } from '../kit/ansi';

export type Following = { lines: Lines; version: number; events: CommandEvent[]; state: 'following' | 'broken' | 'over' };

const ENDED = new Set(['ended', 'denied', 'expired', 'canceled']);
/** The screen is told at most this often, however fast a host prints. */
const PAINT_MS = 60;

export function useOutput(command: string | undefined): Following {
  const [shown, setShown] = useState<Following>(() => ({ lines: new Lines(), version: 0, events: [], state: 'following' }));
  const stop = useRef<AbortController>(undefined);
  useEffect(() => {
    if (!command) return;
    const control = new AbortController();
    stop.current = control;
    const lines = new Lines();
    let events: CommandEvent[] = [];
    let version = 0;
    let state: Following['state'] = 'following';
    let timer: ReturnType<typeof setTimeout> | undefined;
    const paint = () => { timer ??= setTimeout(() => { timer = undefined; version += 1; setShown({ lines, version, events, state }); }, PAINT_MS); };
    const hear = (event: CommandEvent) => {
      if (event.kind === 'output') {
        const { stream, data } = event.body as { stream: 'stdout' | 'stderr'; data: string };
        lines.push(stream, decode64(data));
      } else events = [...events, event];
      if (ENDED.has(event.kind)) state = 'over';
      paint();
    };
    void (async () => {
      let last: string | undefined;
      let wait = 400;
      while (!control.signal.aborted && state !== 'over') {
        try {
          const refused = await listen(`/api/v1/commands/${encodeURIComponent(command)}/stream`, last, (sent) => {
            last = sent.id || last;
            wait = 400;
            state = 'following';
            hear(JSON.parse(sent.data) as CommandEvent);
          }, control.signal);
          if (refused) { state = refused.status === 403 || refused.status === 404 ? 'over' : 'broken'; paint(); }
          else if (!ENDED.has(events.at(-1)?.kind ?? '')) { /* ended early: go on from the last event */ }
        } catch { state = 'broken'; paint(); }
        if (control.signal.aborted || (state as string) === 'over') break;
        await new Promise((go) => setTimeout(go, wait));
        wait = Math.min(wait * 2, 8_000);
      }
    })();
    setShown({ lines, version: 0, events: [], state: 'following' });
    return () => { control.abort(); clearTimeout(timer); };
  }, [command]);
  return shown;
}
