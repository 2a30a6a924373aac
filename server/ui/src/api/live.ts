// What happens, as it happens. One stream for a browser, not for a tab: browsers allow six HTTP/1.1 connections to an
// origin, and a stream in each tab would freeze the seventh. The tab that holds the Web Lock has the stream and relays.
import { listen } from './sse';
import { tenant } from './tenant';

export type LiveState = 'connecting' | 'live' | 'stale' | 'refused';
export type LiveEvent = { topic: string; id: string; at?: string; body: unknown };

type Relayed = { kind: 'event'; event: LiveEvent } | { kind: 'state'; state: LiveState } | { kind: 'ask' };

/** Tabs that look at one tenant hear of that one alone, and share a stream among themselves. */
const NAME = tenant ? `legator-live ${tenant}` : 'legator-live';

const listeners = new Set<(events: LiveEvent[]) => void>();
const watchers = new Set<() => void>();
let state: LiveState = 'connecting';
let heardAt = 0;
let since = Date.now();
let channel: BroadcastChannel | undefined;
let leading = false;

function become(next: LiveState) {
  if (next === state) return;
  if (state === 'live') since = Date.now();
  state = next;
  for (const tell of watchers) tell();
}

// A burst becomes one update of the page.
const GATHER_MS = 60;
let gathered: LiveEvent[] = [];
function deliver(event: LiveEvent) {
  heardAt = Date.now();
  become('live');
  if (event.topic === 'beat') return;
  if (gathered.length === 0) {
    setTimeout(() => {
      const events = gathered;
      gathered = [];
      for (const tell of listeners) tell(events);
    }, GATHER_MS);
  }
  gathered.push(event);
}

function relay(message: Relayed) { channel?.postMessage(message); }

async function lead() {
  leading = true;
  let last: string | undefined;
  let wait = 500;
  for (;;) {
    const stop = new AbortController();
    // Two missed beats: the connection is dead, whatever the browser thinks of it.
    const guard = setInterval(() => { if (heardAt && Date.now() - heardAt > 35_000) stop.abort(); }, 5_000);
    try {
      const refused = await listen('/api/v1/events', last, (sent) => {
        if (sent.id) last = sent.id;
        wait = 500;
        const event = JSON.parse(sent.data) as LiveEvent;
        deliver(event);
        relay({ kind: 'event', event });
      }, stop.signal, () => {
        heardAt = Date.now();
        become('live');
        relay({ kind: 'state', state: 'live' });
      });
      if (refused && (refused.status === 401 || refused.status === 403)) {
        become('refused');
        relay({ kind: 'state', state: 'refused' });
        await new Promise<void>((go) => { wake = go; setTimeout(go, 60_000); });
      }
    } catch { /* tried again below */ }
    clearInterval(guard);
    if (state !== 'refused') { become('stale'); relay({ kind: 'state', state: 'stale' }); }
    await new Promise((go) => setTimeout(go, wait * (0.75 + Math.random() / 2)));
    wait = Math.min(wait * 2, 10_000);
  }
}

let wake: () => void = () => undefined;

export const live = {
  start() {
    if (channel) return;
    channel = new BroadcastChannel(NAME);
    channel.onmessage = (message: MessageEvent<Relayed>) => {
      const said = message.data;
      if (said.kind === 'event') deliver(said.event);
      else if (said.kind === 'state') { if (said.state === 'live') heardAt = Date.now(); become(said.state); }
      else if (leading) relay({ kind: 'state', state });
    };
    relay({ kind: 'ask' });
    // Without a secure context there are no locks; then each tab has a stream of its own.
    if (navigator.locks) void navigator.locks.request(NAME, lead);
    else void lead();
    setInterval(() => { if (heardAt && state === 'live' && Date.now() - heardAt > 35_000) become('stale'); }, 5_000);
  },
  /** Somebody has signed in: a refused stream may be heard now. */
  retry() { become('connecting'); wake(); },
  state: () => state,
  /** When the page was last up to date, if it is not now. */
  since: () => since,
  watch: (tell: () => void) => (watchers.add(tell), () => void watchers.delete(tell)),
  on: (tell: (events: LiveEvent[]) => void) => (listeners.add(tell), () => void listeners.delete(tell)),
};
