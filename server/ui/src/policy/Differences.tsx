// What a candidate would have decided otherwise: how many, by what, and each with both answers.
import { useQuery, type UseQueryOptions } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { Difference, Tally } from '../api/client';
import type { Decision } from '../command/decision';
import { count } from '../kit/bytes';
import { Button } from '../kit/controls';
import { Glyph, LevelMark, State, type Tone } from '../kit/glyph';
import { Prose, Told } from '../kit/inert';
import { Refusal } from '../kit/states';
import { Time } from '../kit/time';

/** The dangerous way first: what would be let through that was not. */
export const KINDS: [string, string, Tone][] = [
  ['newly-allowed', 'Newly allowed', 'bad'], ['newly-denied', 'Newly denied', 'warn'], ['newly-held', 'Newly held for people', 'act'], ['newly-queued', 'Newly queued for room', 'act'],
  ['other-approvals', 'Other approvals', 'mute'], ['other-reasons', 'Same answer, other reasons', 'mute'], ['same', 'The same', 'ok'],
];
export const kindOf = (kind: string): [string, Tone] => { const found = KINDS.find(([name]) => name === kind); return found ? [found[1], found[2]] : [kind, 'bad']; };
const OBSTACLES: Record<string, string> = {
  'missing-facts': 'The facts were not recorded', 'unreadable-facts': 'The facts cannot be read', 'unreadable-decision': 'The decision cannot be read',
  'digest-mismatch': 'The facts are not those that were decided on', 'unreadable-line': 'The record cannot be read', masked: 'The record is masked',
};
export const obstacle = (kind: string) => OBSTACLES[kind] ?? kind;

/** What came of it then, and what would now. An outcome that this page does not know is never shown as a pass. */
const OUTCOME: Record<string, [string, string, Tone]> = {
  allow: ['Was allowed', 'Would run', 'ok'], hold: ['Was held for people', 'Would wait for people', 'act'], queue: ['Was queued for room', 'Would wait for room', 'act'], deny: ['Was denied', 'Would be denied', 'bad'],
};
const outcome = (name: string): [string, string, Tone] => OUTCOME[name] ?? [`Unknown: ${name}`, `Unknown: ${name}`, 'bad'];

export type Narrow = { kind?: string; principal?: string; tag?: string; action?: string; policy?: string };
const changedIn = (kinds: Record<string, number>) => Object.entries(kinds).reduce((sum, [kind, n]) => sum + (kind === 'same' ? 0 : n), 0);

/** Every count leads to what it counts. */
export function Matrix({ tally, narrow, onNarrow }: { tally: Tally; narrow: Narrow; onNarrow: (next: Narrow) => void }) {
  const groups: ['principal' | 'tag' | 'action' | 'policy', string, Tally['by_tag']][] = [['principal', 'By who asked', tally.by_principal], ['tag', 'By tag', tally.by_tag], ['action', 'By action', tally.by_action], ['policy', 'By what made the difference', tally.by_policy]];
  const stopped = Object.entries(tally.not_replayable);
  const button = (on: boolean, set: Narrow, label: React.ReactNode, n: number) => (
    <button type="button" aria-pressed={on} disabled={n === 0} onClick={() => onNarrow(set)} className="flex min-h-7 w-full items-center justify-between gap-3 rounded-m px-2 text-start hover:bg-s2 disabled:text-text3 aria-pressed:bg-s3 max-md:min-h-11">{label}<span className="mono text-meta">{n.toLocaleString('en')}</span></button>
  );
  return (
    <div className="grid gap-x-8 gap-y-5 md:grid-cols-2 xl:grid-cols-3">
      <div>
        <h3 className="px-2 pb-1 text-meta text-text2">{tally.decisions.toLocaleString('en')} decided again</h3>
        <ul>{KINDS.map(([kind, word, tone]) => { const n = tally.kinds[kind] ?? 0; return <li key={kind}>{kind === 'same' ? <p className="flex min-h-7 items-center justify-between gap-3 px-2"><State tone={tone}>{word}</State><span className="mono text-meta">{n.toLocaleString('en')}</span></p> : button(narrow.kind === kind, { ...narrow, kind: narrow.kind === kind ? undefined : kind } as Narrow, <State tone={n ? tone : 'mute'}>{word}</State>, n)}</li>; })}</ul>
        {tally.reclassified > 0 && <p className="px-2 pt-1 text-meta text-text2">{count(tally.reclassified, 'command')} taken for something else by the candidate’s table.</p>}
        {stopped.length > 0 && <><h3 className="px-2 pt-4 pb-1 text-meta text-text2">Not replayable</h3><ul>{stopped.map(([kind, n]) => <li key={kind}>{button(narrow.kind === kind, { ...narrow, kind: narrow.kind === kind ? undefined : kind } as Narrow, <State tone="warn">{obstacle(kind)}</State>, n)}</li>)}</ul></>}
      </div>
      {groups.map(([key, title, rows]) => {
        const changed = Object.entries(rows).map(([name, kinds]) => [name, changedIn(kinds)] as const).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
        if (changed.length === 0) return null;
        return <div key={key}><h3 className="px-2 pb-1 text-meta text-text2">{title}</h3><ul>{changed.slice(0, 12).map(([name, n]) => <li key={name}>{button(narrow[key] === name, { ...narrow, [key]: narrow[key] === name ? undefined : name }, <code className="min-w-0 truncate"><Told>{name}</Told></code>, n)}</li>)}</ul>{changed.length > 12 && <p className="px-2 text-meta text-text2">and {changed.length - 12} more</p>}</div>;
      })}
    </div>
  );
}

function Side({ then, decision, policies }: { then: boolean; decision: Decision; policies: readonly string[] }) {
  const [was, would, tone] = outcome(decision.outcome.kind);
  return (
    <div className="min-w-0 grow basis-72">
      <h3 className="text-meta text-text2">{then ? 'Then' : 'Under the candidate'} · bundle <code>{decision.revision.slice(0, 10)}</code></h3>
      <p className="mt-0.5"><State tone={tone}>{then ? was : would}</State></p>
      <p className="mt-0.5 break-words text-text2"><Prose>{decision.rationale.summary}</Prose></p>
      <ul className="mt-1 space-y-0.5">{decision.rationale.policies.map((policy) => <li key={policy.id} className="break-words"><code className={policies.includes(policy.id) ? 'font-semibold' : ''}>{policy.id}</code> <span className="text-text2">{policy.rationale}</span></li>)}
        {(decision.rationale.admission?.scripts ?? []).filter((script) => script.drove_outcome).map((script) => <li key={script.script}><code>{script.script}</code> <span className="text-text2">{script.reason}</span></li>)}</ul>
    </div>
  );
}

export const isOperation = (id: string) => id.startsWith('opn_');

/** Leads to the command, or to the operation of the API, that a decision was about. */
export function Subject({ of, children }: { of: string; children: string }) {
  const look = 'underline decoration-edge underline-offset-2';
  return isOperation(of) ? <Link to="/asked/$id" params={{ id: of }} className={look}>{children}</Link> : <Link to="/commands/$id" params={{ id: of }} className={look}>{children}</Link>;
}

type Compared = { before: unknown; after: unknown };
type Asks = (command: string, n: number) => UseQueryOptions<Compared, Error, Compared, (string | number)[]>;

function Both({ found, asks }: { found: Difference; asks: Asks }) {
  const both = useQuery(asks(found.command, found.judgement));
  if (both.isError) return <Refusal cause={both.error} />;
  if (!both.data) return <p role="status" className="text-text2">Deciding it again …</p>;
  return (
    <div className="space-y-2">
      <div className="flex flex-wrap gap-x-8 gap-y-3"><Side then decision={both.data.before as Decision} policies={found.policies} /><Side then={false} decision={both.data.after as Decision} policies={found.policies} /></div>
      <p><Subject of={found.command}>{isOperation(found.command) ? 'The operation, with its facts' : 'The command’s whole story'}</Subject></p>
    </div>
  );
}

export function Rows({ differences, asks }: { differences: readonly Difference[]; asks: Asks }) {
  const [open, setOpen] = useState<string>();
  return (
    <ul className="divide-y divide-line">{differences.map((found) => {
      const id = `${found.command}:${found.judgement}`;
      const [word, tone] = kindOf(found.kind);
      const shown = open === id;
      return (
        <li key={id} data-difference={found.kind}>
          <button type="button" aria-expanded={shown} onClick={() => setOpen(shown ? undefined : id)} className="grid w-full grid-cols-[minmax(0,1fr)_auto] gap-x-4 gap-y-0.5 px-4 py-2.5 text-start outline-offset-[-2px] hover:bg-s2 md:px-6">
            <code className="truncate"><Told>{found.line}</Told></code><State tone={tone}>{word}</State>
            <span className="flex min-w-0 items-center gap-3 text-meta text-text2"><span className="truncate"><Told>{found.principal}</Told>{found.probe && <> on <Told>{found.probe}</Told></>}</span><LevelMark level={found.action_after} /><span className="truncate max-md:hidden">{found.policies.join(', ')}</span></span>
            <span className="text-end text-meta text-text2"><Time at={found.at} exact /></span>
          </button>
          {shown && <div className="border-t hair bg-bg px-4 py-3 md:px-6">{found.reclassified && <p className="mb-2 flex items-center gap-2"><Glyph tone="warn" />The candidate’s table takes it for {found.action_after}, not {found.action_before}.</p>}<Both found={found} asks={asks} /></div>}
        </li>
      );
    })}</ul>
  );
}

export function More({ onClick, busy }: { onClick: () => void; busy: boolean }) {
  return <p className="p-4 text-center"><Button disabled={busy} onClick={onClick}>Show more</Button></p>;
}
