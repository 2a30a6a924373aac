// Times: kept in UTC, shown as a person chose, with both zones to be found by hovering.
import { useEffect, useState, useSyncExternalStore } from 'react';

export type Clock = 'relative' | 'local' | 'utc';
const KEY = 'legator-clock';
const watchers = new Set<() => void>();
let clock: Clock = (localStorage.getItem(KEY) as Clock | null) ?? 'relative';
export function setClock(next: Clock) {
  clock = next;
  localStorage.setItem(KEY, next);
  for (const tell of watchers) tell();
}
export const useClock = () => useSyncExternalStore((tell) => (watchers.add(tell), () => void watchers.delete(tell)), () => clock);

let now = Date.now();
const tickers = new Set<() => void>();
setInterval(() => {
  now = Date.now();
  for (const tell of tickers) tell();
}, 1_000);
/** One timer for the whole page, however many countdowns are on it. */
export const useNow = () => useSyncExternalStore((tell) => (tickers.add(tell), () => void tickers.delete(tell)), () => now);

const UNITS: [number, string][] = [[86_400, 'd'], [3_600, 'h'], [60, 'min'], [1, 's']];
/** A length of time in at most two units: `2 h 5 min`. */
export function span(seconds: number): string {
  const whole = Math.abs(Math.round(seconds));
  const at = UNITS.findIndex(([size]) => whole >= size);
  const unit = UNITS[at];
  if (!unit) return '0 s';
  const n = Math.floor(whole / unit[0]);
  const next = UNITS[at + 1];
  const rest = next ? Math.floor((whole - n * unit[0]) / next[0]) : 0;
  return next && rest && n < 10 ? `${n} ${unit[1]} ${rest} ${next[1]}` : `${n} ${unit[1]}`;
}

const format = (zone?: string) => new Intl.DateTimeFormat('en-GB', {
  year: 'numeric', month: 'short', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false, timeZoneName: 'short',
  ...(zone ? { timeZone: zone } : {}),
});
const LOCAL = format();
const UTC = format('UTC');
export const absolute = (at: Date, mode: Clock = 'local') => (mode === 'utc' ? UTC : LOCAL).format(at);

/** `exact` where a relative time would mislead: logs, the audit log, exports. */
export function Time({ at, exact }: { at: string; exact?: boolean }) {
  const mode = useClock();
  const moment = new Date(at);
  const delta = (useNow() - moment.getTime()) / 1_000;
  const rough = span(delta).split(' ').slice(0, 2).join(' ');
  const relative = Math.abs(delta) < 2 ? 'now' : delta >= 0 ? `${rough} ago` : `in ${rough}`;
  const text = mode === 'relative' && !exact ? relative : absolute(moment, mode);
  return <time dateTime={at} title={`${LOCAL.format(moment)} · ${UTC.format(moment)}`} className="whitespace-nowrap">{text}</time>;
}

/** Counts down. Only a few marks are spoken, not every second. */
export function Countdown({ until, from }: { until: string; from: string }) {
  const t = useNow();
  const left = Math.max(0, (new Date(until).getTime() - t) / 1_000);
  const whole = Math.max(1, (new Date(until).getTime() - new Date(from).getTime()) / 1_000);
  const [said, setSaid] = useState('');
  const minutes = Math.ceil(left / 60);
  useEffect(() => {
    if ([10, 5, 2, 1].includes(minutes)) setSaid(`${minutes} ${minutes === 1 ? 'minute' : 'minutes'} until this request expires`);
  }, [minutes]);
  const late = left < 300;
  const share = Math.min(1, left / whole);
  const two = (n: number) => String(Math.floor(n)).padStart(2, '0');
  return (
    <span className="inline-flex items-center gap-2" title={`Expires ${LOCAL.format(new Date(until))}`}>
      <svg viewBox="0 0 16 16" className={`size-4 -rotate-90 ${late ? 'text-warn' : 'text-text3'}`} aria-hidden>
        <circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" strokeOpacity=".25" strokeWidth="2.5" />
        <circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" strokeWidth="2.5" strokeDasharray={`${share * 37.7} 37.7`} />
      </svg>
      <span className={`mono ${late ? 'text-warn' : 'text-text2'}`}>{left === 0 ? 'expired' : left >= 3_600 ? span(left) : `${two(left / 60)}:${two(left % 60)}`}</span>
      <span className="sr-only" role="status">{said}</span>
    </span>
  );
}
