// One entry: the sentence, the proof, the story that it is a part of, and the exact bytes.
import { useQuery } from '@tanstack/react-query';
import { Link, useParams, useSearch } from '@tanstack/react-router';
import { ArrowLeft } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { Entry } from '../api/client';
import { failureOf } from '../api/failure';
import { q } from '../api/queries';
import { type Decision, gates } from '../command/decision';
import { Rail } from '../command/Rail';
import { Reasons } from '../command/Reasons';
import { CopyButton } from '../kit/controls';
import { Glyph, State, type Tone } from '../kit/glyph';
import { revealed, Told } from '../kit/inert';
import { Facts, Section } from '../kit/panes';
import { Loaded } from '../kit/states';
import { Time } from '../kit/time';
import { sentence } from './sentence';
import { type Verdict, verify } from './proof';

const KEPT_KEY = 'legator.log-key';

/** Checked here, in this browser, whenever an entry is opened. */
function ProofBadge({ index }: { index: number }) {
  const proof = useQuery({ ...q.proof(index), staleTime: 60_000, refetchOnWindowFocus: false });
  // The first key that this browser saw is kept, and followed over its turns from then on.
  const first = localStorage.getItem(KEPT_KEY);
  const another = Boolean(proof.data && first && first !== proof.data.verifier);
  const keys = useQuery({ ...q.logKeys(), enabled: another });
  const [verdict, setVerdict] = useState<Verdict>();
  const [fault, setFault] = useState<string>();
  useEffect(() => {
    if (!proof.data || (another && keys.isPending)) return;
    let gone = false;
    if (!globalThis.crypto?.subtle) { setFault('this page did not come over a secure connection, so the browser will not compute hashes'); return; }
    const { verifier } = proof.data;
    const turns = (keys.data?.keys ?? []).flatMap((key) => (key.turn ? [key.turn] : []));
    verify(proof.data, first ? { verifier: first, turns } : undefined).then((found) => {
      if (gone) return;
      setVerdict(found);
      if (found.ok && !first) localStorage.setItem(KEPT_KEY, verifier);
    }, (cause: unknown) => { if (!gone) setFault(cause instanceof Error ? cause.message : String(cause)); });
    return () => { gone = true; };
  }, [proof.data, another, keys.isPending, keys.data, first]);
  if (proof.isError && !proof.data) return <p className="flex items-start gap-2"><Glyph tone="mute" className="mt-1" />Not checked: {failureOf(proof.error).said.detail || failureOf(proof.error).said.title}</p>;
  if (fault) return <p role="alert" className="flex items-start gap-2"><Glyph tone="mute" className="mt-1" />Not checked: {fault}.</p>;
  if (!verdict) return <p className="text-text2">Computing …</p>;
  const mark = (ok: boolean | undefined): Tone => (ok === undefined ? 'mute' : ok ? 'ok' : 'bad');
  return (
    <div data-proof={verdict.ok ? 'good' : 'bad'}>
      <p role="status" className="mb-2 font-medium"><State tone={verdict.ok ? 'ok' : 'bad'}>{verdict.ok ? `Verified in this browser: entry ${index.toLocaleString('en')} of ${verdict.size.toLocaleString('en')}` : 'This entry does not fit the log'}</State></p>
      <ul className="space-y-1 text-text2">{verdict.steps.map((step) => <li key={step.what} className="flex items-start gap-2"><Glyph tone={mark(step.ok)} className="mt-1" /><span><span className="text-text">{step.what}</span>: {step.said}</span></li>)}</ul>
    </div>
  );
}

type Decided = { state?: string; outcome?: unknown; rationale?: unknown; action?: string; revision?: string };

function Story({ entry }: { entry: Entry }) {
  const body = (entry.body ?? {}) as Decided & Record<string, unknown>;
  const decided = entry.kind === 'command.decided' && body.rationale && body.outcome ? (body as unknown as Decision) : undefined;
  const { text, tone } = sentence(entry);
  return (
    <div className="h-full overflow-y-auto" tabIndex={0} role="region" aria-label="Entry">
      <header className="px-4 pt-4 pb-5 md:px-6">
        <BackLink />
        <h1 className="flex items-start gap-2.5 text-head font-semibold"><Glyph tone={tone} className="mt-2" /><span className="min-w-0 break-words"><Told>{text}</Told></span></h1>
        <p className="mt-1 text-text2"><Time at={entry.at} exact /></p>
        <div className="mt-4"><Facts rows={[
          ['Entry', <span key="i">#{entry.index.toLocaleString('en')}</span>], ['Kind', <code key="k">{entry.kind}</code>],
          ['Actor', <Link key="a" to="/activity" search={{ actor: entry.actor }} className="underline decoration-edge underline-offset-2">{entry.actor}</Link>], ['About', <Told key="s" mono>{entry.subject}</Told>],
          ...(entry.command ? [['Command', <Link key="c" to="/commands/$id" params={{ id: entry.command }} className="underline decoration-edge underline-offset-2">from the ask to the end, with its output</Link>] as [string, React.ReactNode]] : []),
        ]} /></div>
      </header>
      <Section id="proof" title="Proof"><ProofBadge key={entry.index} index={entry.index} /></Section>
      {decided && <Section id="path" title="Path to the host, as it was"><Rail gates={gates(decided, { state: body.state ?? '', requester_name: entry.actor, probe_name: entry.subject })} /></Section>}
      {decided && <Reasons decision={{ ...decided, revision: decided.revision ?? '' }} />}
      <Section id="raw" title="The record" aside={entry.json && <CopyButton text={entry.json} what="record" label="Copy the exact bytes" />}>
        <pre className="mono overflow-x-auto rounded-m border hair bg-bg p-3 text-[0.8125rem] whitespace-pre-wrap break-words" tabIndex={0} aria-label="Record">{revealed(JSON.stringify(entry.body ?? null, null, 2))}</pre>
      </Section>
    </div>
  );
}

function BackLink() {
  const search = useSearch({ from: '/activity' });
  return <Link to="/activity" search={search} className="mb-3 inline-flex min-h-6 items-center gap-1.5 text-text2 lg:hidden"><ArrowLeft className="size-4 rtl:-scale-x-100" aria-hidden />The log</Link>;
}

export default function EntryPage() {
  const { index } = useParams({ from: '/activity/$index' });
  const entry = useQuery(q.entry(Number(index)));
  return <Loaded query={entry} what="the entry">{(found) => <Story key={found.index} entry={found} />}</Loaded>;
}
