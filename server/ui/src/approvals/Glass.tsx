// Broken glass that nobody has looked back at, and how people decide.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { get, http } from '../api/client';
import { failureOf } from '../api/failure';
import { client, q } from '../api/queries';
import { Button } from '../kit/controls';
import { Glyph } from '../kit/glyph';
import { Told } from '../kit/inert';
import { Section } from '../kit/panes';
import { Time } from '../kit/time';

function Review({ command }: { command: string }) {
  const [note, setNote] = useState('');
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();
  const send = async (verdict: 'justified' | 'unjustified') => {
    setBusy(true);
    setFault(undefined);
    try {
      await get(http.POST('/api/v1/breakglass/{id}/review', { params: { path: { id: command } }, body: { verdict, note } }));
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

export function Glass() {
  const list = useQuery({ ...q.glass(), retry: false });
  const open = list.data?.breaks ?? [];
  if (open.length === 0) return null;
  return (
    <Section id="glass" title="Broken glass, not yet reviewed">
      <ul className="divide-y divide-line">
        {open.map((one) => (
          <li key={one.command} className="py-3">
            <p className="flex flex-wrap items-center gap-x-3 gap-y-1"><Glyph tone="warn" /><span className="font-medium">{one.person_name}</span><span>on <bdi>{one.probe_name}</bdi></span><span className="text-text2"><Time at={one.at} /></span></p>
            <p className="mt-1 min-w-0"><Link to="/commands/$id" params={{ id: one.command }} className="break-words underline decoration-edge underline-offset-2"><code><Told>{one.line}</Told></code></Link></p>
            <p className="mt-1 break-words text-text2"><Told>{one.reason}</Told></p>
            {one.can_review && <Review command={one.command} />}
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** Over every page, until somebody else has looked. */
export function GlassBanner() {
  const list = useQuery({ ...q.glass(), retry: false });
  const n = list.data?.unreviewed ?? 0;
  if (n === 0) return null;
  return (
    <p role="status" className="flex shrink-0 items-center gap-2 border-b hair px-3 py-1.5 md:px-4"><Glyph tone="warn" /><span className="min-w-0">The glass was broken {n === 1 ? 'once' : `${n} times`}, and nobody has reviewed it. <Link to="/overview" hash="glass" className="underline underline-offset-2">Look</Link></span></p>
  );
}

const seconds = (ms: number | undefined) => (ms === undefined ? '' : ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`);

export function Figures() {
  const figures = useQuery({ ...q.figures(), retry: false });
  const found = figures.data;
  if (!found || found.all.votes === 0) return null;
  const rows = [{ name: 'Everybody', figures: found.all }, ...found.voters];
  return (
    <Section id="figures" title="How people decide" aside="30 days">
      <div className="overflow-x-auto" tabIndex={0} role="region" aria-label="Votes by person">
        <table className="w-full text-left whitespace-nowrap">
          <thead className="text-meta text-text3"><tr>{['Who', 'Votes', 'Half within', 'Nine in ten', 'Under 3 s', 'Never looked'].map((head) => <th key={head} scope="col" className="py-1 pr-4 font-normal">{head}</th>)}</tr></thead>
          <tbody>{rows.map((row) => (
            <tr key={row.name} className="border-t hair"><th scope="row" className="py-1 pr-4 font-normal">{row.name}</th><td className="pr-4">{row.figures.votes}</td><td className="pr-4">{seconds(row.figures.p50_ms)}</td><td className="pr-4">{seconds(row.figures.p90_ms)}</td><td className="pr-4">{row.figures.hasty}</td><td>{row.figures.unseen}</td></tr>
          ))}</tbody>
        </table>
      </div>
    </Section>
  );
}
