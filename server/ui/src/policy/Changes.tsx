// What a draft changes, whether it is good, and publishing it. Publishing stores; it does not decide yet.
import { useQueries } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { get, http } from '../api/client';
import { failureOf } from '../api/failure';
import { client, q } from '../api/queries';
import { count } from '../kit/bytes';
import { Area, Button, buttonClass } from '../kit/controls';
import { Glyph, State } from '../kit/glyph';
import { Prose } from '../kit/inert';
import { Section } from '../kit/panes';
import { Empty, Refusal } from '../kit/states';
import { toast } from '../kit/toasts';
import { errorsIn, useChecked } from './checking';
import { Answers } from './Answers';
import { Diff } from './Diff';
import { changed, discard, type Draft, laid, setNote, useDraft } from './draft';
import { compare, hunks } from './lines';
import { useActive } from './Policies';

type Fault = { file?: string; line?: number; message?: string };

function Differences({ draft }: { draft: Draft }) {
  const paths = changed(draft);
  const originals = useQueries({ queries: paths.map((path) => ({ ...q.file(draft.base, path), retry: false })) });
  return (
    <>
      {paths.map((path, n) => {
        const before = originals[n];
        if (!before || before.isPending) return <p key={path} className="mono text-text2">{path} …</p>;
        // What the base does not have is new; anything else that cannot be read is said.
        const missing = before.isError && failureOf(before.error).code === 'not-found';
        if (before.isError && !missing) return <Refusal key={path} cause={before.error} />;
        const after = draft.removed.includes(path) ? '' : draft.files[path] ?? '';
        return <Diff key={path} path={path} change={missing ? 'new' : draft.removed.includes(path) ? 'left out' : 'changed'} hunks={hunks(compare(before.data?.text ?? '', after))} />;
      })}
    </>
  );
}

function Publish({ draft, active }: { draft: Draft; active: string }) {
  const navigate = useNavigate();
  const { query, behind } = useChecked(active, 'cases');
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();
  const errors = errorsIn(query.data);
  const failed = query.data?.cases?.filter((one) => one.problems.length > 0) ?? [];
  const publish = async () => {
    setBusy(true);
    setFault(undefined);
    try {
      const answer = await get(http.POST('/api/v1/bundles', { params: { query: { check_only: false } }, body: { ...laid(draft), ...(draft.note.trim() ? { message: draft.note.trim() } : {}) } }));
      if (!answer.revision) throw new Error('the server took it and gave it no name');
      for (const key of ['bundles']) void client.invalidateQueries({ queryKey: [key] });
      const back = discard();
      toast(`Published as ${answer.revision.slice(0, 10)}; it does not decide yet`, back);
      void navigate({ to: '/policies/history/$rev', params: { rev: answer.revision } });
    } catch (cause) { setFault(cause); } finally { setBusy(false); }
  };
  const faults = fault === undefined ? [] : (failureOf(fault).said.faults as Fault[] | undefined) ?? [];
  return (
    <form aria-label="Publish" className="max-w-2xl space-y-3" onSubmit={(e) => { e.preventDefault(); void publish(); }}>
      <p role="status" data-check={query.isError ? 'failed' : behind ? 'asking' : errors.length || failed.length ? 'faulty' : 'good'}>
        {query.isError ? <State tone="warn">The server did not look at it: {failureOf(query.error).said.title}</State>
          : behind ? <State tone="mute">Running the cases …</State>
            : errors.length ? <State tone="bad">{count(errors.length, 'error')}: it cannot be published</State>
              : failed.length ? <State tone="warn">{count(failed.length, 'case')} {failed.length === 1 ? 'does' : 'do'} not hold: it can be published, and cannot decide</State>
                : <State tone="ok">It loads, and all {query.data?.cases?.length ?? 0} cases hold</State>}
      </p>
      {!behind && (errors.length > 0 || failed.length > 0) && (
        <ul className="space-y-1">
          {errors.map((one, n) => <li key={n} className="flex gap-2"><Glyph tone="bad" className="mt-1" /><span><Link to="/policies" search={{ file: one.file, ...(one.line ? { line: one.line } : {}) }} className="mono underline decoration-edge underline-offset-2">{one.file}:{one.line}</Link> <Prose>{one.message}</Prose></span></li>)}
          {failed.map((one, n) => <li key={n} className="flex gap-2"><Glyph tone="warn" className="mt-1" /><span><Link to="/policies" search={{ file: one.file, line: one.line }} className="mono underline decoration-edge underline-offset-2">{one.file}:{one.line}</Link> {one.name}</span></li>)}
        </ul>
      )}
      <Area label="What the change is for" rows={2} value={draft.note} onChange={(e) => setNote(draft.base, e.target.value)} maxLength={4000} hint="Stands beside the revision for as long as there is one. Kept in this browser until then." />
      {fault !== undefined && <Refusal cause={fault}>{faults.length > 1 && <ul className="mt-1">{faults.slice(0, 8).map((one, n) => <li key={n}><code>{one.file}:{one.line}</code> {one.message}</li>)}</ul>}</Refusal>}
      <div className="flex flex-wrap gap-2">
        <Button type="submit" look="solid" disabled={busy || changed(draft).length === 0 || errors.length > 0}>Publish {count(changed(draft).length, 'file')}</Button>
        <Link to="/policies/cases" className={buttonClass()}>See the cases</Link>
        <Link to="/policies/replays" search={{ candidate: 'draft' }} className={buttonClass()}>Replay the last days</Link>
      </div>
    </form>
  );
}

export default function Changes() {
  const draft = useDraft();
  const active = useActive();
  return (
    <div className="h-full overflow-y-auto" tabIndex={0} role="region" aria-label="Changes">
      <h1 className="sr-only">Changes</h1>
      {!draft ? <Empty title="Nothing is changed">Open a file under <Link to="/policies" className="underline">Source</Link> and write; what you write is kept here until you publish or discard it.</Empty> : (
        <>
          <Section id="publish" title="Publish" aside={<>Over <code>{draft.base.slice(0, 10)}</code></>}><Publish draft={draft} active={active.revision} /></Section>
          {changed(draft).length > 0 && <Section id="answers" title="Which answers change" aside="held against the bundle that decides"><Answers of={laid(draft)} against={active.revision} /></Section>}
          <Section id="changes" title="What changes">{changed(draft).length ? <Differences draft={draft} /> : <p className="text-text2">Only the note so far.</p>}</Section>
        </>
      )}
    </div>
  );
}
