// What needs a person now, what is not well, what runs, and which rules decide. Every figure leads to what is behind it.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { Command } from '../api/client';
import { q } from '../api/queries';
import { Glass } from '../approvals/Glass';
import { ordered } from '../approvals/Queue';
import { CommandRows } from '../command/Commands';
import { useMay } from '../identity/session';
import { count } from '../kit/bytes';
import { useHeld } from '../kit/held';
import { Glyph, LevelMark, PROBE_STATES, probeState, State } from '../kit/glyph';
import { Told } from '../kit/inert';
import { Page, Section } from '../kit/panes';
import { Loaded } from '../kit/states';
import { Countdown, Time } from '../kit/time';
import { FirstSteps } from './FirstSteps';

const Quiet = ({ children }: { children: ReactNode }) => <p className="text-text2">{children}</p>;

function Waiting() {
  const list = useQuery(q.approvals('pending'));
  return (
    <Section id="waiting" title="Waiting for people" aside={<Link to="/approvals" className="underline decoration-edge underline-offset-2">All requests</Link>}>
      <Loaded query={list} what="the queue" rows={2}>
        {(page) => {
          const mine = ordered(page.approvals, 'mine');
          const others = page.approvals.length - mine.length;
          return (
            <>
              {mine.length === 0 && <Quiet>Nothing needs you. Looked <Time at={new Date(list.dataUpdatedAt).toISOString()} />.</Quiet>}
              <ul className="divide-y divide-line">
                {mine.slice(0, 5).map((request) => (
                  <li key={request.id}><Link to="/approvals/$id" params={{ id: request.id }} className="flex flex-wrap items-center gap-x-4 gap-y-1 py-2.5 hover:bg-s2">
                    <Glyph tone="act" /><code className="min-w-0 grow truncate"><Told>{request.line}</Told></code><span className="text-text2">{request.requester_name}{request.probe_name && ` on ${request.probe_name}`}</span>{request.level && <LevelMark level={request.level} />}<Countdown until={request.expires_at} from={request.created_at} />
                  </Link></li>
                ))}
              </ul>
              {others > 0 && <p className="mt-2 text-meta"><Link to="/approvals" search={{ show: 'pending' }} className="text-text2 underline decoration-edge underline-offset-2">{count(others, 'request waits', 'requests wait')} for other people</Link></p>}
            </>
          );
        }}
      </Loaded>
    </Section>
  );
}

function Fleet() {
  const summary = useQuery({ ...q.summary(), refetchInterval: 30_000 });
  return (
    <Section id="health" title="Fleet" aside={<Link to="/fleet" className="underline decoration-edge underline-offset-2">All hosts</Link>}>
      <Loaded query={summary} what="the fleet" rows={1}>
        {(found) => found.total === 0
          ? <Quiet>No host is enrolled yet. <Link to="/enroll" className="underline">Enroll the first one</Link>.</Quiet>
          : <ul className="flex flex-wrap gap-x-8 gap-y-2">{PROBE_STATES.filter((status) => (found.counts[status] ?? 0) > 0).map((status) => { const { tone, word } = probeState(status); const n = found.counts[status] ?? 0; return <li key={status}><Link to="/fleet" search={{ q: `is:${status}` }} className="inline-flex min-h-6 items-center hover:underline"><State tone={tone}><strong className="text-lead font-semibold">{n.toLocaleString('en')}</strong> {word.toLowerCase()}</State></Link></li>; })}</ul>}
      </Loaded>
    </Section>
  );
}

const NO_COMMANDS: readonly Command[] = [];
const idOf = (command: Command) => command.id;

function Ran() {
  const list = useQuery(q.commands({ limit: 12 }));
  const { items, hands } = useHeld(list.data?.commands ?? NO_COMMANDS, idOf);
  return (
    <Section id="ran" title="Commands" aside={<Link to="/commands" className="underline decoration-edge underline-offset-2">All commands</Link>}>
      <Loaded query={list} what="the commands" rows={3}>
        {(page) => page.commands.length === 0 ? <Quiet>Nothing has been asked yet. Open a host in the <Link to="/fleet" className="underline">fleet</Link> and type a command.</Quiet> : <div className="-mx-4 md:-mx-6" {...hands}><CommandRows commands={items.slice(0, 8)} inPlace /></div>}
      </Loaded>
    </Section>
  );
}

function Posture() {
  const may = useMay();
  const bundle = useQuery({ ...q.bundle(), enabled: may('viewPolicies') });
  const head = useQuery({ ...q.checkpoint(), enabled: may('readAudit') });
  const health = useQuery(q.health());
  return (
    <Section id="posture" title="What decides, and the record of it">
      <ul className="space-y-1.5">
        {health.data?.problems.map((problem) => <li key={problem} className="flex items-start gap-2"><Glyph tone="bad" className="mt-1" />{problem}</li>)}
        {bundle.data && <li className="flex flex-wrap items-center gap-x-2"><Glyph tone={bundle.data.faults.length ? 'warn' : 'ok'} /><Link to="/policies" className="underline decoration-edge underline-offset-2">Bundle <code>{bundle.data.revision.slice(0, 10)}</code></Link><span className="text-text2">{bundle.data.source === 'shipped' ? 'as it ships' : bundle.data.source}, {count(bundle.data.policies.length, 'policy', 'policies')}, active since <Time at={bundle.data.activated_at} /></span>{bundle.data.faults.length > 0 && <span className="text-warn">A newer one was refused: {count(bundle.data.faults.length, 'fault')}</span>}</li>}
        {head.data && <li className="flex flex-wrap items-center gap-x-2"><Glyph tone="ok" /><Link to="/activity" className="underline decoration-edge underline-offset-2">{count(head.data.size, 'entry', 'entries')} in the log</Link><span className="text-text2">signed as a whole</span></li>}
        {!bundle.data && !head.data && !health.data?.problems.length && <li className="text-text2">Nothing to tell you here.</li>}
      </ul>
    </Section>
  );
}

export default function Overview() {
  const may = useMay();
  return (
    <Page title="Overview">
      <FirstSteps />
      {may('viewApprovals') && <><Glass /><Waiting /></>}
      {may('viewFleet') && <Fleet />}
      {may('viewCommands') && <Ran />}
      <Posture />
    </Page>
  );
}
