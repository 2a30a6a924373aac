// The log: what happened, who did it, and the proof of it. Times here are exact.
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, Outlet, useMatch, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { Download, Search } from 'lucide-react';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { ask, type Entry } from '../api/client';
import { client, q } from '../api/queries';
import type { ActivitySearch } from '../router';
import { Button } from '../kit/controls';
import { Glyph } from '../kit/glyph';
import { Told } from '../kit/inert';
import { useKeys } from '../kit/keys';
import { Empty, FailureNote, Skeleton } from '../kit/states';
import { toast } from '../kit/toasts';
import { absolute, useClock } from '../kit/time';
import { FAMILIES, sentence } from './sentence';

function Row({ entry, current, keep }: { entry: Entry; current: boolean; keep: ActivitySearch }) {
  const clock = useClock();
  const { text, tone } = sentence(entry);
  return (
    <li>
      <Link to="/activity/$index" params={{ index: String(entry.index) }} search={keep} aria-current={current ? 'true' : undefined}
        className="grid grid-cols-[auto_minmax(0,1fr)] items-baseline gap-x-2.5 border-b hair px-4 py-2 hover:bg-s2 aria-[current]:bg-s3 aria-[current]:shadow-[inset_2px_0_0_var(--accent)]">
        <Glyph tone={tone} /><span className="truncate"><Told>{text}</Told></span>
        <span /><span className="flex gap-3 text-meta whitespace-nowrap text-text2"><span className="max-w-40 truncate">{entry.actor}</span><time dateTime={entry.at}>{absolute(new Date(entry.at), clock === 'utc' ? 'utc' : 'local')}</time><span className="ml-auto">#{entry.index.toLocaleString('en')}</span></span>
      </Link>
    </li>
  );
}

/** Every entry as the bytes that were hashed, page after page, and the head that they lead to. */
async function exportLog(size: number, tell: (done: number) => void) {
  const parts: string[] = [];
  for (let from = 0; from < size; from += 1_000) {
    parts.push(await ask<string>('GET', `/api/v1/audit/export?from=${from}&limit=1000`, undefined, { headers: { accept: 'text/plain' } }).then((said) => (typeof said === 'string' ? said : `${JSON.stringify(said)}\n`)));
    tell(Math.min(size, from + 1_000));
  }
  const url = URL.createObjectURL(new Blob(parts, { type: 'application/x-ndjson' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `legator-audit-${size}.jsonl`;
  link.click();
  URL.revokeObjectURL(url);
}

function Head() {
  const head = useQuery(q.checkpoint());
  const [checking, setChecking] = useState(false);
  const [done, setDone] = useState<number>();
  if (!head.data) return null;
  const check = async () => {
    setChecking(true);
    try {
      const found = await ask<{ ok: boolean; entries: number; first_bad?: string }>('GET', '/api/v1/audit/verify');
      toast(found.ok ? `The server recomputed ${found.entries.toLocaleString('en')} entries; all fit` : `The log does not fit: ${found.first_bad ?? 'no place named'}`);
    } catch (cause) { toast(cause instanceof Error ? cause.message : 'The log could not be checked'); }
    setChecking(false);
  };
  const save = async () => {
    setDone(0);
    try { await exportLog(head.data.size, setDone); } catch { toast('The export broke off; nothing was saved'); }
    setDone(undefined);
  };
  return (
    <div className="flex flex-wrap items-center gap-2 border-t hair px-4 py-2 text-meta text-text2">
      <span title={head.data.root}>{head.data.size.toLocaleString('en')} entries, head <code>{head.data.root.slice(0, 10)}…</code></span>
      <span className="ml-auto flex gap-1"><Button look="ghost" size="s" disabled={checking} onClick={() => void check()}>{checking ? 'Recomputing' : 'Recompute all'}</Button>
        <Button look="ghost" size="s" disabled={done !== undefined} onClick={() => void save()}><Download className="size-4" aria-hidden />{done === undefined ? 'Export' : `${done.toLocaleString('en')} of ${head.data.size.toLocaleString('en')}`}</Button></span>
    </div>
  );
}

export default function Activity() {
  const search = useSearch({ from: '/activity' });
  const { index } = useParams({ strict: false });
  const navigate = useNavigate();
  const detail = useMatch({ from: '/activity/$index', shouldThrow: false });
  const [text, setText] = useState(search.q ?? '');
  const box = useRef<HTMLInputElement>(null);
  const { q: words, ...rest } = search;
  const list = useInfiniteQuery(q.entries({ ...rest, ...(words ? { q: words } : {}) }), client);
  const entries = list.data?.pages.flatMap((page) => page.entries) ?? [];
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
      <section aria-label="Entries" className={`min-h-0 flex-col border-r hair bg-s1 ${detail ? 'hidden lg:flex' : 'flex'}`}>
        {!detail && <h1 className="sr-only">Activity</h1>}
        <form role="search" onSubmit={submit} className="space-y-2 border-b hair p-2">
          <div className="relative"><Search className="absolute top-2 left-2.5 size-4 text-text3 max-md:top-3.5" aria-hidden /><input ref={box} value={text} onChange={(e) => setText(e.target.value)} aria-label="Search the log" placeholder="Search the log" className="h-8 w-full rounded-m border border-edge bg-bg pr-3 pl-8 placeholder:text-text3 max-md:h-11" /></div>
          <div className="flex gap-2">
            <select aria-label="Kind" value={search.kind ?? ''} onChange={(e) => set({ ...search, kind: e.target.value })} className="h-8 min-w-0 grow rounded-m border border-edge bg-bg px-2 max-md:h-11">{FAMILIES.map(([value, label]) => <option key={value} value={value}>{label}</option>)}</select>
            <input aria-label="Actor" defaultValue={search.actor ?? ''} key={search.actor ?? ''} onBlur={(e) => { if (e.target.value !== (search.actor ?? '')) set({ ...search, actor: e.target.value.trim() }); }} placeholder="Actor" className="h-8 w-28 rounded-m border border-edge bg-bg px-2 placeholder:text-text3 max-md:h-11" />
            <Button type="submit">Search</Button>
          </div>
          {narrowed.length > 0 && <p className="flex flex-wrap gap-1.5">{narrowed.map((key) => <button key={key} type="button" className="mono min-h-6 max-w-full truncate rounded-s border hair px-1.5 text-meta" onClick={() => { const next = { ...search }; delete next[key]; set(next); }} aria-label={`Take ${key} away`}>{key}: {search[key]} ×</button>)}</p>}
        </form>
        <div className="min-h-0 grow overflow-y-auto">
          {list.isPending ? <Skeleton /> : list.isError && !list.data ? <FailureNote cause={list.error} what="the log" retry={() => void list.refetch()} />
            : entries.length === 0 ? <Empty title="Nothing matches"><Link to="/activity" className="underline">Show everything</Link></Empty>
              : <ul>{entries.map((entry) => <Row key={entry.index} entry={entry} current={String(entry.index) === index} keep={search} />)}<li ref={end} className="p-3 text-center text-meta text-text2">{hasNextPage ? 'Reading on' : 'The log begins here'}</li></ul>}
        </div>
        <Head />
      </section>
      <div className={`min-h-0 min-w-0 ${detail ? '' : 'hidden lg:block'}`}>{detail ? <Outlet /> : <Empty title="Choose an entry">Its whole story stands here, and the proof that it is in the log.</Empty>}</div>
    </div>
  );
}
