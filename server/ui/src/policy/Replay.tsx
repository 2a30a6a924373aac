// One replay: how far it is, what it counted, and each decision that would have been another one.
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { ArrowLeft } from 'lucide-react';
import { useState } from 'react';
import { get, http, type Replay } from '../api/client';
import { client, q } from '../api/queries';
import { useMay } from '../identity/session';
import { Button } from '../kit/controls';
import { Glyph, State } from '../kit/glyph';
import { Prose } from '../kit/inert';
import { Section } from '../kit/panes';
import { Empty, FailureNote, Loaded, Refusal, Skeleton } from '../kit/states';
import { Time } from '../kit/time';
import { toast } from '../kit/toasts';
import { isOperation, kindOf, Matrix, More, type Narrow, obstacle, Rows, Subject } from './Differences';
import { changes, replayState } from './Replays';

function Progress({ replay }: { replay: Replay }) {
  const may = useMay();
  const [fault, setFault] = useState<unknown>();
  if (replay.ended) return null;
  const share = replay.total ? Math.min(1, replay.seen / replay.total) : 0;
  const cancel = async () => {
    setFault(undefined);
    try {
      const after = await get(http.POST('/api/v1/replays/{id}/cancel', { params: { path: { id: replay.id } } }));
      client.setQueryData(q.replay(replay.id).queryKey, after);
      toast('The replay is canceled; what it found so far stays');
    } catch (cause) { setFault(cause); }
  };
  return (
    <div className="mt-3 max-w-xl space-y-2">
      <div role="progressbar" aria-label="Decisions looked at" aria-valuemin={0} aria-valuemax={replay.total} aria-valuenow={replay.seen} className="h-1.5 overflow-hidden rounded-full bg-s3"><div className="h-full origin-left bg-accent-solid rtl:origin-right" style={{ transform: `scaleX(${share})` }} /></div>
      <p className="flex flex-wrap items-center gap-x-4 text-meta text-text2"><span className="mono">{replay.seen.toLocaleString('en')} of {replay.total.toLocaleString('en')}</span>{may('replayDecisions') && <Button size="s" onClick={() => void cancel()}>Cancel it</Button>}</p>
      {fault !== undefined && <Refusal cause={fault} />}
    </div>
  );
}

function Found({ replay, narrow }: { replay: Replay; narrow: Narrow }) {
  const list = useInfiniteQuery(q.findings(replay.id, narrow, replay.ended));
  if (list.isError && !list.data) return <FailureNote cause={list.error} what="what was found" retry={() => void list.refetch()} />;
  if (!list.data) return <Skeleton rows={4} />;
  const differences = list.data.pages.flatMap((page) => page.differences);
  const stopped = list.data.pages.flatMap((page) => page.not_replayable);
  if (differences.length + stopped.length === 0) {
    return <Empty title={Object.keys(narrow).length ? 'None like that' : replay.ended ? 'Every decision comes out the same' : 'Nothing found so far'}>{Object.keys(narrow).length > 0 && <Link to="/policies/replays/$id" params={{ id: replay.id }} className="underline">Show all</Link>}</Empty>;
  }
  return (
    <div className="-mx-4 md:-mx-6">
      <Rows differences={differences} asks={(command, n) => q.replayed(replay.id, command, n) as never} />
      {stopped.length > 0 && (
        <ul className="divide-y divide-line border-t hair">{stopped.map((one) => (
          <li key={`${one.command}:${one.judgement}`} className="px-4 py-2.5 md:px-6"><p className="flex flex-wrap items-center justify-between gap-x-4"><State tone="warn">Not replayable: {obstacle(one.kind)}</State><span className="text-meta text-text2"><Time at={one.at} exact /></span></p>
            <p className="break-words text-text2"><Prose>{one.detail}</Prose> <Subject of={one.command}>{isOperation(one.command) ? 'The operation' : 'The command'}</Subject></p></li>
        ))}</ul>
      )}
      {list.hasNextPage && <More busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()} />}
    </div>
  );
}

const SELECTED: Record<string, string> = { principal: 'asked by', tag: 'on', action: 'as', outcome: 'that came to', policy: 'decided by' };

function Selected({ selection }: { selection: Record<string, unknown> }) {
  const said = Object.entries(SELECTED).flatMap(([key, word]) => (typeof selection[key] === 'string' ? [`${word} ${selection[key]}`] : []));
  return said.length ? <span>Only {said.join(', ')}</span> : null;
}

export default function OneReplay() {
  const { id } = useParams({ from: '/policies/replays/$id' });
  const narrow = useSearch({ from: '/policies/replays/$id' });
  const navigate = useNavigate();
  const query = useQuery(q.replay(id));
  const onNarrow = (next: Narrow) => void navigate({ to: '/policies/replays/$id', params: { id }, search: Object.fromEntries(Object.entries(next).filter(([, value]) => value)) as Narrow, replace: true });
  return (
    <div className="h-full overflow-y-auto" tabIndex={0} role="region" aria-label="Replay">
      {!query.data && <h1 className="sr-only">Replay</h1>}
      <Link to="/policies/replays" className="mx-4 mt-4 inline-flex min-h-6 items-center gap-1.5 text-text2 md:mx-6"><ArrowLeft className="size-4 rtl:-scale-x-100" aria-hidden />All replays</Link>
      <Loaded query={query} what="the replay">
        {(replay) => {
          const [word, tone] = replayState(replay.state);
          const changed = changes(replay);
          return (
            <>
              <header className="px-4 pt-2 pb-5 md:px-6">
                <h1 className="text-head font-semibold">Under <Link to="/policies/history/$rev" params={{ rev: replay.candidate }} className="underline decoration-edge underline-offset-4"><code>{replay.candidate.slice(0, 10)}</code></Link></h1>
                <p role="status" data-replay={replay.state} className="mt-1 flex flex-wrap gap-x-5 gap-y-1 text-text2"><State tone={tone}>{word}</State><span>{replay.total.toLocaleString('en')} recorded decisions</span><span>{replay.actor}, <Time at={replay.created_at} /></span><Selected selection={replay.selection as Record<string, unknown>} /></p>
                {replay.fault && <p className="mt-2 flex items-center gap-2"><Glyph tone="bad" />{replay.fault}</p>}
                {replay.ended && <p className="mt-2 text-lead">{changed.length ? changed.map(([kind, n]) => `${n.toLocaleString('en')} ${kindOf(kind)[0].toLowerCase()}`).join(', ') : `Nothing would have come out otherwise${replay.state === 'done' ? '' : ', as far as it got'}.`}</p>}
                <Progress replay={replay} />
              </header>
              <Section id="counts" title="What changes"><Matrix tally={replay.tally} narrow={narrow} onNarrow={onNarrow} /></Section>
              <Section id="found" title="Each decision" aside={replay.listed < changed.reduce((sum, [, n]) => sum + n, 0) ? `The first ${replay.listed.toLocaleString('en')} are listed` : undefined}><Found replay={replay} narrow={narrow} /></Section>
            </>
          );
        }}
      </Loaded>
    </div>
  );
}
