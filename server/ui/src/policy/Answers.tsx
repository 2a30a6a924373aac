// Which answers a change makes different: the cases of both bundles and generated requests, asked of both. Never: says
// that nothing else changes.
import { useState } from 'react';
import { get, http } from '../api/client';
import { count } from '../kit/bytes';
import { Button, CopyButton } from '../kit/controls';
import { State, type Tone } from '../kit/glyph';
import { Told } from '../kit/inert';
import { Refusal } from '../kit/states';

type Short = { outcome: string; approvals: number; by: string[] };
type Found = { before: string; after: string; tried: number; answers: { before: Short; after: Short; action: string; named?: string; case: string; times: number }[] };
type Asked = { revision: string } | { base: string; files: Record<string, string>; remove: string[] };

const TONE: Record<string, Tone> = { allow: 'ok', hold: 'act', queue: 'warn', deny: 'bad' };

const said = (short: Short) => (short.approvals > 0 ? `${short.outcome} for ${short.approvals}` : short.outcome);

function One({ answer }: { answer: Found['answers'][number] }) {
  const { before, after, action, named, times } = answer;
  return (
    <li className="py-3">
      <p className="flex flex-wrap items-baseline gap-x-3"><State tone={TONE[after.outcome] ?? 'mute'}>{said(after)}</State><span>where it was <strong className="font-semibold">{said(before)}</strong></span><code>{action}</code>{times > 1 && <span className="text-meta text-text2">and {times - 1} more like it</span>}</p>
      <p className="mt-1 text-text2">before by {before.by.join(', ') || 'nobody'}; after by {after.by.join(', ') || 'nobody'}</p>
      {named ? <p className="mt-1">The case <Told>{named}</Told> shows it.</p> : (
        <details className="mt-1"><summary className="min-h-6 text-text2">A request that shows it, as a case</summary>
          <div className="relative mt-1"><pre className="mono overflow-x-auto rounded-m border hair bg-bg p-3 pe-12 text-[0.8125rem] leading-5" tabIndex={0} role="group" aria-label="The case"><Told>{answer.case}</Told></pre><div className="absolute end-1 top-1"><CopyButton text={answer.case} what="case" /></div></div>
        </details>
      )}
    </li>
  );
}

/** Asked for, not shown at once: it takes a processor of the server for a moment. */
export function Answers({ of, against }: { of: Asked; against: string }) {
  const [found, setFound] = useState<Found>();
  const [fault, setFault] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const ask = async () => {
    setBusy(true);
    setFault(undefined);
    try {
      setFound(await get(http.POST('/api/v1/bundles/compare', { body: { remove: [], against, requests: 5_000, ...of } })));
    } catch (cause) { setFault(cause); } finally { setBusy(false); }
  };
  return (
    <div data-answers={found ? found.answers.length : busy ? 'asking' : 'none'}>
      <p className="flex flex-wrap items-center gap-3"><Button onClick={() => void ask()} disabled={busy}>{busy ? 'Asking both …' : 'Compare their answers'}</Button>
        <span role="status">{found && (found.answers.length ? <State tone="act">{count(found.answers.length, 'kind')} of answer {found.answers.length === 1 ? 'changes' : 'change'}, of {found.tried.toLocaleString('en')} requests</State> : <State tone="ok">No answer changes, of {found.tried.toLocaleString('en')} requests</State>)}</span></p>
      {fault !== undefined && <div className="mt-2"><Refusal cause={fault} /></div>}
      {found && found.answers.length > 0 && <ul className="mt-2 divide-y divide-line">{found.answers.map((answer, n) => <One key={n} answer={answer} />)}</ul>}
      {found && <p className="mt-2 max-w-prose text-meta text-text2">What no request shows is not proven to be the same.</p>}
    </div>
  );
}
