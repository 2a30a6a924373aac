// One pattern: the policy that people read, what of it is left, who agreed, and its end.
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { ArrowLeft } from 'lucide-react';
import { lazy, type ReactNode, Suspense } from 'react';
import type { Grant } from '../api/client';
import { client, q } from '../api/queries';
import { useMay } from '../identity/session';
import { Id } from '../kit/controls';
import { LevelMark } from '../kit/glyph';
import { Told } from '../kit/inert';
import { Facts, Section } from '../kit/panes';
import { Loaded } from '../kit/states';
import { Time } from '../kit/time';
import { forHow, GrantState, Revoke, uses, What } from './grant';
import { Arranged } from './tabs';

const CodeView = lazy(() => import('../code/CodeView'));

/** The policy as it is evaluated; the same height before its colours are there. */
export function PolicyText({ text }: { text: string }) {
  return (
    <Suspense fallback={<div aria-busy className="rounded-m border hair bg-bg" style={{ height: text.trimEnd().split('\n').length * 20 + 16 }} />}>
      <CodeView source={text.trimEnd()} language="cedar" firstLine={1} notes={[]} label="The Cedar policy that it comes to" />
    </Suspense>
  );
}

function Detail({ grant }: { grant: Grant }) {
  const may = useMay();
  const me = useQuery(q.me());
  const rows: [string, ReactNode][] = [
    ['State', <GrantState key="s" state={grant.state} />],
    ['Whose commands', <bdi key="w">{grant.principal_name}</bdi>],
    ['Where', <Told key="p">{grant.place}</Told>],
    ['Up to', <LevelMark key="l" level={grant.level} />],
    ['Programs', <code key="c">{grant.programs.join(', ')}</code>],
    ...(grant.line ? [['As', <code key="i" className="break-words"><Told>{grant.line}</Told></code>] as [string, ReactNode]] : []),
    ...(grant.effects.length ? [['Effects', <code key="e">{grant.effects.join(', ')}</code>] as [string, ReactNode]] : []),
    ['Uses', uses(grant)],
    ['For', grant.until ? <span key="u">{forHow(grant.for_s)}, until <Time at={grant.until} /></span> : `${forHow(grant.for_s)} from people’s agreement on`],
    ['Asked', <span key="a"><bdi>{grant.requester_name}</bdi>, <Time at={grant.created_at} /></span>],
    ['Agreed', grant.agreed.length ? <span key="g">{grant.agreed.join(', ')}{grant.agreed_at && <>, <Time at={grant.agreed_at} /></>}</span> : 'nobody yet'],
    ...(grant.ended_at ? [['Ended', <span key="d"><Time at={grant.ended_at} />{grant.ended_by && ` by ${grant.ended_by}`}{grant.ended_why && <>: <Told>{grant.ended_why}</Told></>}</span>] as [string, ReactNode]] : []),
    ['Request', <Link key="r" to="/approvals/$id" params={{ id: grant.approval }} className="underline decoration-edge underline-offset-2">votes and comments</Link>],
    ['Id', <Id key="k" id={grant.id} />],
  ];
  const mine = me.data?.id === grant.requester;
  return (
    <Arranged title={`${grant.principal_name}, agreed to ahead`} intro={<What grant={grant} />} actions={(may('revokeGrant') || mine) && <Revoke grant={grant} onDone={(after) => client.setQueryData(q.grant(grant.id).queryKey, after)} />}
      back={<Link to="/approvals/ahead" className="mb-2 inline-flex min-h-6 items-center gap-1.5 text-text2"><ArrowLeft className="size-4 rtl:-scale-x-100" aria-hidden />All patterns</Link>}>
      <Section id="what" title="What was asked"><Facts rows={rows} /><blockquote className="mt-3 max-w-prose border-s-2 border-edge ps-3 break-words text-text2"><Told>{grant.reason}</Told></blockquote></Section>
      <Section id="policy" title="The policy" aside="What people read and voted on, and what is evaluated"><PolicyText text={grant.policy} /></Section>
    </Arranged>
  );
}

export default function AheadOne() {
  const { id } = useParams({ from: '/approvals/ahead/$id' });
  const grant = useQuery(q.grant(id));
  return <>{!grant.data && <h1 className="sr-only">Agreed to ahead</h1>}<Loaded query={grant} what="what was agreed to" rows={6}>{(found) => <Detail key={found.id} grant={found} />}</Loaded></>;
}
