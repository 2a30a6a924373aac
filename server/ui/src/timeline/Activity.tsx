// The log: what happened, who did it, and the proof of it. Times here are exact.
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, Outlet, useMatch, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { Search } from 'lucide-react';
import { type FormEvent, useEffect, useMemo, useRef, useState } from 'react';
import { ask, type Entry } from '../api/client';
import { client, q } from '../api/queries';
import type { ActivitySearch } from '../router';
import { useMay } from '../identity/session';
import { Button } from '../kit/controls';
import { Glyph } from '../kit/glyph';
import { Newer, useHeld } from '../kit/held';
import { Told } from '../kit/inert';
import { useKeys } from '../kit/keys';
import { Empty, FailureNote, Skeleton } from '../kit/states';
import { toast } from '../kit/toasts';
import { absolute, useClock } from '../kit/time';
import { Export } from './Export';
import { FAMILIES, sentence } from './sentence';

/** A moment as a field of a form has it, by this browser's clock. */
function there(at: string): string {
  const moment = new Date(at);
  return Number.isNaN(moment.getTime()) ? '' : new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function Row({ entry, current, keep }: { entry: Entry; current: boolean; keep: ActivitySearch }) {
  const clock = useClock();
  const { text, tone } = sentence(entry);
  return (
    <li>
      <Link to="/activity/$index" params={{ index: String(entry.index) }} search={keep} aria-current={current ? 'true' : undefined}
        className="grid grid-cols-[auto_minmax(0,1fr)] items-baseline gap-x-2.5 border-b hair px-4 py-2 hover:bg-s2 aria-[current]:bg-s3 aria-[current]:mark">
        <Glyph tone={tone} /><span className="truncate"><Told>{text}</Told></span>
        <span /><span className="flex gap-3 text-meta whitespace-nowrap text-text2"><span className="max-w-40 truncate">{entry.actor.startsWith('prb_') ? entry.subject : entry.actor}</span><time dateTime={entry.at}>{absolute(new Date(entry.at), clock === 'utc' ? 'utc' : 'local')}</time><span className="ms-auto">#{entry.index.toLocaleString('en')}</span></span>
      </Link>
    </li>
  );
}

function Head({ narrow }: { narrow: ActivitySearch }) {
  const may = useMay();
  const head = useQuery(q.checkpoint());
  const [checking, setChecking] = useState(false);
  if (!head.data) return null;
  const check = async () => {
    setChecking(true);
    try {
      const found = await ask<{ ok: boolean; entries: number; first_bad?: string }>('GET', '/api/v1/audit/verify');
      toast(found.ok ? `The server recomputed ${found.entries.toLocaleString('en')} entries; all fit` : `The log does not fit: ${found.first_bad ?? 'no place named'}`);
    } catch (cause) { toast(cause instanceof Error ? cause.message : 'The log could not be checked'); }
    setChecking(false);
  };
  return (
    <div className="flex flex-wrap items-center gap-2 border-t hair px-4 py-2 text-meta text-text2">
      <span title={head.data.root}>{head.data.size.toLocaleString('en')} entries, head <code>{head.data.root.slice(0, 10)}…</code></span>
      <span className="ms-auto flex gap-1"><Button look="ghost" size="s" disabled={checking} onClick={() => void check()}>{checking ? 'Recomputing' : 'Recompute all'}</Button>
        {may('exportAudit') && <Export narrow={narrow} />}</span>
    </div>
  );
}

const idOf = (entry: Entry) => String(entry.index);

export default function Activity() {
  const search = useSearch({ from: '/activity' });
  const { index } = useParams({ strict: false });
  const navigate = useNavigate();
  const detail = useMatch({ from: '/activity/$index', shouldThrow: false });
  const [text, setText] = useState(search.q ?? '');
  const box = useRef<HTMLInputElement>(null);
  const { q: words, tenant: _, ...rest } = search;
  const list = useInfiniteQuery(q.entries({ ...rest, ...(words ? { q: words } : {}) }), client);
  const read = useMemo(() => list.data?.pages.flatMap((page) => page.entries) ?? [], [list.data]);
  const { items: entries, more, show: showNew, hands } = useHeld(read, idOf, `${JSON.stringify(search)} ${list.data?.pages.length ?? 0}`);
  const at = entries.findIndex((entry) => String(entry.index) === index);
  const set = (next: ActivitySearch) => void navigate({ to: detail ? '/activity/$index' : '/activity', params: { index: index ?? '' }, search: Object.fromEntries(Object.entries(next).filter(([, value]) => value)), replace: true });
  const go = (step: number) => { const next = entries[Math.max(0, Math.min(entries.length - 1, at + step))]; if (next) void navigate({ to: '/activity/$index', params: { index: String(next.index) }, search }); };
  useKeys({ '/': () => box.current?.focus(), j: () => go(1), k: () => go(-1), Escape: () => void navigate({ to: '/activity', search }) });
  const end = useRef<HTMLLIElement>(null);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = list;
  useEffect(() => {
    const el = end.current;
    if (!el || !hasNextPage) return;
    const seen = new IntersectionObserver((found) => { if (found.some((one) => one.isIntersecting) && !isFetchingNextPage) void fetchNextPage(); });
    seen.observe(el);
    return () => seen.disconnect();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  const narrowed = (['command', 'probe', 'actor', 'since', 'until'] as const).filter((key) => search[key]);
  const submit = (event: FormEvent) => { event.preventDefault(); set({ ...search, q: text.trim() }); };
  return (
    <div className="grid h-full min-h-0 grid-cols-[minmax(0,1fr)] grid-rows-[minmax(0,1fr)] lg:grid-cols-[minmax(22rem,30rem)_minmax(0,1fr)]">
      <section aria-label="Entries" className={`min-h-0 flex-col border-e hair bg-s1 ${detail ? 'hidden lg:flex' : 'flex'}`}>
        {!detail && <h1 className="sr-only">Activity</h1>}
        <form role="search" onSubmit={submit} className="space-y-2 border-b hair p-2">
          <div className="relative"><Search className="absolute top-2 start-2.5 size-4 text-text3 max-md:top-3.5" aria-hidden /><input ref={box} value={text} onChange={(e) => setText(e.target.value)} aria-label="Search the log" placeholder="Search the log" className="h-8 w-full rounded-m border border-edge bg-bg pe-3 ps-8 placeholder:text-text3 max-md:h-11" /></div>
          <div className="flex gap-2">
            <select aria-label="Kind" value={search.kind ?? ''} onChange={(e) => set({ ...search, kind: e.target.value })} className="h-8 min-w-0 grow rounded-m border border-edge bg-bg px-2 max-md:h-11">{FAMILIES.map(([value, label]) => <option key={value} value={value}>{label}</option>)}</select>
            <input aria-label="Actor" defaultValue={search.actor ?? ''} key={search.actor ?? ''} onBlur={(e) => { if (e.target.value !== (search.actor ?? '')) set({ ...search, actor: e.target.value.trim() }); }} placeholder="Actor" className="h-8 w-28 rounded-m border border-edge bg-bg px-2 placeholder:text-text3 max-md:h-11" />
            <Button type="submit">Search</Button>
          </div>
          <details open={Boolean(search.since ?? search.until)} className="text-meta"><summary className="min-h-6 text-text2">From and until</summary>
            <div className="mt-1 flex gap-2">{(['since', 'until'] as const).map((key) => (
              <label key={key} className="min-w-0 grow">{key === 'since' ? 'From' : 'Until'}<input type="datetime-local" value={search[key] ? there(search[key]) : ''} onChange={(e) => set({ ...search, [key]: e.target.value ? new Date(e.target.value).toISOString() : undefined })} className="mt-0.5 h-8 w-full rounded-m border border-edge bg-bg px-2 max-md:h-11" /></label>
            ))}</div>
          </details>
          {narrowed.length > 0 && <p className="flex flex-wrap gap-1.5">{narrowed.map((key) => <button key={key} type="button" className="mono min-h-6 max-w-full truncate rounded-s border hair px-1.5 text-meta" onClick={() => { const next = { ...search }; delete next[key]; set(next); }} aria-label={`Take ${key} away`}>{key}: {search[key]} ×</button>)}</p>}
        </form>
        <div className="min-h-0 grow overflow-y-auto" {...hands}>
          <Newer n={more} show={showNew} />
          {list.isPending ? <Skeleton /> : list.isError && !list.data ? <FailureNote cause={list.error} what="the log" retry={() => void list.refetch()} />
            : entries.length === 0 ? <Empty title="Nothing matches"><Link to="/activity" className="underline">Show everything</Link></Empty>
              : <ul>{entries.map((entry) => <Row key={entry.index} entry={entry} current={String(entry.index) === index} keep={search} />)}<li ref={end} className="p-3 text-center text-meta text-text2">{hasNextPage ? 'Reading on' : 'The log begins here'}</li></ul>}
        </div>
        <Head narrow={rest} />
      </section>
      <div className={`min-h-0 min-w-0 ${detail ? '' : 'hidden lg:block'}`}>{detail ? <Outlet /> : <Empty title="Choose an entry">Its whole story stands here, and the proof that it is in the log.</Empty>}</div>
    </div>
  );
}
