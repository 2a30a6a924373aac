// What waits for people. The order stays while somebody uses the list; a newcomer is announced, not pushed in.
import { useQuery } from '@tanstack/react-query';
import { Link, Outlet, useMatch, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useEffect, useMemo } from 'react';
import type { Approval } from '../api/client';
import { q } from '../api/queries';
import { Newer, useHeld } from '../kit/held';
import { useKeys } from '../kit/keys';
import { approvalState, LevelMark, State } from '../kit/glyph';
import { Told } from '../kit/inert';
import { Empty, Loaded, Skeleton } from '../kit/states';
import { Countdown, Time } from '../kit/time';
import { ApprovalTabs } from './tabs';

export const SHOW = [['mine', 'For you'], ['pending', 'All waiting'], ['all', 'All']] as const;
export type Show = (typeof SHOW)[number][0];

/** What ends first comes first; what has ended, newest first. */
export function ordered(requests: readonly Approval[], show: Show): Approval[] {
  const kept = requests.filter((request) => show === 'all' || (request.state === 'pending' && (show === 'pending' || request.can_decide)));
  return kept.sort((a, b) => Number(b.state === 'pending') - Number(a.state === 'pending')
    || (a.state === 'pending' ? a.expires_at.localeCompare(b.expires_at) : b.created_at.localeCompare(a.created_at)));
}

const idOf = (request: Approval) => request.id;

function Row({ request, current, keep }: { request: Approval; current: boolean; keep: { show?: Show } }) {
  const approved = request.votes.filter((vote) => vote.choice === 'approve').length;
  const { tone, word } = approvalState(request.state);
  return (
    <li>
      <Link to="/approvals/$id" params={{ id: request.id }} search={keep} aria-current={current ? 'true' : undefined}
        className="block border-b hair px-4 py-3 hover:bg-s2 aria-[current]:bg-s3 aria-[current]:mark">
        <span className="flex items-start justify-between gap-3"><span className="font-medium">{request.requester_name} {request.revision ? 'for everything' : <>on <bdi>{request.probe_name}</bdi></>}</span>{request.level && <LevelMark level={request.level} label={false} />}</span>
        <code className="mt-0.5 block truncate text-meta text-text2"><Told>{request.line}</Told></code>
        <span className="mt-1.5 flex items-center gap-x-3 text-meta whitespace-nowrap text-text2">
          <span>{approved} of {request.needed}</span>
          <span className="min-w-0 grow truncate">{request.can_decide ? 'you may decide' : ''}</span>
          {request.state === 'pending' ? <Countdown until={request.expires_at} from={request.created_at} /> : <State tone={tone}>{word}</State>}
        </span>
      </Link>
    </li>
  );
}

export default function Queue() {
  const search = useSearch({ from: '/approvals' });
  const { id } = useParams({ strict: false });
  const navigate = useNavigate();
  const detail = useMatch({ from: '/approvals/$id', shouldThrow: false });
  const show = search.show ?? 'pending';
  const list = useQuery(q.approvals(show === 'all' ? 'all' : 'pending'));
  const fresh = useMemo(() => ordered(list.data?.approvals ?? [], show), [list.data, show]);
  // While the pointer or the focus is in the list, rows keep their places; what is gone goes, what is new waits.
  const { items, more, show: showNew, hands } = useHeld(fresh, idOf, show);
  const at = items.findIndex((request) => request.id === id);
  const go = (step: number) => {
    const next = items[Math.max(0, Math.min(items.length - 1, at + step))];
    if (next) void navigate({ to: '/approvals/$id', params: { id: next.id }, search });
  };
  useKeys({ j: () => go(1), k: () => go(-1), Escape: () => void navigate({ to: '/approvals', search }) });
  // On a wide screen an empty pane is wasted space: the first request opens.
  const first = items[0]?.id;
  useEffect(() => {
    if (!detail && first && matchMedia('(min-width: 64rem)').matches) void navigate({ to: '/approvals/$id', params: { id: first }, search, replace: true });
  }, [detail, first, navigate, search]);
  const pending = list.data?.pending_count;
  const mine = (list.data?.approvals ?? []).filter((request) => request.can_decide).length;
  return (
    <div className="flex h-full min-h-0 flex-col"><div className={detail ? 'max-lg:hidden' : ''}><ApprovalTabs /></div>
    <div className="grid min-h-0 grow grid-cols-[minmax(0,1fr)] grid-rows-[minmax(0,1fr)] lg:grid-cols-[372px_minmax(0,1fr)]">
      <section aria-label="Requests" className={`min-h-0 flex-col border-e hair bg-s1 ${detail ? 'hidden lg:flex' : 'flex'}`}
        {...hands}>
        {!detail && <h1 className="sr-only">Approvals</h1>}
        <div role="group" aria-label="Show" className="flex gap-1 border-b hair p-2">
          {SHOW.map(([value, label]) => {
            const n = value === 'mine' ? mine : value === 'pending' ? pending : undefined;
            return (
              <Link key={value} to={detail ? '/approvals/$id' : '/approvals'} params={{ id: id ?? '' }} search={{ show: value }} aria-current={show === value ? 'true' : undefined}
                className="rounded-m px-2.5 py-1 text-text2 hover:bg-s2 aria-[current]:bg-s3 aria-[current]:text-text">{label}{n !== undefined && <span className="mx-1.5 text-meta">{n}</span>}</Link>
            );
          })}
        </div>
        <div className="min-h-0 grow overflow-y-auto">
          <Newer n={more} show={showNew} />
          <Loaded query={list} what="the queue">
            {() => items.length === 0
              ? <Empty title={show === 'mine' ? 'Nothing is waiting for you' : show === 'all' ? 'No requests yet' : 'Nothing is waiting'}>{show === 'mine' && pending ? <Link to="/approvals" search={{ show: 'pending' }} className="underline">{pending} waiting for others</Link> : 'Requests appear here as they come.'}</Empty>
              : <ul>{items.map((request) => <Row key={request.id} request={request} current={request.id === id} keep={search} />)}</ul>}
          </Loaded>
        </div>
        <p className="hidden border-t hair px-4 py-2 text-meta text-text2 lg:block">Next <kbd>j</kbd> · Previous <kbd>k</kbd> · Approve <kbd>a</kbd> · Deny <kbd>d</kbd></p>
      </section>
      <div className={`min-h-0 min-w-0 ${detail ? '' : 'hidden lg:block'}`}>
        {detail ? <Outlet /> : list.isPending ? <Skeleton /> : <Empty title={items.length ? 'Choose a request' : 'Nothing to decide'}>{list.dataUpdatedAt > 0 && <>Looked <Time at={new Date(list.dataUpdatedAt).toISOString()} /></>}</Empty>}
      </div>
    </div>
    </div>
  );
}
