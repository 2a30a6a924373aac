// The frame of everything about the rules: which bundle decides, what is being changed, and the ways to look at it.
import { useQuery } from '@tanstack/react-query';
import { Link, Outlet } from '@tanstack/react-router';
import { RotateCw, Undo2 } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { type Bundle, get, http } from '../api/client';
import { client, q } from '../api/queries';
import { useMay } from '../identity/session';
import { count } from '../kit/bytes';
import { Button, CopyButton } from '../kit/controls';
import { Glyph } from '../kit/glyph';
import { Prose } from '../kit/inert';
import { Loaded, Refusal } from '../kit/states';
import { TabLinks } from '../kit/tabs';
import { Time } from '../kit/time';
import { toast } from '../kit/toasts';
import { changed, discard, openDraft, rebase, useDraft, useKept } from './draft';
import { RollBack } from './InForce';

type Fault = { file?: string; line?: number; message?: string; help?: string };

/** What the source holds and the server did not take. */
function Faults({ bundle }: { bundle: Bundle }) {
  const faults = bundle.faults as Fault[];
  if (faults.length === 0) return null;
  return (
    <div role="alert" className="border-b hair tint-warn px-4 py-3 md:px-6">
      <p className="flex items-center gap-2 font-semibold"><Glyph tone="warn" />{count(faults.length, 'fault')} in what {bundle.source} holds now; the bundle below goes on deciding</p>
      <ul className="mt-2 space-y-1">{faults.map((fault, n) => <li key={n}><code>{fault.file}{fault.line ? `:${fault.line}` : ''}</code> <Prose>{fault.message}</Prose> <span className="text-text2"><Prose>{fault.help}</Prose></span></li>)}</ul>
    </div>
  );
}

/** That people are asked whether another bundle should decide. */
function Asked() {
  const waiting = useQuery({ ...q.approvals('pending'), retry: false });
  const requests = (waiting.data?.approvals ?? []).filter((request) => request.revision);
  if (requests.length === 0) return null;
  return (
    <p role="status" className="flex flex-wrap items-center gap-x-2 border-b hair tint-accent px-4 py-1.5 text-meta md:px-6"><Glyph tone="act" />
      {requests.map((request) => <Link key={request.id} to="/approvals/$id" params={{ id: request.id }} className="underline">{request.requester_name} asks to put {request.revision?.slice(0, 10)} in force: {request.votes.length} of {request.needed}</Link>)}
    </p>
  );
}

function DraftLine({ active }: { active: string }) {
  const draft = useDraft();
  const kept = useKept();
  const [clash, setClash] = useState<string[]>();
  const [fault, setFault] = useState<unknown>();
  if (!draft) return null;
  const files = changed(draft);
  const over = draft.base !== active;
  const move = async () => {
    setFault(undefined);
    try {
      // A file that changed on both sides is a person's to look at; the rest moves over as it is.
      const between = await client.fetchQuery(q.difference(draft.base, active));
      const both = between.files.map((file) => file.path).filter((path) => files.includes(path));
      if (both.length) setClash(both); else { rebase(active); toast('The draft lies over the bundle that decides now'); }
    } catch (cause) { setFault(cause); }
  };
  return (
    <div className="border-b hair tint-accent px-4 py-1.5 text-meta md:px-6">
      <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <span className="flex items-center gap-2"><Glyph tone="act" />Draft: {count(files.length, 'file')} changed{kept ? ', kept in this browser' : ''}</span>
        {!kept && <span className="flex items-center gap-1.5"><Glyph tone="warn" />This browser keeps nothing; publish or copy before you leave</span>}
        {over && <span className="flex flex-wrap items-center gap-x-2"><Glyph tone="warn" />It lies over <code>{draft.base.slice(0, 10)}</code>, and another bundle decides now. <button type="button" className="min-h-6 underline" onClick={() => void move()}>Lay it over that one</button></span>}
        <Link to="/policies/changes" className="ms-auto inline-flex min-h-6 items-center underline">See what changes</Link>
        <button type="button" className="min-h-6 underline" onClick={() => { const back = discard(); setClash(undefined); toast('The draft is discarded', back); }}>Discard</button>
      </p>
      {clash && (
        <div role="alert" className="mt-1 pb-1">Changed here and in the bundle that decides now: {clash.map((path) => <code key={path} className="me-2">{path}</code>)}
          <span className="ms-1 inline-flex gap-3"><Link to="/policies/history" search={{ from: draft.base, to: active }} className="underline">See their change</Link><button type="button" className="underline" onClick={() => { rebase(active); setClash(undefined); }}>Keep mine in their place</button></span>
        </div>
      )}
      {fault !== undefined && <Refusal cause={fault} />}
    </div>
  );
}

const TABS = [
  ['/policies', 'Source', 'viewPolicies'], ['/policies/changes', 'Changes', 'publishBundle'], ['/policies/cases', 'Cases', 'viewPolicies'], ['/policies/replays', 'Replay', 'readAudit'],
  ['/policies/shadow', 'Shadow', 'readAudit'], ['/policies/history', 'History', 'viewPolicies'],
] as const;

function Tabs() {
  const draft = useDraft();
  const may = useMay();
  return <TabLinks label="Policies" items={TABS.filter(([, , needs]) => may(needs)).map(([to, label]) => ({ to, label, exact: to === '/policies', n: to === '/policies/changes' ? changed(draft).length : undefined }))} />;
}

function Bar({ bundle, children }: { bundle: Bundle; children: ReactNode }) {
  const may = useMay();
  const source = useQuery({ ...q.source(), retry: false });
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();
  const pin = source.data?.pin;
  const again = async () => {
    setBusy(true);
    setFault(undefined);
    try {
      const after = await get(http.POST('/api/v1/policies/reload'));
      toast(after.changed ? `Another bundle decides now: ${after.revision.slice(0, 10)}` : 'The same bundle as before');
      void client.invalidateQueries({ queryKey: ['policies'] });
    } catch (cause) { setFault(cause); } finally { setBusy(false); }
  };
  const unpin = async () => {
    setFault(undefined);
    try {
      await get(http.DELETE('/api/v1/bundles/pin'));
      toast('The source moves what is in force again');
      void client.invalidateQueries({ queryKey: ['bundles'] });
    } catch (cause) { setFault(cause); }
  };
  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="flex shrink-0 flex-wrap items-center gap-x-5 gap-y-1 bg-s1 px-4 pt-2 pb-1 md:px-6">
        <span className="flex items-center">Bundle <Link to="/policies/history/$rev" params={{ rev: bundle.revision }} className="ms-1.5 underline decoration-edge underline-offset-2"><code className="font-semibold" title={bundle.revision}>{bundle.revision.slice(0, 10)}</code></Link><CopyButton text={bundle.revision} what="revision" /></span>
        <span className="text-text2 max-md:hidden">{bundle.source === 'shipped' ? 'as it ships with this server' : bundle.source}</span>
        <span className="text-text2">active since <Time at={bundle.activated_at} /></span>
        {pin && <span className="flex items-center gap-2 text-text2" title={pin.reason}><Glyph tone="warn" />pinned by {pin.actor}: the source does not move it{may('activateBundle') && <button type="button" className="underline" onClick={() => void unpin()}>Unpin it</button>}</span>}
        <span className="ms-auto flex gap-2">
          {bundle.source !== 'shipped' && may('activateBundle') && <Button size="s" disabled={busy} onClick={() => void again()}><RotateCw className="size-4" aria-hidden />Read it again</Button>}
          {may('activateBundle') && <RollBack active={bundle.revision} icon={<Undo2 className="size-4" aria-hidden />} />}
        </span>
      </div>
      <Tabs />
      {fault !== undefined && <div className="p-4"><Refusal cause={fault} /></div>}
      <Faults bundle={bundle} /><Asked /><DraftLine active={bundle.revision} />
      <div className="min-h-0 grow">{children}</div>
    </div>
  );
}

export default function Policies() {
  const bundle = useQuery(q.bundle());
  const me = useQuery(q.me());
  if (me.data) openDraft(me.data.id);
  return <>{!bundle.data && <h1 className="sr-only">Policies</h1>}<Loaded query={bundle} what="the policies">{(found) => <Bar bundle={found}><Outlet /></Bar>}</Loaded></>;
}

/** The bundle that decides; the frame has read it before any page in it is shown. */
export function useActive(): Bundle {
  const bundle = useQuery(q.bundle());
  if (!bundle.data) throw new Error('the bundle is not there yet');
  return bundle.data;
}
