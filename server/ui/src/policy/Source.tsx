// A bundle's files, read and changed. What is typed is a draft in this browser at once; the server looks at it when the
// typing pauses, and what it finds stands under the line.
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { ArrowLeft, RotateCcw, Trash2 } from 'lucide-react';
import { lazy, Suspense, useEffect, useMemo, useRef } from 'react';
import { q } from '../api/queries';
import { languageOf } from '../code/language';
import { useMay } from '../identity/session';
import { count } from '../kit/bytes';
import { Button } from '../kit/controls';
import { Glyph, State } from '../kit/glyph';
import { Prose } from '../kit/inert';
import { Empty, FailureNote, Loaded, Skeleton } from '../kit/states';
import { toast } from '../kit/toasts';
import { failureOf } from '../api/failure';
import { errorsIn, findingsOf, shownOf, useChecked } from './checking';
import { currentDraft, remove, restore, useDraft, write } from './draft';
import { useActive } from './Policies';
import { Tree } from './Tree';

const CodeEdit = lazy(() => import('../code/CodeEdit'));

/** The policies of a file by the lines on which they begin, as its text says. */
export function outline(text: string): { id: string; line: number; effect: string }[] {
  const out: { id: string; line: number; effect: string }[] = [];
  let id: { name: string; line: number } | undefined;
  text.split('\n').forEach((line, n) => {
    const named = /^\s*@id\("([^"]+)"\)/.exec(line);
    if (named?.[1]) id = { name: named[1], line: n + 1 };
    const effect = /^\s*(permit|forbid)\s*\(/.exec(line)?.[1];
    if (effect) { out.push({ id: id?.name ?? `line ${n + 1}`, line: id?.line ?? n + 1, effect }); id = undefined; }
  });
  return out;
}

function Verdict({ active, cover }: { active: string; cover: boolean }) {
  const { query, allowed, behind } = useChecked(active, cover ? 'coverage' : 'findings');
  if (!allowed) return null;
  const errors = errorsIn(query.data).length;
  const warnings = (query.data?.findings.length ?? 0) - errors;
  const failed = query.data?.cases?.filter((one) => one.problems.length > 0).length ?? 0;
  return (
    <p role="status" data-check={query.isError ? 'failed' : behind ? 'asking' : errors || failed ? 'faulty' : 'good'} className="flex min-h-7 flex-wrap items-center gap-x-4 text-meta text-text2">
      {query.isError ? <State tone="warn">The server did not look at it: {failureOf(query.error).said.title}</State>
        : query.data === undefined || behind ? <State tone="mute">The server looks at it …</State>
          : errors ? <State tone="bad">{count(errors, 'error')}: the bundle would not be taken</State> : <State tone="ok">It loads</State>}
      {!behind && warnings > 0 && <State tone="warn">{count(warnings, 'warning')}</State>}
      {!behind && failed > 0 && <Link to="/policies/cases" className="underline"><State tone="bad">{count(failed, 'case')} that {failed === 1 ? 'does' : 'do'} not hold</State></Link>}
      {!behind && query.data?.cases && failed === 0 && errors === 0 && <State tone="ok">All {query.data.cases.length} cases hold</State>}
    </p>
  );
}

function Elsewhere({ active, path }: { active: string; path: string }) {
  const { query } = useChecked(active, 'findings');
  const others = (query.data?.findings ?? []).filter((finding) => finding.file !== path);
  if (others.length === 0) return null;
  return (
    <details className="mt-4" open={errorsIn(query.data).some((finding) => finding.file !== path)}>
      <summary className="text-text2">{count(others.length, 'finding')} in other files</summary>
      <ul className="mt-2 space-y-1">{others.map((finding, n) => (
        <li key={n} className="flex items-start gap-2"><Glyph tone={finding.grade === 'warning' ? 'warn' : 'bad'} className="mt-1" />
          <span className="min-w-0 break-words"><Link to="/policies" search={{ file: finding.file, ...(finding.line ? { line: finding.line } : {}) }} className="mono underline decoration-edge underline-offset-2">{finding.file}{finding.line ? `:${finding.line}` : ''}</Link> <Prose>{finding.message}</Prose></span></li>
      ))}</ul>
    </details>
  );
}

function File({ path, base, inBase, active, rev }: { path: string; base: string; inBase: boolean; active: string; rev: string | undefined }) {
  const search = useSearch({ from: '/policies/' });
  const navigate = useNavigate();
  const may = useMay();
  const draft = useDraft();
  const cover = search.cover === true;
  const editable = may('publishBundle') && !rev;
  const original = useQuery({ ...q.file(base, path), enabled: inBase });
  const { query: checked } = useChecked(active, cover ? 'coverage' : 'findings', !rev);
  const text = draft && !rev && path in draft.files ? draft.files[path] : inBase ? original.data?.text : '';
  const findings = useMemo(() => (rev ? [] : findingsOf(checked.data, path)), [checked.data, path, rev]);
  const shown = useMemo(() => (cover && !rev ? shownOf(checked.data, path) : []), [checked.data, path, cover, rev]);
  const policies = useMemo(() => (path.endsWith('.cedar') && text ? outline(text) : []), [path, text]);
  // What the draft is held against does not change while somebody types.
  const held = useRef<string>(undefined);
  held.current = inBase ? original.data?.text : undefined;
  if (original.isError && text === undefined) return <FailureNote cause={original.error} what={path} retry={() => void original.refetch()} />;
  if (text === undefined) return <Skeleton rows={8} height={20} />;
  const gone = !rev && draft?.removed.includes(path);
  const touched = draft && !rev && (path in draft.files || gone);
  const language = languageOf(path);
  return (
    <>
      <div className="mb-2 flex flex-wrap items-center gap-x-4 gap-y-1">
        <h2 className="mono min-w-0 font-semibold break-all">{path}</h2>
        <span className="ms-auto flex flex-wrap gap-2">
          {editable && <label className="flex min-h-7 items-center gap-2 text-text2"><input type="checkbox" checked={cover} className="size-4 accent-(--accent-solid)" onChange={(e) => void navigate({ to: '/policies', search: { file: path, ...(e.target.checked ? { cover: true } : {}) }, replace: true })} />What the cases show</label>}
          {editable && touched && <Button size="s" onClick={() => { const before = currentDraft()?.files[path]; restore(path); toast(`${path} is as it was`, before === undefined ? undefined : () => write(base, path, before, held.current)); }}><RotateCcw className="size-4" aria-hidden />{inBase ? 'As it was' : 'Take it away'}</Button>}
          {editable && !gone && <Button size="s" look="ghost" onClick={() => { const before = currentDraft()?.files[path]; remove(base, path, inBase); toast(`${path} is left out of the draft`, () => { restore(path); if (before !== undefined) write(base, path, before, held.current); }); }}><Trash2 className="size-4" aria-hidden />Leave it out</Button>}
        </span>
      </div>
      {policies.length > 0 && (
        <ul aria-label="Policies in this file" className="mb-2 flex gap-x-4 gap-y-1 overflow-x-auto text-meta">{policies.map((policy) => (
          <li key={policy.line} className="shrink-0"><Link to="/policies" search={{ file: path, line: policy.line, ...(cover ? { cover: true } : {}), ...(rev ? { rev } : {}) }} replace className="inline-flex min-h-6 items-center gap-1.5 text-text2 hover:text-text"><span className={policy.effect === 'forbid' ? 'text-bad' : 'text-ok'}>{policy.effect}</span><code>{policy.id}</code></Link></li>
        ))}</ul>
      )}
      {rev ? <p className="text-meta text-text2">As revision <code>{rev.slice(0, 10)}</code> has it. <Link to="/policies" search={{ file: path }} className="underline">What decides now</Link></p> : <Verdict active={active} cover={cover} />}
      {gone ? <Empty title="This file is left out of the draft"><button type="button" className="underline" onClick={() => restore(path)}>Take it back</button></Empty> : (
        <Suspense fallback={<div aria-busy className="rounded-m border hair bg-bg" style={{ height: Math.min(text.split('\n').length, 40) * 20 + 16 }} />}>
          <CodeEdit path={`${rev ?? 'draft'}:${path}`} text={text} language={language} readOnly={!editable} label={`${editable ? 'Text' : 'Source'} of ${path}`} findings={findings} shown={shown} line={search.line}
            onChange={(next) => write(base, path, next, held.current)} onRun={() => void navigate({ to: '/policies/cases' })} />
        </Suspense>
      )}
      {!rev && <Elsewhere active={active} path={path} />}
      {editable && <p className="mt-3 text-meta text-text2">Kept in this browser as you type. <kbd>Ctrl Enter</kbd> runs the cases, <kbd>Tab</kbd> leaves the text.</p>}
      {!editable && !rev && <p className="mt-3 text-meta text-text2">You may read the rules; changing them takes a role that may publish.</p>}
    </>
  );
}

export default function Source() {
  const search = useSearch({ from: '/policies/' });
  const navigate = useNavigate();
  const may = useMay();
  const active = useActive();
  const draft = useDraft();
  const base = search.rev ?? draft?.base ?? active.revision;
  const detail = useQuery(q.revision(base));
  const { query: checked } = useChecked(active.revision, 'findings', !search.rev);
  const inBase = useMemo(() => new Set((detail.data?.files ?? []).map((file) => file.path)), [detail.data]);
  const paths = useMemo(() => [...new Set([...inBase, ...(search.rev ? [] : Object.keys(draft?.files ?? {}))])].sort(), [inBase, draft, search.rev]);
  const file = search.file && paths.includes(search.file) ? search.file : undefined;
  const first = paths.find((path) => path.endsWith('.cedar')) ?? paths[0];
  useEffect(() => { if (!search.file && first && matchMedia('(min-width: 64rem)').matches) void navigate({ to: '/policies', search: { ...search, file: first }, replace: true }); }, [search, first, navigate]);
  const make = (path: string) => { write(base, path, path.endsWith('.cedar') ? '@id("")\n@rationale("")\n' : '', undefined); void navigate({ to: '/policies', search: { file: path } }); };
  return (
    <>
    {!detail.data && <h1 className="sr-only">Policies</h1>}
    <Loaded query={detail} what="the bundle’s files">
      {() => (
        <div className="grid h-full min-h-0 grid-cols-[minmax(0,1fr)] grid-rows-[minmax(0,1fr)] lg:grid-cols-[264px_minmax(0,1fr)]">
          <h1 className="sr-only">Policies</h1>
          <div className={`min-h-0 overflow-y-auto border-e hair bg-s1 p-2 ${file ? 'hidden lg:block' : ''}`}><Tree paths={paths} draft={search.rev ? undefined : draft} inBase={inBase} current={file} rev={search.rev} checked={search.rev ? undefined : checked.data} onNew={may('publishBundle') && !search.rev ? make : undefined} /></div>
          <div className={`min-h-0 overflow-y-auto p-4 md:p-6 ${file ? '' : 'hidden lg:block'}`} tabIndex={0} role="region" aria-label="Source">
            {file ? <><Link to="/policies" search={search.rev ? { rev: search.rev } : {}} className="mb-3 inline-flex min-h-6 items-center gap-1.5 text-text2 lg:hidden"><ArrowLeft className="size-4 rtl:-scale-x-100" aria-hidden />Files</Link><File key={file} path={file} base={base} inBase={inBase.has(file)} active={active.revision} rev={search.rev} /></>
              : <Empty title={search.file ? 'The bundle has no such file' : 'Choose a file'} />}
          </div>
        </div>
      )}
    </Loaded>
    </>
  );
}
