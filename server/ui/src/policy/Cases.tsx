// What the cases come to, for the draft or for the bundle that decides: which do not hold, and what none of them shows.
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import type { Checked } from '../api/client';
import { q } from '../api/queries';
import { count } from '../kit/bytes';
import { Glyph, State } from '../kit/glyph';
import { Prose } from '../kit/inert';
import { Section } from '../kit/panes';
import { Empty, FailureNote, Loaded, Skeleton } from '../kit/states';
import { errorsIn, useChecked } from './checking';
import { useDraft } from './draft';
import { useActive } from './Policies';

type Case = NonNullable<Checked['cases']>[number];
const place = 'mono underline decoration-edge underline-offset-2';

function Failing({ cases }: { cases: readonly Case[] }) {
  return (
    <ul className="space-y-3">{cases.map((one) => (
      <li key={`${one.file}:${one.line}:${one.name}`} className="flex items-start gap-2.5"><Glyph tone="bad" className="mt-1" />
        <div className="min-w-0"><p className="font-medium break-words">{one.name}</p><ul>{one.problems.map((problem, n) => <li key={n} className="break-words text-text2"><Prose>{problem}</Prose></li>)}</ul><Link to="/policies" search={{ file: one.file, line: one.line }} className={`${place} text-meta`}>{one.file}:{one.line}</Link></div></li>
    ))}</ul>
  );
}

function Coverage({ files }: { files: NonNullable<Checked['coverage']> }) {
  const known = files.filter((file) => file.of > 0).sort((a, b) => a.seen / a.of - b.seen / b.of || a.file.localeCompare(b.file));
  const seen = known.reduce((sum, file) => sum + file.seen, 0);
  const of = known.reduce((sum, file) => sum + file.of, 0);
  return (
    <>
      <p className="mb-3 text-text2">{seen.toLocaleString('en')} of {of.toLocaleString('en')} ways in which a policy, a clause, a line or a branch can come out are shown by a case. A clause that no case shows both held and failed is one that nobody would miss.</p>
      <ul className="space-y-1">{known.map((file) => {
        const unseen = file.points.flatMap((point) => point.sides.filter((side) => side.times === 0).map((side) => ({ point, side })));
        return (
          <li key={file.file}>
            <details className="group">
              <summary className="flex min-h-8 list-none flex-wrap items-center gap-x-3 rounded-m px-1 hover:bg-s2">
                <Glyph tone={unseen.length === 0 ? 'ok' : file.seen === 0 ? 'bad' : 'warn'} /><code className="min-w-0 break-all">{file.file}</code>
                <span className="ms-auto flex items-center gap-3 text-meta text-text2"><span className="h-1 w-20 rounded-full bg-s3" aria-hidden><span className="block h-full rounded-full bg-text3" style={{ width: `${(file.seen / file.of) * 100}%` }} /></span><span className="mono w-20 text-end">{file.seen} of {file.of}</span></span>
              </summary>
              <div className="py-2 ps-6">
                {unseen.length === 0 ? <p className="text-text2">Nothing is missing.</p> : (
                  <ul className="space-y-0.5">{unseen.slice(0, 200).map(({ point, side }, n) => <li key={n} className="break-words"><Link to="/policies" search={{ file: file.file, line: point.line, cover: true }} className={`${place} text-meta`}>{point.line}</Link> <code>{point.text}</code> <span className="text-text2">never {side.name}{point.kind === 'clause' || point.kind === 'branch' ? `, in ${point.within}` : ''}</span></li>)}</ul>
                )}
              </div>
            </details>
          </li>
        );
      })}</ul>
    </>
  );
}

function All({ cases }: { cases: readonly Case[] }) {
  const { q: text = '' } = useSearch({ from: '/policies/cases' });
  const navigate = useNavigate();
  const byFile = useMemo(() => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const out = new Map<string, Case[]>();
    for (const one of cases) if (words.every((word) => `${one.file} ${one.name}`.toLowerCase().includes(word))) out.set(one.file, [...(out.get(one.file) ?? []), one]);
    return [...out];
  }, [cases, text]);
  return (
    <>
      <input value={text} aria-label="Filter cases" placeholder="Words of a case or its file" onChange={(e) => void navigate({ to: '/policies/cases', search: e.target.value ? { q: e.target.value } : {}, replace: true })} className="mb-3 h-8 w-full max-w-md rounded-m border border-edge bg-bg px-3 placeholder:text-text3 max-md:h-11 max-md:text-lead" />
      {byFile.length === 0 && <p className="text-text2">No case matches.</p>}
      {byFile.map(([file, held]) => (
        <details key={file} open={text !== ''} className="mb-1">
          <summary className="min-h-7"><code>{file}</code> <span className="text-meta text-text2">{count(held.length, 'case')}</span></summary>
          <ul className="py-1 ps-4">{held.map((one) => <li key={`${one.line}:${one.name}`} className="flex items-start gap-2"><Glyph tone={one.problems.length ? 'bad' : 'ok'} className="mt-1" /><Link to="/policies" search={{ file, line: one.line }} className="min-w-0 break-words hover:underline">{one.name}</Link></li>)}</ul>
        </details>
      ))}
    </>
  );
}

/** For who may read but not publish: what the cases came to when the bundle was published. */
function Stored({ active }: { active: string }) {
  const detail = useQuery(q.revision(active));
  return (
    <Loaded query={detail} what="the cases">
      {({ report }) => (
        <>
          <Section id="stored" title="When it was published" aside={`by server ${report.build}`}><p className="flex items-center gap-2"><Glyph tone={report.failed.length ? 'bad' : 'ok'} />{report.cases - report.failed.length} of {report.cases} cases hold</p>
            {report.failed.length > 0 && <div className="mt-3"><Failing cases={report.failed} /></div>}
            <p className="mt-2 text-meta text-text2">Running them again takes a role that may publish.</p></Section>
          {report.gaps.length > 0 && <Gaps gaps={report.gaps} />}
        </>
      )}
    </Loaded>
  );
}

const Gaps = ({ gaps }: { gaps: readonly string[] }) => <Section id="gaps" title="Without a case"><ul className="space-y-0.5">{gaps.map((gap) => <li key={gap} className="flex items-start gap-2"><Glyph tone="warn" className="mt-1" /><span><Prose>{gap}</Prose></span></li>)}</ul></Section>;

function Run({ active }: { active: string }) {
  const draft = useDraft();
  const { query, behind } = useChecked(active, 'coverage');
  const found = query.data;
  if (query.isError) return <FailureNote cause={query.error} what="what the cases come to" retry={() => void query.refetch()} />;
  if (!found) return <><p className="px-6 pt-5 text-text2">The server runs every case, and again to see what they show. That takes some seconds.</p><Skeleton rows={5} /></>;
  const errors = errorsIn(found);
  if (!found.cases) return <Empty title="It does not load, so no case can run"><ul className="text-start">{errors.map((one, n) => <li key={n}><Link to="/policies" search={{ file: one.file, ...(one.line ? { line: one.line } : {}) }} className={place}>{one.file}:{one.line}</Link> <Prose>{one.message}</Prose></li>)}</ul></Empty>;
  const failing = found.cases.filter((one) => one.problems.length > 0);
  return (
    <div className={behind ? 'opacity-60' : ''} aria-busy={behind}>
      <Section id="cases" title={draft ? 'Cases of the draft' : 'Cases of the bundle that decides'} aside={behind ? 'Running them …' : undefined}>
        <p role="status" data-check={behind ? 'asking' : failing.length ? 'faulty' : 'good'} className="flex flex-wrap gap-x-5"><State tone={failing.length ? 'bad' : 'ok'}>{found.cases.length - failing.length} of {found.cases.length} hold</State>{found.gaps.length > 0 && <State tone="warn">{count(found.gaps.length, 'thing')} without a case</State>}</p>
        {failing.length > 0 && <div className="mt-4"><Failing cases={failing} /></div>}
      </Section>
      {found.coverage && <Section id="coverage" title="What they show"><Coverage files={found.coverage} /></Section>}
      {found.gaps.length > 0 && <Gaps gaps={found.gaps} />}
      <Section id="all" title="All cases"><All cases={found.cases} /></Section>
    </div>
  );
}

export default function Cases() {
  const active = useActive();
  const { allowed } = useChecked(active.revision, 'coverage', false);
  return <div className="h-full overflow-y-auto" tabIndex={0} role="region" aria-label="Cases"><h1 className="sr-only">Cases</h1>{allowed ? <Run active={active.revision} /> : <Stored active={active.revision} />}</div>;
}
