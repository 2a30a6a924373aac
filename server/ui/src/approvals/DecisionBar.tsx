// The vote. Nothing is chosen beforehand, a button says what happens, and nothing is counted but what was looked at.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Check, X } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { type Approval, get, http } from '../api/client';
import { failureOf } from '../api/failure';
import { client, q } from '../api/queries';
import { hasPasskeys } from '../identity/passkey';
import { Button, Kbd } from '../kit/controls';
import { approvalState, Glyph, State } from '../kit/glyph';
import { Prose } from '../kit/inert';
import { useKeys } from '../kit/keys';
import { Asking, Stopped, WillSign } from './AskPasskey';
import { begin, myKeys, type Signature, signing, signVote, type Stop, stopOf } from './signing';
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
  const keys = useQuery({ ...myKeys(), enabled: open });
  const me = useQuery(q.me());
  const signs = signing(keys.data?.keys);
  const [asking, setAsking] = useState<{ text: string; stop: AbortController }>();
  const [stopped, setStopped] = useState<{ why: Stop; text: string }>();
  const start = (what: 'approve' | 'deny') => {
    looked.current = request.digest;
    setStopped(undefined);
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
  if (request.signature_required && keys.data && (signs.length === 0 || !hasPasskeys())) {
    return (
      <div className="px-4 py-3 md:px-6">
        <p className="font-medium">This vote has to be signed</p>
        {signs.length > 0
          ? <p className="text-text2">This browser cannot use your passkey here: passkeys need HTTPS, or localhost. With a key on a machine: <code>legatorctl approve {request.id}</code></p>
          : <p className="text-text2">Policy asks for a key of yours. Say of a passkey in <Link to="/account" className="underline decoration-edge underline-offset-2">your account</Link> that it signs votes, or vote with a key on a machine: <code>legatorctl approve {request.id}</code></p>}
      </div>
    );
  }
  /** The passkey's signature over what is on the screen; nothing, where the voter has to say how to go on. */
  const signed = async (choice: 'approve' | 'deny', person: string): Promise<Signature | undefined> => {
    let text = '';
    try {
      // The text names by their id in whose place it is.
      const other = standsFor ? (await client.fetchQuery(q.delegations(false))).delegations.find((made) => made.name === standsFor && made.delegate === person)?.person : undefined;
      const begun = await begin({ request: request.id, digest: looked.current, choice, person, reason, ...(other ? { standsFor: other } : {}) });
      text = begun.text;
      const stop = new AbortController();
      setAsking({ text, stop });
      return await signVote(begun, signs, stop.signal);
    } catch (cause) {
      const why = stopOf(cause);
      if (why === undefined) throw cause;
      setStopped({ why, text });
      return undefined;
    } finally { setAsking(undefined); }
  };
  const send = async (unsigned = false) => {
    if (!intent || busy) return;
    setBusy(true);
    setFault(undefined);
    setStopped(undefined);
    try {
      const signature = unsigned || signs.length === 0 || !me.data ? undefined : await signed(intent, me.data.id);
      if (signs.length > 0 && !unsigned && !signature) return;
      const after = await get(http.POST('/api/v1/approvals/{id}/decide', { params: { path: { id: request.id } }, body: { decision: intent, reason, digest: looked.current, ...(standsFor ? { stands_for: standsFor } : {}), ...(signature ? { signature } : {}) } }));
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
    <form className="max-h-[60dvh] overflow-y-auto px-4 py-3 md:px-6" aria-label={approve ? 'Approve' : 'Deny'} onSubmit={(e) => { e.preventDefault(); void send(); }} aria-busy={busy}>
      <label htmlFor="reason" className="font-medium">{approve ? 'Why is this right to run?' : 'Why not?'} <span className="font-normal text-text2">Kept in the audit log; {request.requester_name} reads it.</span></label>
      <textarea ref={box} id="reason" name="reason" rows={2} value={reason} required readOnly={asking !== undefined} minLength={SHORTEST} aria-describedby="reason-help" onChange={(e) => setReason(e.target.value)}
        onKeyDown={(e) => {
          if (e.key === 'Escape') { e.preventDefault(); setIntent(undefined); }
          if (e.key === 'Enter' && (e.metaKey || e.ctrlKey)) e.currentTarget.form?.requestSubmit();
        }}
        className="mt-1.5 w-full rounded-m border border-edge bg-bg px-3 py-2 max-md:text-lead" />
      <StandsFor names={request.stands_in_for} value={standsFor} onChange={setStandsFor} />
      {keys.isError && !keys.data && <p role="alert" className="mt-1 flex flex-wrap items-center gap-2"><Glyph tone="warn" />Whether you sign your votes is not known: {failureOf(keys.error).said.title}. <Button size="s" onClick={() => void keys.refetch()}>Ask again</Button></p>}
      {signs.length > 0 && !asking && !stopped && <WillSign keys={signs} />}
      {asking && <Asking text={asking.text} onStop={() => asking.stop.abort()} />}
      {stopped && <Stopped why={stopped.why} text={stopped.text} required={request.signature_required} request={request.id} busy={busy || stale} onAgain={() => void send()} onUnsigned={() => void send(true)} />}
      {failure && <p role="alert" className="mt-1 flex items-start gap-2 text-bad"><Glyph tone="bad" className="mt-1" /><span>{failure.title}. <Prose>{failure.detail}</Prose> <Prose>{failure.help}</Prose></span></p>}
      {stale && <p className="mt-1 flex items-center gap-2"><Glyph tone="warn" />The request changed while you were reading. <Button size="s" onClick={() => { looked.current = request.digest; setFault(undefined); }}>I have read it again</Button></p>}
      <div className="mt-2 flex flex-wrap items-center gap-2">
        <p id="reason-help" className="min-w-0 grow text-meta text-text2">At least {SHORTEST} characters.{approve && last ? ` It ${request.revision ? 'comes into force' : request.grant ? 'counts' : `runs on ${request.probe_name}`} as soon as you confirm.` : ''}</p>
        <Button look="ghost" className="max-md:h-11" onClick={() => setIntent(undefined)}>Back</Button>
        <Button type="submit" look={approve ? 'ok' : 'bad'} disabled={busy || stale || !keys.data || !me.data} className="max-md:h-11">
          {approve ? <Check className="size-4" aria-hidden /> : <X className="size-4" aria-hidden />}{approve ? (last ? (request.revision ? 'Approve and put in force' : `Approve and run on ${request.probe_name}`) : 'Approve') : 'Deny'}
        </Button>
      </div>
    </form>
  );
}
