// Putting a revision in force, and going back. The server may hold it for people; then this says for whom and where.
// Never: says that it decides before the server has.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { get, http } from '../api/client';
import { failureOf } from '../api/failure';
import { client, q } from '../api/queries';
import { Area, Button } from '../kit/controls';
import { Glyph } from '../kit/glyph';
import { Prose } from '../kit/inert';
import { Modal } from '../kit/panes';
import { Refusal } from '../kit/states';
import { toast } from '../kit/toasts';

type Held = { approval: string; revision: string; needed: number; why: string };
type Answer = Held | { revision: string };

const reread = () => { for (const key of ['policies', 'bundles', 'approvals', 'version']) void client.invalidateQueries({ queryKey: [key] }); };

async function goBack(expect: string, reason: string): Promise<Answer> {
  const answer = await get(http.POST('/api/v1/bundles/rollback', { body: { reason: reason || 'Undone from the page', expect } })) as Answer;
  reread();
  return answer;
}

export function HeldNote({ held }: { held: Held }) {
  return (
    <div role="status" className="rounded-m border border-accent/50 tint-accent px-3 py-2">
      <p className="flex items-center gap-2 font-semibold"><Glyph tone="act" />It waits for {held.needed === 1 ? 'one person' : `${held.needed} people`}; until then nothing changes</p>
      <p className="mt-1 text-text2"><Prose>{held.why}</Prose></p>
      <p className="mt-1"><Link to="/approvals/$id" params={{ id: held.approval }} className="underline underline-offset-2">The request, and who may agree to it</Link></p>
    </div>
  );
}

/** The reason, the button, and what came of it. */
export function InForce({ revision, active, passed }: { revision: string; active: string; passed: boolean }) {
  const kept = `legator-activate-${revision}`;
  const [reason, setReason] = useState(() => sessionStorage.getItem(kept) ?? '');
  const [busy, setBusy] = useState(false);
  const [held, setHeld] = useState<Held>();
  const [fault, setFault] = useState<unknown>();
  if (revision === active) return <p className="flex items-center gap-2"><Glyph tone="ok" />This revision decides now.</p>;
  if (!passed) return <p className="flex items-center gap-2"><Glyph tone="bad" />Not all of its cases hold, so it cannot decide. Mend the cases or the policies, and publish again.</p>;
  const go = async () => {
    setBusy(true);
    setFault(undefined);
    try {
      const answer = await get(http.POST('/api/v1/bundles/{revision}/activate', { params: { path: { revision } }, body: { ...(reason.trim() ? { reason: reason.trim() } : {}), expect: active } })) as Answer;
      sessionStorage.removeItem(kept);
      if ('approval' in answer && 'needed' in answer) setHeld(answer);
      else toast(`${revision.slice(0, 10)} decides now`, () => { goBack(revision, '').then((back) => toast('needed' in back ? 'Going back waits for people' : `${back.revision.slice(0, 10)} decides again`), (cause: unknown) => toast(failureOf(cause).said.title)); });
      reread();
    } catch (cause) { setFault(cause); if (failureOf(cause).status === 409) reread(); } finally { setBusy(false); }
  };
  if (held) return <HeldNote held={held} />;
  return (
    <form aria-label="Put in force" className="max-w-xl space-y-3" onSubmit={(e) => { e.preventDefault(); void go(); }}>
      <Area label="Why now" rows={2} value={reason} onChange={(e) => { setReason(e.target.value); sessionStorage.setItem(kept, e.target.value); }} hint="Stands in the history. From then on it decides about everything; one step goes back." />
      {fault !== undefined && <Refusal cause={fault} />}
      <Button type="submit" look="solid" disabled={busy}>Put {revision.slice(0, 10)} in force</Button>
    </form>
  );
}

/** One step back, with what that leads to on the screen before it is done. */
export function RollBack({ active, icon }: { active: string; icon: ReactNode }) {
  const [open, setOpen] = useState(false);
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [held, setHeld] = useState<Held>();
  const [fault, setFault] = useState<unknown>();
  const before = useQuery({ ...q.revision('previous'), retry: false });
  const target = before.data?.revision;
  if (!target) return null;
  const go = async () => {
    setBusy(true);
    setFault(undefined);
    try {
      const answer = await goBack(active, reason.trim());
      if ('needed' in answer) { setHeld(answer); return; }
      setOpen(false);
      setReason('');
      toast(`${answer.revision.slice(0, 10)} decides again`);
    } catch (cause) { setFault(cause); if (failureOf(cause).status === 409) reread(); } finally { setBusy(false); }
  };
  return (
    <>
      <Button size="s" onClick={() => { setHeld(undefined); setFault(undefined); setOpen(true); }}>{icon}Roll back</Button>
      <Modal open={open} onOpenChange={setOpen} title="Roll back" description={`From ${active.slice(0, 10)} to what was in force before it, ${target.slice(0, 10)}.`}>
        <div className="space-y-3 p-5">
          <p className="text-text2">{before.data?.message || 'It was published without a note.'} <Link to="/policies/history" search={{ from: active, to: target }} onClick={() => setOpen(false)} className="underline underline-offset-2">See what that changes</Link></p>
          {held ? <HeldNote held={held} /> : (
            <form aria-label="Roll back" className="space-y-3" onSubmit={(e) => { e.preventDefault(); void go(); }}>
              <Area label="Why" rows={2} value={reason} onChange={(e) => setReason(e.target.value)} hint="Stands in the history." />
              {fault !== undefined && <Refusal cause={fault} />}
              <div className="flex justify-end gap-2"><Button look="ghost" onClick={() => setOpen(false)}>Leave it</Button><Button type="submit" look="bad" disabled={busy}>Roll back to {target.slice(0, 10)}</Button></div>
            </form>
          )}
        </div>
      </Modal>
    </>
  );
}
