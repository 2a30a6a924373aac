// Which bundles there are, which decided when, and what is different between any two of them.
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useId } from 'react';
import type { Revision } from '../api/client';
import { q } from '../api/queries';
import { count } from '../kit/bytes';
import { Glyph, State } from '../kit/glyph';
import { Section } from '../kit/panes';
import { Empty, Loaded } from '../kit/states';
import { Time } from '../kit/time';
import { Difference } from './Revision';
import { useActive } from './Policies';

const ORIGINS: Record<string, string> = { shipped: 'came with the server', folder: 'read from a folder', git: 'read from git', upload: 'published here', template: 'made from a template', earlier: 'from before there was a history' };
export const originOf = (kind: string) => ORIGINS[kind] ?? kind;
const HOW: Record<string, string> = { start: 'at the first start', source: 'because the source changed', person: 'put in force', rollback: 'rolled back', template: 'by a template' };

function Choice({ label, value, known, onChange }: { label: string; value: string; known: readonly Revision[]; onChange: (value: string) => void }) {
  const id = useId();
  return (
    <span className="flex items-center gap-2"><label htmlFor={id} className="text-text2">{label}</label>
      <select id={id} value={value} onChange={(e) => onChange(e.target.value)} className="h-8 max-w-56 rounded-m border border-edge bg-bg px-2 max-md:h-11 max-md:text-lead">
        {!known.some((one) => one.revision === value) && <option value={value}>{value.slice(0, 10)}</option>}
        {known.map((one) => <option key={one.revision} value={one.revision}>{one.revision.slice(0, 10)}{one.active ? ', decides now' : ''}{one.message ? ` — ${one.message.slice(0, 40)}` : ''}</option>)}
      </select></span>
  );
}

export default function HistoryPage() {
  const active = useActive();
  const { from, to } = useSearch({ from: '/policies/history' });
  const navigate = useNavigate();
  const revisions = useQuery(q.revisions());
  const activations = useQuery(q.activations());
  const known = revisions.data?.bundles ?? [];
  const other = known.find((one) => one.revision !== active.revision)?.revision;
  const left = from ?? active.revision;
  const right = to ?? other;
  const go = (next: { from: string; to: string }) => void navigate({ to: '/policies/history', search: next, replace: true });
  return (
    <div className="h-full overflow-y-auto" tabIndex={0} role="region" aria-label="History">
      <h1 className="sr-only">History</h1>
      <Section id="revisions" title="Revisions" aside="Newest first; a revision never changes">
        <Loaded query={revisions} what="the revisions">
          {({ bundles, next_cursor }) => (
            <>
              <ul className="-mx-4 divide-y divide-line md:-mx-6">{bundles.map((one) => (
                <li key={one.revision}><Link to="/policies/history/$rev" params={{ rev: one.revision }} className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-4 gap-y-0.5 px-4 py-2.5 hover:bg-s2 md:px-6">
                  <span className="min-w-0 truncate"><code className="me-3 font-semibold">{one.revision.slice(0, 10)}</code>{one.message}</span>
                  {one.active ? <State tone="ok">Decides now</State> : one.passed ? <State tone="mute">Could decide</State> : <State tone="bad">A case does not hold</State>}
                  <span className="truncate text-meta text-text2">{one.publisher}, {originOf(one.origin.kind)} · {count(one.policies, 'policy', 'policies')}, {count(one.scripts, 'script')}, {count(one.cases, 'case')}</span>
                  <span className="text-end text-meta text-text2"><Time at={one.published_at} /></span>
                </Link></li>
              ))}</ul>
              {next_cursor !== undefined && <p className="pt-3 text-meta text-text2">The newest 200. <code>legatorctl bundle list</code> has all.</p>}
            </>
          )}
        </Loaded>
      </Section>
      <Section id="compare" title="Compare">
        {!right || known.length < 2 ? <p className="text-text2">There is one revision so far, so there is nothing to compare.</p> : (
          <>
            <div className="mb-4 flex flex-wrap gap-x-6 gap-y-2"><Choice label="From" value={left} known={known} onChange={(value) => go({ from: value, to: right })} /><Choice label="to" value={right} known={known} onChange={(value) => go({ from: left, to: value })} /></div>
            {left === right ? <p className="text-text2">That is the same revision.</p> : <Difference from={left} to={right} />}
          </>
        )}
      </Section>
      <Section id="activations" title="What decided when">
        <Loaded query={activations} what="what decided when">
          {({ activations: list }) => list.length === 0 ? <Empty title="Nothing yet" /> : (
            <ol className="space-y-2">{list.map((one, n) => (
              <li key={one.n} className="flex items-start gap-2.5"><Glyph tone={n === 0 ? 'ok' : 'mute'} className="mt-1" />
                <p className="min-w-0 break-words"><Link to="/policies/history/$rev" params={{ rev: one.revision }} className="underline decoration-edge underline-offset-2"><code>{one.revision.slice(0, 10)}</code></Link> {HOW[one.how] ?? one.how} <span className="text-text2">by {one.actor}, <Time at={one.at} exact /></span>{one.reason && <q className="ms-2 text-text2">{one.reason}</q>}
                  {one.approval && <Link to="/approvals/$id" params={{ id: one.approval }} className="ms-2 underline decoration-edge underline-offset-2">who agreed</Link>}
                  {list[n + 1] && list[n + 1]?.revision !== one.revision && <Link to="/policies/history" search={{ from: list[n + 1]?.revision ?? '', to: one.revision }} className="ms-2 underline decoration-edge underline-offset-2">what it changed</Link>}</p></li>
            ))}</ol>
          )}
        </Loaded>
      </Section>
    </div>
  );
}
