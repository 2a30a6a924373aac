// The shadow: a bundle that decides beside the live one, on what really happens, and changes nothing.
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { get, http, type Shadow } from '../api/client';
import { failureOf } from '../api/failure';
import { client, q } from '../api/queries';
import { useMay } from '../identity/session';
import { count } from '../kit/bytes';
import { Button, buttonClass } from '../kit/controls';
import { Glyph } from '../kit/glyph';
import { Section } from '../kit/panes';
import { Empty, FailureNote, Refusal, Skeleton } from '../kit/states';
import { Time } from '../kit/time';
import { toast } from '../kit/toasts';
import { CandidateField, chosen } from './Candidate';
import { Matrix, type Narrow, Rows } from './Differences';
import { useDraft } from './draft';
import { useActive } from './Policies';

async function begin(body: ReturnType<typeof chosen>) {
  const shadow = await get(http.POST('/api/v1/bundles/shadow', { body }));
  void client.invalidateQueries({ queryKey: ['shadow'] });
  return shadow;
}

function Start({ active }: { active: string }) {
  const draft = useDraft();
  const may = useMay();
  const [wish, setWish] = useState(draft ? 'draft' : active);
  const candidate = wish === 'draft' && !draft ? active : wish;
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();
  const start = async () => {
    setBusy(true);
    setFault(undefined);
    try { await begin(chosen(candidate, draft)); } catch (cause) { setFault(cause); } finally { setBusy(false); }
  };
  return (
    <Section id="start" title="Nothing decides in the shadow">
      <p className="mb-3 max-w-prose text-text2">A bundle in the shadow judges every command after the live one has. It is never in the way, and its answer counts for nothing but this page.</p>
      {may('shadowBundle') ? (
        <form aria-label="Shadow" className="max-w-xl space-y-3" onSubmit={(e) => { e.preventDefault(); void start(); }}>
          <CandidateField value={candidate} onChange={setWish} active={active} />
          {fault !== undefined && <Refusal cause={fault} />}
          <Button type="submit" look="solid" disabled={busy}>Let it decide beside</Button>
        </form>
      ) : <p className="text-text2">Starting it takes a role that may shadow a bundle.</p>}
    </Section>
  );
}

function Running({ shadow, all, narrow }: { shadow: Shadow; all: Shadow; narrow: Narrow }) {
  const may = useMay();
  const navigate = useNavigate();
  const [fault, setFault] = useState<unknown>();
  const stop = async () => {
    setFault(undefined);
    try {
      await get(http.DELETE('/api/v1/bundles/shadow'));
      toast('Nothing decides in the shadow any more', () => void begin({ revision: shadow.candidate, remove: [] }).catch((cause: unknown) => toast(failureOf(cause).said.title)));
      void client.invalidateQueries({ queryKey: ['shadow'] });
    } catch (cause) { setFault(cause); }
  };
  // The server narrows by kind; the rest of what it sent is narrowed here.
  const shown = shadow.differences.filter((one) => (!narrow.principal || one.principal === narrow.principal) && (!narrow.tag || one.tags.includes(narrow.tag)) && (!narrow.action || one.action_before === narrow.action) && (!narrow.policy || one.policies.includes(narrow.policy)));
  const onNarrow = (next: Narrow) => void navigate({ to: '/policies/shadow', search: Object.fromEntries(Object.entries(next).filter(([, value]) => value)) as Narrow, replace: true });
  return (
    <>
      <Section id="shadow" title={`${shadow.candidate.slice(0, 10)} decides beside`} aside={<>since <Time at={shadow.started_at} />, by {shadow.actor}</>}>
        <div className="mb-4 flex flex-wrap items-center gap-x-4 gap-y-2">
          <Link to="/policies/history/$rev" params={{ rev: shadow.candidate }} className={buttonClass()}>What it is</Link>
          {may('shadowBundle') && <Button look="bad" onClick={() => void stop()}>Stop it</Button>}
          {(shadow.dropped > 0 || shadow.gave_up > 0) && <span className="flex items-center gap-2 text-text2"><Glyph tone="warn" />{shadow.dropped > 0 && `${count(shadow.dropped, 'judgement')} had no time`} {shadow.gave_up > 0 && `${count(shadow.gave_up, 'judgement')} took it too long`}</span>}
        </div>
        {fault !== undefined && <div className="mb-3"><Refusal cause={fault} /></div>}
        <Matrix tally={all.tally} narrow={narrow} onNarrow={onNarrow} />
      </Section>
      <Section id="differences" title="Where it differs" aside={shadow.differences.length >= 200 ? 'The newest 200' : undefined}>
        {shown.length === 0 ? <Empty title={Object.keys(narrow).length ? 'None like that' : all.tally.decisions ? 'Nowhere so far' : 'Nothing has been asked since'}>It hears every command as it is decided.</Empty>
          : <div className="-mx-4 md:-mx-6"><Rows differences={shown} asks={(command, n) => q.shadowed(shadow.candidate, command, n) as never} /></div>}
      </Section>
    </>
  );
}

export default function ShadowPage() {
  const active = useActive();
  const narrow = useSearch({ from: '/policies/shadow' });
  const all = useQuery({ ...q.shadow(), retry: false });
  const some = useQuery({ ...q.shadow(narrow.kind), retry: false, enabled: narrow.kind !== undefined });
  const none = all.isError && failureOf(all.error).code === 'not-found';
  const shadow = narrow.kind === undefined ? all.data : some.data;
  return (
    <div className="h-full overflow-y-auto" tabIndex={0} role="region" aria-label="Shadow">
      <h1 className="sr-only">Shadow</h1>
      {none ? <Start active={active.revision} /> : all.isError ? <FailureNote cause={all.error} what="the shadow" retry={() => void all.refetch()} /> : all.data && shadow ? <Running shadow={shadow} all={all.data} narrow={narrow} /> : <Skeleton />}
    </div>
  );
}
