// The vote. Nothing is chosen beforehand, a button says what happens, and nothing is counted but what was looked at.
import { Link } from '@tanstack/react-router';
import { Check, X } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { type Approval, get, http } from '../api/client';
import { failureOf } from '../api/failure';
import { client } from '../api/queries';
import { Button, Kbd } from '../kit/controls';
import { approvalState, Glyph, State } from '../kit/glyph';
import { Prose } from '../kit/inert';
import { useKeys } from '../kit/keys';
import { StandsFor } from './StandsFor';

const SHORTEST = 8;
const draftKey = (id: string) => `legator-vote-${id}`;

/** A vote can be taken back while nothing is decided. */
function Withdraw({ id }: { id: string }) {
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();
  const send = async () => {
    setBusy(true);
    setFault(undefined);
    try {
      client.setQueryData(['approvals', 'one', id], await get(http.POST('/api/v1/approvals/{id}/withdraw', { params: { path: { id } }, body: {} })));
      void client.invalidateQueries({ queryKey: ['approvals'] });
    } catch (cause) { setFault(cause); } finally { setBusy(false); }
  };
  return (
    <div className="mt-2 flex flex-wrap items-center gap-2"><Button size="s" disabled={busy} className="max-md:h-11" onClick={() => void send()}>Take my vote back</Button>{fault !== undefined && <p role="alert" className="text-bad">{failureOf(fault).said.detail}</p>}</div>
  );
}

export function DecisionBar({ request }: { request: Approval }) {
  const [intent, setIntent] = useState<'approve' | 'deny'>();
  // A reason survives a reload, and a session that ends.
  const [reason, setReason] = useState(() => sessionStorage.getItem(draftKey(request.id)) ?? '');
  // In whose place: nobody's but one's own, until something else is chosen.
  const [standsFor, setStandsFor] = useState('');
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();
  // The digest of what was on the screen when the reason was begun, not of what has come since.
  const looked = useRef(request.digest);
  const box = useRef<HTMLTextAreaElement>(null);
  useEffect(() => { sessionStorage.setItem(draftKey(request.id), reason); }, [request.id, reason]);
  const open = request.state === 'pending' && request.can_decide;
  const start = (what: 'approve' | 'deny') => {
    looked.current = request.digest;
    setIntent(what);
    requestAnimationFrame(() => box.current?.focus());
  };
  useKeys(open ? { a: () => start('approve'), d: () => start('deny') } : {});

  if (request.state !== 'pending') {
    const { tone, word } = approvalState(request.state);
    return (
      <div className="flex flex-wrap items-center gap-3 px-4 py-3 md:px-6">
        <State tone={tone}><span className="font-medium">{word}</span></State><span className="text-text2">This request is closed.</span>
        {request.command && <Link to="/commands/$id" params={{ id: request.command }} className="ms-auto underline decoration-edge underline-offset-2">What became of the command</Link>}
        {reason && intent && <p className="w-full text-meta text-text2">What you had written: {reason}</p>}
      </div>
    );
  }
  const approved = request.votes.filter((vote) => vote.choice === 'approve').length;
  const last = approved + 1 >= request.needed;
  if (!request.can_decide) {
    const voted = /voted/.test(request.why_not ?? '');
    return (
      <div className="px-4 py-3 md:px-6">
        <p className="font-medium">{voted ? 'You have voted' : 'You cannot decide this request'}</p>
        <p className="text-text2">{voted ? `It still needs ${request.needed - approved} more.` : <Prose>{request.why_not}</Prose>}</p>
        {voted && <Withdraw id={request.id} />}
      </div>
    );
  }
  if (request.signature_required) {
    return (
      <div className="px-4 py-3 md:px-6"><p className="font-medium">This vote has to be signed</p><p className="text-text2">Policy asks for your key: <code>legatorctl approve {request.id}</code></p></div>
    );
  }
  const send = async () => {
    if (!intent) return;
    setBusy(true);
    setFault(undefined);
    try {
      const after = await get(http.POST('/api/v1/approvals/{id}/decide', { params: { path: { id: request.id } }, body: { decision: intent, reason, digest: looked.current, ...(standsFor ? { stands_for: standsFor } : {}) } }));
      sessionStorage.removeItem(draftKey(request.id));
      setReason('');
      setIntent(undefined);
      client.setQueryData(['approvals', 'one', request.id], after);
      void client.invalidateQueries({ queryKey: ['approvals'] });
      void client.invalidateQueries({ queryKey: ['commands'] });
    } catch (cause) {
      setFault(cause);
      if (failureOf(cause).status === 409) void client.invalidateQueries({ queryKey: ['approvals'] });
    } finally { setBusy(false); }
  };
  if (!intent) {
    return (
      <div className="flex items-center gap-x-4 px-4 py-3 md:px-6">
        <p className="min-w-0 grow text-text2 max-md:hidden">{last ? `Your approval is the last one needed. It is judged again, and ${request.revision ? 'comes into force for everything' : request.grant ? 'counts from then on' : `runs on ${request.probe_name}`} if nothing else has changed.` : `Your approval would be ${approved + 1} of ${request.needed}.`}</p>
        <div className="flex shrink-0 gap-2 max-md:w-full">
          <Button look="bad" className="max-md:h-11 max-md:grow" onClick={() => start('deny')}>Deny <Kbd>d</Kbd></Button>
          <Button look="ok" className="max-md:h-11 max-md:grow-2" onClick={() => start('approve')}>Approve <Kbd>a</Kbd></Button>
        </div>
      </div>
    );
  }
  const approve = intent === 'approve';
  const failure = fault === undefined ? undefined : failureOf(fault).said;
  const stale = failure?.code === 'stale-approval' || looked.current !== request.digest;
  return (
    <form className="max-h-[60dvh] overflow-y-auto px-4 py-3 md:px-6" aria-label={approve ? 'Approve' : 'Deny'} onSubmit={(e) => { e.preventDefault(); void send(); }}>
      <label htmlFor="reason" className="font-medium">{approve ? 'Why is this right to run?' : 'Why not?'} <span className="font-normal text-text2">Kept in the audit log; {request.requester_name} reads it.</span></label>
      <textarea ref={box} id="reason" name="reason" rows={2} value={reason} required minLength={SHORTEST} aria-describedby="reason-help" onChange={(e) => setReason(e.target.value)}
        onKeyDown={(e) => {
          if (e.key === 'Escape') { e.preventDefault(); setIntent(undefined); }
          if (e.key === 'Enter' && (e.metaKey || e.ctrlKey)) e.currentTarget.form?.requestSubmit();
        }}
        className="mt-1.5 w-full rounded-m border border-edge bg-bg px-3 py-2 max-md:text-lead" />
      <StandsFor names={request.stands_in_for} value={standsFor} onChange={setStandsFor} />
      {failure && <p role="alert" className="mt-1 flex items-start gap-2 text-bad"><Glyph tone="bad" className="mt-1" /><span>{failure.title}. <Prose>{failure.detail}</Prose> <Prose>{failure.help}</Prose></span></p>}
      {stale && <p className="mt-1 flex items-center gap-2"><Glyph tone="warn" />The request changed while you were reading. <Button size="s" onClick={() => { looked.current = request.digest; setFault(undefined); }}>I have read it again</Button></p>}
      <div className="mt-2 flex flex-wrap items-center gap-2">
        <p id="reason-help" className="min-w-0 grow text-meta text-text2">At least {SHORTEST} characters.{approve && last ? ` It ${request.revision ? 'comes into force' : request.grant ? 'counts' : `runs on ${request.probe_name}`} as soon as you confirm.` : ''}</p>
        <Button look="ghost" className="max-md:h-11" onClick={() => setIntent(undefined)}>Back</Button>
        <Button type="submit" look={approve ? 'ok' : 'bad'} disabled={busy || stale} className="max-md:h-11">
          {approve ? <Check className="size-4" aria-hidden /> : <X className="size-4" aria-hidden />}{approve ? (last ? (request.revision ? 'Approve and put in force' : `Approve and run on ${request.probe_name}`) : 'Approve') : 'Deny'}
        </Button>
      </div>
    </form>
  );
}
