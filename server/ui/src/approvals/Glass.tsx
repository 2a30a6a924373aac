// Broken glass, and the look back at it.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { type BrokenGlass, get, http } from '../api/client';
import { failureOf } from '../api/failure';
import { client, q } from '../api/queries';
import { Button } from '../kit/controls';
import { Glyph, LevelMark } from '../kit/glyph';
import { Told } from '../kit/inert';
import { Section } from '../kit/panes';
import { Time } from '../kit/time';
import { toast } from '../kit/toasts';

function Review({ command }: { command: string }) {
  const [note, setNote] = useState('');
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();
  const send = async (verdict: 'justified' | 'unjustified') => {
    setBusy(true);
    setFault(undefined);
    try {
      await get(http.POST('/api/v1/breakglass/{id}/review', { params: { path: { id: command } }, body: { verdict, note } }));
      toast(verdict === 'justified' ? 'Reviewed: it was right' : 'Reviewed: it was not right');
      void client.invalidateQueries({ queryKey: ['approvals'] });
    } catch (cause) { setFault(cause); } finally { setBusy(false); }
  };
  return (
    <div className="mt-2 flex flex-wrap items-center gap-2">
      <label className="sr-only" htmlFor={`review-${command}`}>What you found</label>
      <input id={`review-${command}`} value={note} maxLength={4_000} placeholder="What you found" onChange={(e) => setNote(e.target.value)} className="min-w-0 grow basis-56 rounded-m border border-edge bg-bg px-3 py-1.5 max-md:text-lead" />
      <Button look="ok" disabled={busy || note.trim() === ''} onClick={() => void send('justified')}>It was right</Button>
      <Button look="bad" disabled={busy || note.trim() === ''} onClick={() => void send('unjustified')}>It was not</Button>
      {fault !== undefined && <p role="alert" className="w-full text-bad">{failureOf(fault).said.detail}</p>}
    </div>
  );
}

/** Each with who, where, why, and the review: done, to be done by me, or by somebody else. */
export function Breaks({ breaks }: { breaks: readonly BrokenGlass[] }) {
  return (
    <ul className="divide-y divide-line">
      {breaks.map((one) => (
        <li key={one.command} className="py-3" data-break={one.review?.verdict ?? 'open'}>
          <p className="flex flex-wrap items-center gap-x-3 gap-y-1"><Glyph tone={one.review ? (one.review.verdict === 'justified' ? 'ok' : 'bad') : 'warn'} /><bdi className="font-medium">{one.person_name}</bdi><span>on <bdi>{one.probe_name}</bdi></span><LevelMark level={one.level} /><span className="text-text2"><Time at={one.at} /></span></p>
          <p className="mt-1 min-w-0"><Link to="/commands/$id" params={{ id: one.command }} className="break-words underline decoration-edge underline-offset-2"><code><Told>{one.line}</Told></code></Link></p>
          <p className="mt-1 break-words text-text2"><Told>{one.reason}</Told></p>
          {one.review && <p className="mt-2 max-w-prose border-s-2 border-edge ps-3 break-words">{one.review.verdict === 'justified' ? 'It was right' : 'It was not right'}, says <bdi>{one.review.name}</bdi> <span className="text-text2"><Time at={one.review.at} /></span>: <Told>{one.review.note}</Told></p>}
          {one.can_review ? <Review command={one.command} /> : !one.review && <p className="mt-2 text-meta text-text3">Somebody else reviews it, whom policy lets.</p>}
        </li>
      ))}
    </ul>
  );
}

export function Glass() {
  const list = useQuery({ ...q.glass(), retry: false });
  const open = list.data?.breaks ?? [];
  if (open.length === 0) return null;
  return <Section id="glass" title="Broken glass, not yet reviewed" aside={<Link to="/approvals/broken-glass" className="underline decoration-edge underline-offset-2">All of them</Link>}><Breaks breaks={open} /></Section>;
}

/** Over every page, until somebody else has looked. */
export function GlassBanner() {
  const list = useQuery({ ...q.glass(), retry: false });
  const n = list.data?.unreviewed ?? 0;
  if (n === 0) return null;
  return (
    <p role="status" className="flex shrink-0 items-center gap-2 border-b hair px-3 py-1.5 md:px-4"><Glyph tone="warn" /><span className="min-w-0">The glass was broken {n === 1 ? 'once' : `${n} times`}, and nobody has reviewed it. <Link to="/approvals/broken-glass" className="underline underline-offset-2">Look</Link></span></p>
  );
}
