// One request: what would run, where, why it waits, what decided that, who has voted, and the vote itself.
import { useQuery } from '@tanstack/react-query';
import { Link, useParams, useSearch } from '@tanstack/react-router';
import { ArrowLeft } from 'lucide-react';
import type { Approval } from '../api/client';
import { q } from '../api/queries';
import { type Decision, gates } from '../command/decision';
import { CommandRows } from '../command/Commands';
import { Rail } from '../command/Rail';
import { Reasons } from '../command/Reasons';
import { CommandLine } from '../command/Story';
import { Id } from '../kit/controls';
import { approvalState, Glyph, LevelMark, State } from '../kit/glyph';
import { Prose, Told } from '../kit/inert';
import { Section } from '../kit/panes';
import { Loaded } from '../kit/states';
import { Countdown, Time } from '../kit/time';
import { PolicyText } from './AheadOne';
import { DecisionBar } from './DecisionBar';
import { Talk } from './Talk';

function Votes({ request }: { request: Approval }) {
  const open = Math.max(0, request.needed - request.votes.filter((vote) => vote.choice === 'approve').length);
  return (
    <ol className="space-y-3" aria-live="polite">
      {request.votes.map((vote) => (
        <li key={vote.person} className="flex gap-2.5">
          <Glyph tone={vote.choice === 'approve' ? 'ok' : 'bad'} className="mt-1" />
          <div className="min-w-0"><p><span className="font-medium">{vote.name}</span> {vote.choice === 'approve' ? 'approved' : 'denied'}{vote.stands_for && ` in the place of ${vote.stands_for}`}{vote.signed_with && `, signed with ${vote.signed_by === 'webauthn' ? 'a passkey' : 'a key'}`} <span className="text-text2"><Time at={vote.at} /></span></p>
            {vote.reason ? <p className="break-words text-text2"><Told>{vote.reason}</Told></p> : <p className="text-text3">No reason given</p>}</div>
        </li>
      ))}
      {(request.withdrawn ?? []).map((vote) => (
        <li key={vote.name + vote.withdrawn_at} className="flex gap-2.5 text-text2"><Glyph tone="mute" className="mt-1" /><p className="min-w-0">{vote.name} took back a vote <Time at={vote.withdrawn_at} />{vote.why && <>: <Told>{vote.why}</Told></>}</p></li>
      ))}
      {request.state === 'pending' && Array.from({ length: Math.min(open, 10) }, (_, n) => (
        <li key={n} className="flex items-center gap-2.5 text-text2"><Glyph tone="mute" />Approval {request.needed - open + n + 1} of {request.needed} is open</li>
      ))}
      {request.state === 'pending' && (request.may_vote?.length ?? 0) > 0 && <li className="ps-5.5 text-meta text-text2">May still vote: {request.may_vote?.slice(0, 12).map((name, n) => <span key={name}>{n > 0 && ', '}<bdi>{name}</bdi></span>)}{(request.may_vote?.length ?? 0) > 12 && ` and ${(request.may_vote?.length ?? 0) - 12} more`}</li>}
      {request.state === 'pending' && request.may_vote === undefined && <li className="flex items-center gap-2.5"><Glyph tone="warn" />Nobody is left who may vote on it; it expires as it is</li>}
    </ol>
  );
}

/** What is to be agreed to ahead: the policy that people vote on. */
function Ahead({ id }: { id: string }) {
  const grant = useQuery(q.grant(id));
  if (!grant.data) return null;
  return <Section id="ahead" title="What it would cover" aside={<Link to="/approvals/ahead/$id" params={{ id }} className="underline decoration-edge underline-offset-2">The pattern, and what is left of it</Link>}><PolicyText text={grant.data.policy} /></Section>;
}

function Like({ request }: { request: Approval }) {
  const like = useQuery({ ...q.commands({ probe: request.probe, limit: 20 }), enabled: request.probe !== '' });
  const program = request.line.split(/\s+/)[0];
  const rows = (like.data?.commands ?? []).filter((command) => command.id !== request.command && command.line.split(/\s+/)[0] === program).slice(0, 4);
  if (rows.length === 0) return null;
  return <Section id="like" title={`${program} on ${request.probe_name} before`}><div className="-mx-4 md:-mx-6"><CommandRows commands={rows} withHost={false} /></div></Section>;
}

function Detail({ request }: { request: Approval }) {
  const search = useSearch({ from: '/approvals' });
  const command = useQuery({ ...q.command(request.command), enabled: request.command !== '' });
  // What decided that it waits; what decided later is in the command's own story.
  const explained = useQuery({ ...q.explain(request.command), enabled: request.command !== '' });
  const held = explained.data?.decisions.findLast((judged) => judged.outcome === 'hold')?.decision as Decision | undefined;
  const decision = held ?? (command.data?.decision as Decision | undefined);
  const votes = { given: request.votes.filter((vote) => vote.choice === 'approve').length, needed: request.needed, state: request.state };
  const { tone, word } = approvalState(request.state);
  const spec = explained.data?.decisions[0]?.facts as { ask?: { command?: { timeout_ms?: number; cwd?: string; env?: Record<string, string> } }; resource?: { probe?: { tags?: string[] } } } | undefined;
  const ask = spec?.ask?.command;
  const look = decision?.classification?.look ?? [];
  return (
    <article className="flex h-full min-h-0 flex-col" aria-labelledby="request-title">
      <div className="min-h-0 grow overflow-y-auto" tabIndex={0} role="region" aria-label="Request">
        <header className="px-4 pt-4 pb-5 md:px-6">
          <Link to="/approvals" search={search} className="mb-3 inline-flex min-h-6 items-center gap-1.5 text-text2 lg:hidden"><ArrowLeft className="size-4 rtl:-scale-x-100" aria-hidden />All requests</Link>
          <div className="flex flex-wrap items-start justify-between gap-x-6 gap-y-2">
            <h1 id="request-title" className="min-w-0 text-head font-semibold break-words">{request.requester_name} asks {request.revision ? 'to put other policies in force' : request.grant ? <>that this may run on <bdi>{request.probe_name}</bdi> without asking</> : <>to run this on <bdi>{request.probe_name}</bdi></>}</h1>
            <div className="flex items-center gap-5">{request.level && <LevelMark level={request.level} />}{request.state === 'pending' ? <Countdown until={request.expires_at} from={request.created_at} /> : <State tone={tone}>{word}</State>}</div>
          </div>
          <p className="mt-1 mb-4 text-text2">Asked <Time at={request.created_at} /></p>
          <CommandLine command={request} />
          <dl className="mt-2 flex flex-wrap items-center gap-x-6 gap-y-1 text-meta [&_dd]:inline [&_dt]:inline [&_dt]:text-text3">
            {request.revision && <div><dt>Revision </dt><dd className="mono break-all">{request.revision}</dd></div>}
            {request.escalated_at && <div><dt>Escalated </dt><dd><Time at={request.escalated_at} /></dd></div>}
            {request.probe && <div><dt>Host </dt><dd><Link to="/fleet" search={{ probe: request.probe_name }} className="underline decoration-edge underline-offset-2">{request.probe_name}</Link>{spec?.resource?.probe?.tags?.length ? <span className="mono"> {spec.resource.probe.tags.join(', ')}</span> : null}</dd></div>}
            {ask?.timeout_ms !== undefined && <div><dt>Time limit </dt><dd>{ask.timeout_ms / 1_000} s</dd></div>}
            {ask?.cwd && <div><dt>In </dt><dd className="mono">{ask.cwd}</dd></div>}
            {ask?.env && Object.keys(ask.env).length > 0 && <div><dt>Environment </dt><dd className="mono break-all">{Object.entries(ask.env).map(([name, value]) => `${name}=${value}`).join(' ')}</dd></div>}
            <div><dt>Digest </dt><dd className="mono" title={request.digest}>{request.digest.slice(0, 16)}…</dd></div>
            <div className="flex items-center gap-1"><dt>Request</dt><dd><Id id={request.id} /></dd></div>
          </dl>
          {request.reason ? <blockquote className="mt-3 max-w-prose border-s-2 border-edge ps-3 break-words text-text2"><span className="sr-only">{request.requester_name} says: </span><Told>{request.reason}</Told></blockquote> : <p className="mt-3 text-text3">{request.requester_name} gave no reason.</p>}
        </header>
        {request.grant && <Ahead id={request.grant} />}
        {!request.command ? <Section id="why" title="Why it waits"><p className="text-text2"><Prose>{request.why}</Prose></p></Section> : <Section id="path" title="Path to the host" aside={<Link to="/commands/$id" params={{ id: request.command }} className="underline decoration-edge underline-offset-2">The command’s whole story</Link>}>
          <Rail gates={gates(decision, command.data ? { ...command.data, state: command.data.state } : { state: request.state === 'pending' ? 'held' : request.state, requester_name: request.requester_name, probe_name: request.probe_name }, votes)} />
        </Section>}
        <Section id="votes" title="Decisions" aside={request.needed > 1 ? `${request.needed} different people must agree` : 'One person must agree'}><Votes request={request} /></Section>
        {decision && <Reasons decision={decision} />}
        {look.length > 0 && (
          <Section id="look" title="What will be looked at before and after">
            <ul className="space-y-1">{look.map((one) => <li key={`${one.kind}${one.target}`}><span className="inline-block w-20 text-text3">{one.kind}</span><code><Told>{one.target}</Told></code></li>)}</ul>
          </Section>
        )}
        <Talk id={request.id} />
        <Like request={request} />
      </div>
      <div className="shrink-0 border-t hair bg-s1 pb-[env(safe-area-inset-bottom)]"><DecisionBar key={request.id} request={request} /></div>
    </article>
  );
}

export default function RequestPage() {
  const { id } = useParams({ from: '/approvals/$id' });
  const request = useQuery(q.approval(id));
  return <Loaded query={request} what="the request" rows={8}>{(found) => <Detail key={found.id} request={found} />}</Loaded>;
}
