// One vocabulary of shapes for the whole interface. Shape and word carry the meaning; colour only repeats it.
import type { ReactNode } from 'react';

export type Tone = 'ok' | 'warn' | 'bad' | 'act' | 'mute';
export const toneText: Record<Tone, string> = { ok: 'text-ok', warn: 'text-warn', bad: 'text-bad', act: 'text-accent', mute: 'text-text3' };

const SHAPES: Record<Tone, ReactNode> = {
  ok: <circle cx="6" cy="6" r="4" fill="currentColor" />,
  warn: <path d="M6 1.5 11 10.5H1z" fill="currentColor" />,
  bad: <path d="M3.8 1h4.4L11 3.8v4.4L8.2 11H3.8L1 8.2V3.8z" fill="currentColor" />,
  act: <><circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" strokeWidth="1.6" /><path d="M6 1.8a4.2 4.2 0 0 1 0 8.4z" fill="currentColor" /></>,
  mute: <circle cx="6" cy="6" r="3.7" fill="none" stroke="currentColor" strokeWidth="1.6" />,
};

export function Glyph({ tone, className = '' }: { tone: Tone; className?: string }) {
  return <svg data-glyph viewBox="0 0 12 12" aria-hidden className={`size-3 shrink-0 ${toneText[tone]} ${className}`}>{SHAPES[tone]}</svg>;
}

export function State({ tone, children }: { tone: Tone; children: ReactNode }) {
  return <span className="inline-flex items-center gap-1.5 whitespace-nowrap"><Glyph tone={tone} />{children}</span>;
}

type Meaning = { tone: Tone; word: string };
const unknown = (word: string): Meaning => ({ tone: 'mute', word: word || 'Unknown' });

const PROBE: Record<string, Meaning> = {
  online: { tone: 'ok', word: 'Online' }, degraded: { tone: 'warn', word: 'Degraded' },
  offline: { tone: 'bad', word: 'Offline' }, pending: { tone: 'mute', word: 'Pending' },
};
export const probeState = (status: string): Meaning => PROBE[status] ?? unknown(status);
export const PROBE_STATES = ['online', 'degraded', 'offline', 'pending'] as const;

const APPROVAL: Record<string, Meaning> = {
  pending: { tone: 'act', word: 'Waiting' }, approved: { tone: 'ok', word: 'Approved' }, denied: { tone: 'bad', word: 'Denied' },
  expired: { tone: 'mute', word: 'Expired' }, withdrawn: { tone: 'mute', word: 'Withdrawn' },
};
export const approvalState = (state: string): Meaning => APPROVAL[state] ?? unknown(state);

const COMMAND: Record<string, Meaning> = {
  held: { tone: 'act', word: 'Waits for people' }, queued: { tone: 'act', word: 'Waits for room' }, dispatched: { tone: 'act', word: 'Sent' },
  running: { tone: 'act', word: 'Running' }, denied: { tone: 'bad', word: 'Denied' }, expired: { tone: 'mute', word: 'Expired' },
  canceled: { tone: 'mute', word: 'Canceled' }, succeeded: { tone: 'ok', word: 'Succeeded' }, failed: { tone: 'bad', word: 'Failed' },
  timed_out: { tone: 'bad', word: 'Timed out' }, refused: { tone: 'bad', word: 'Refused by its host' }, lost: { tone: 'warn', word: 'Lost' },
};
export const commandState = (state: string): Meaning => COMMAND[state] ?? unknown(state);

const OUTCOME: Record<string, Meaning> = {
  allow: { tone: 'ok', word: 'Would run' }, hold: { tone: 'act', word: 'Would wait for people' },
  queue: { tone: 'act', word: 'Would wait for room' }, deny: { tone: 'bad', word: 'Would be denied' },
};
/** An outcome that this page does not know is shown as a refusal: never as neutral. */
export const outcomeState = (outcome: string): Meaning => OUTCOME[outcome] ?? { tone: 'bad', word: `Unknown outcome: ${outcome}` };

const LEVELS = ['observe', 'diagnose', 'remediate', 'destroy'];
const LEVEL_TONE: Tone[] = ['mute', 'mute', 'warn', 'bad'];

/** How far a command reaches, as one to four bars and a word. */
export function LevelMark({ level, label = true }: { level: string; label?: boolean }) {
  const at = LEVELS.indexOf(level);
  const tone = LEVEL_TONE[at] ?? 'bad';
  return (
    <span className={`inline-flex items-center gap-1.5 whitespace-nowrap ${toneText[tone]}`}>
      <svg viewBox="0 0 14 12" className="h-3 w-3.5" role="img" aria-label={`Level: ${level}`}>
        {[0, 1, 2, 3].map((i) => <rect key={i} x={i * 3.6} y={8 - i * 2.4} width="2.4" height={4 + i * 2.4 - 0.2} fill="currentColor" opacity={i <= at || at < 0 ? 1 : 0.25} />)}
      </svg>
      {label && <span aria-hidden>{level}</span>}
    </span>
  );
}
