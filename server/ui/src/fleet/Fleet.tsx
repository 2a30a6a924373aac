// The fleet in three panels: what to narrow by, the hosts, and the one that is open.
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { Download, Search } from 'lucide-react';
import { useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import type { FleetIndex } from '../api/client';
import { q } from '../api/queries';
import { count } from '../kit/bytes';
import { Button } from '../kit/controls';
import { Glyph, PROBE_STATES, probeState, State } from '../kit/glyph';
import { useKeys } from '../kit/keys';
import { save } from '../kit/save';
import { Empty, Loaded } from '../kit/states';
import { GroupPanel } from './GroupPanel';
import { HostDetail } from './HostDetail';
import { HostGrid } from './HostGrid';
import { hostsAsCsv } from './table';
import { census, offers, parse, select, type Sort, toggled } from './query';

export type FleetSearch = { q?: string; sort?: Sort; dir?: 'desc'; probe?: string; tab?: string; run?: 'chosen' | 'matching' };

const MANY = 14;
const SAVED = [['is:degraded,offline', 'Needs attention'], ['cpu:>85', 'Busy'], ['disk:>85', 'Disk nearly full'], ['seen:>1h', 'Silent for an hour']] as const;

function Filters({ f, text, set }: { f: FleetIndex; text: string; set: (query: string) => void }) {
  const counts = useMemo(() => census(f), [f]);
  const [all, setAll] = useState(false);
  const words = text.trim().split(/\s+/);
  const tags = [...counts.tag].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
  const row = (term: string, label: React.ReactNode, n: number) => (
    <li key={term}><button type="button" aria-pressed={words.includes(term)} onClick={() => set(toggled(text, term))} className="flex min-h-7 w-full items-center justify-between gap-2 rounded-m px-2 hover:bg-s2 aria-pressed:bg-s3">{label}<span className="text-meta text-text2">{n.toLocaleString('en')}</span></button></li>
  );
  return (
    <nav aria-label="Narrow the fleet" className="hidden min-h-0 overflow-y-auto border-e hair bg-s1 px-2 py-3 lg:block">
      <h2 className="px-2 pb-1 text-meta text-text2">State</h2>
      <ul>{PROBE_STATES.map((status) => { const { tone, word } = probeState(status); return row(`is:${status}`, <State tone={tone}>{word}</State>, counts.status.get(status) ?? 0); })}</ul>
      <h2 className="px-2 pt-4 pb-1 text-meta text-text2">Tags</h2>
      {tags.length === 0 && <p className="px-2 text-meta text-text2">No host has a tag.</p>}
      <ul>{tags.slice(0, all ? undefined : MANY).map(([tag, n]) => row(`tag:${tag}`, <code className="truncate text-meta">{tag}</code>, n))}</ul>
      {tags.length > MANY && <button type="button" className="min-h-6 px-2 text-meta text-text2 underline" onClick={() => setAll(!all)}>{all ? 'Fewer' : `All ${tags.length}`}</button>}
      {counts.site.size > 0 && <><h2 className="px-2 pt-4 pb-1 text-meta text-text2">Sites</h2><ul>{[...counts.site].sort().map(([site, n]) => row(`site:${site}`, <span className="truncate">{site}</span>, n))}</ul></>}
    </nav>
  );
}

function QueryBox({ f, text, set }: { f: FleetIndex; text: string; set: (query: string, typed?: boolean) => void }) {
  const box = useRef<HTMLInputElement>(null);
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const offered = useMemo(() => (open ? offers(f, text) : []), [f, text, open]);
  useKeys({ '/': () => { box.current?.focus(); box.current?.select(); } });
  const take = (offer: string) => { set(text.replace(/\S*$/, offer) + (offer.endsWith(':') ? '' : ' '), true); setAt(-1); box.current?.focus(); };
  return (
    <form role="search" className="relative min-w-56 grow" onSubmit={(e) => { e.preventDefault(); const offer = offered[at]; if (offer) take(offer.text); else { set(text); setOpen(false); } }}>
      <Search className="pointer-events-none absolute top-2 start-2.5 size-4 text-text3 max-md:top-3.5" aria-hidden />
      <input ref={box} value={text} role="combobox" aria-expanded={offered.length > 0} aria-controls="offers" aria-autocomplete="list" aria-activedescendant={at >= 0 ? `offer-${at}` : undefined} aria-label="Filter hosts" aria-describedby="match"
        placeholder="web tag:prod -is:offline cpu:>80" spellCheck={false} autoCapitalize="none" autoComplete="off"
        onChange={(e) => { set(e.target.value, true); setOpen(true); setAt(-1); }} onFocus={() => setOpen(true)} onBlur={() => { setTimeout(() => setOpen(false), 120); set(text); }}
        onKeyDown={(e) => {
          if (e.key === 'ArrowDown' && offered.length) { e.preventDefault(); setAt((n) => Math.min(n + 1, offered.length - 1)); }
          if (e.key === 'ArrowUp' && offered.length) { e.preventDefault(); setAt((n) => Math.max(n - 1, -1)); }
          if (e.key === 'Tab' && !e.shiftKey && offered[at]) { e.preventDefault(); take(offered[at].text); }
          if (e.key === 'Escape') { e.preventDefault(); if (open && offered.length) setOpen(false); else box.current?.blur(); }
        }}
        className="mono h-8 w-full rounded-m border border-edge bg-bg pe-3 ps-8 placeholder:text-text3 max-md:h-11" />
      <ul id="offers" role="listbox" aria-label="Keys and values" className={offered.length ? 'absolute inset-x-0 top-full z-20 mt-1 rounded-m border hair bg-s2 p-1 shadow-lift' : 'hidden'}>
        {offered.map((offer, n) => <li key={offer.text} id={`offer-${n}`} role="option" aria-selected={n === at} onMouseDown={(e) => { e.preventDefault(); take(offer.text); }} className="mono flex justify-between rounded-s px-2 py-1 text-meta hover:bg-s3 aria-selected:bg-s3"><span>{offer.text}</span>{offer.n !== undefined && <span className="text-text2">{offer.n.toLocaleString('en')}</span>}</li>)}
      </ul>
    </form>
  );
}

const CHOSEN = 'legator-chosen';
/** Who is chosen stays chosen while the list is narrowed, and over a reload. */
function useChosen(): [ReadonlySet<string>, (ids: ReadonlySet<string>) => void] {
  const [chosen, set] = useState<ReadonlySet<string>>(() => new Set((sessionStorage.getItem(CHOSEN) ?? '').split(' ').filter(Boolean)));
  return [chosen, (ids) => { set(ids); sessionStorage.setItem(CHOSEN, [...ids].join(' ')); }];
}

function Board({ f }: { f: FleetIndex }) {
  const search = useSearch({ from: '/fleet' });
  const navigate = useNavigate({ from: '/fleet' });
  const [text, setText] = useState(search.q ?? '');
  useEffect(() => setText(search.q ?? ''), [search.q]);
  const deferred = useDeferredValue(text);
  const sort = search.sort ?? 'status';
  const desc = search.dir === 'desc';
  const terms = useMemo(() => parse(deferred), [deferred]);
  const rows = useMemo(() => select(f, terms, sort, desc), [f, terms, sort, desc]);
  const patch = (next: { [K in keyof FleetSearch]?: FleetSearch[K] | undefined }, replace = true) =>
    void navigate({ search: (old) => Object.fromEntries(Object.entries({ ...old, ...next }).filter(([, value]) => value !== undefined && value !== '')) as FleetSearch, replace });
  const set = (query: string, typed = false) => { setText(query); if (!typed && query.trim() !== (search.q ?? '')) patch({ q: query.trim() }); };
  const shown = search.probe ? f.name.findIndex((name, i) => name === search.probe || f.id[i] === search.probe) : -1;
  const onSort = (id: Sort) => patch({ sort: id === 'status' ? undefined : id, dir: sort === id && !desc ? 'desc' : undefined });
  useKeys({ Escape: () => patch({ probe: undefined, tab: undefined, run: undefined }) });
  const faults = terms.filter((term) => term.fault);
  const [chosen, setChosen] = useChosen();
  const known = useMemo(() => new Map(f.id.map((id, i) => [id, i])), [f]);
  const picked = useMemo(() => [...chosen].flatMap((id) => known.get(id) ?? []), [chosen, known]);
  const targets = search.run === 'matching' ? rows : picked;
  const grouped = search.run !== undefined && !search.probe;
  const opened = Boolean(search.probe) || grouped;
  useKeys({ r: () => { if (!search.probe && picked.length) patch({ run: 'chosen' }); } });
  if (f.id.length === 0) return <><h1 className="sr-only">Fleet</h1><Empty title="No host is enrolled yet"><Link to="/enroll" className="underline">Enroll the first one</Link>; it takes one line on the host.</Empty></>;
  return (
    <div className={`grid h-full min-h-0 grid-cols-[minmax(0,1fr)] grid-rows-[minmax(0,1fr)] ${opened ? 'lg:grid-cols-[minmax(0,1fr)_440px] xl:grid-cols-[184px_minmax(0,1fr)_440px]' : 'lg:grid-cols-[184px_minmax(0,1fr)]'}`}>
      <h1 className="sr-only">Fleet</h1>
      <div className={opened ? 'contents max-xl:hidden' : 'contents'}><Filters f={f} text={text} set={set} /></div>
      <section aria-label="Hosts" className={`@container min-h-0 min-w-0 flex-col ${opened ? 'hidden lg:flex' : 'flex'}`}>
        <div className="flex shrink-0 flex-wrap items-center gap-x-4 gap-y-2 border-b hair bg-s1 px-4 py-2"><QueryBox f={f} text={text} set={set} /><span id="match" role="status" className="shrink-0 text-meta text-text2">{rows.length.toLocaleString('en')} of {f.id.length.toLocaleString('en')} hosts</span>
          {rows.length > 0 && <Button look="ghost" size="s" onClick={() => save('hosts.csv', hostsAsCsv(f, rows), 'text/csv')}><Download className="size-4" aria-hidden />Export<span className="sr-only"> {count(rows.length, 'host')} as CSV</span></Button>}</div>
        <div className="flex min-h-9 shrink-0 items-center gap-1 overflow-x-auto border-b hair px-3 py-1 text-meta">
          {SAVED.map(([query, label]) => <button key={query} type="button" aria-pressed={text.trim() === query} onClick={() => set(text.trim() === query ? '' : query)} className="min-h-6 shrink-0 rounded-m px-2 text-text2 hover:bg-s2 aria-pressed:bg-s3 aria-pressed:text-text">{label}</button>)}
          {(picked.length > 0 || (text.trim() !== '' && rows.length > 1 && rows.length < f.id.length)) && (
            <div role="group" aria-label="Chosen hosts" className="ms-auto flex shrink-0 items-center gap-x-3 ps-4">
              {picked.length > 0 && <span role="status">{count(picked.length, 'host')} chosen</span>}
              {picked.length > 0 && rows.some((i) => !chosen.has(f.id[i] ?? '')) && <button type="button" className="min-h-6 underline" onClick={() => setChosen(new Set([...chosen, ...rows.map((i) => f.id[i] ?? '')]))}>Choose all {rows.length.toLocaleString('en')}</button>}
              {picked.length > 0 && <button type="button" className="min-h-6 underline" onClick={() => setChosen(new Set())}>Choose none</button>}
              {picked.length > 0 ? <Button size="s" onClick={() => patch({ run: 'chosen', probe: undefined, tab: undefined }, false)}>Run on {picked.length.toLocaleString('en')}</Button>
                : <Button size="s" onClick={() => patch({ run: 'matching', probe: undefined, tab: undefined }, false)}>Run on all {rows.length.toLocaleString('en')}</Button>}
            </div>
          )}
        </div>
        {faults.map((term) => <p key={term.text} role="alert" className="flex items-center gap-2 border-b hair px-4 py-1.5 text-meta"><Glyph tone="warn" />{term.fault}</p>)}
        <HostGrid f={f} rows={rows} shown={shown} chosen={chosen} sort={sort} desc={desc} onSort={onSort} onChosen={setChosen} onOpen={(i) => patch({ probe: f.name[i], run: undefined }, opened)}
          empty={<Empty title="No host matches">Take a word away, or <button type="button" className="underline" onClick={() => set('')}>clear the filter</button>.</Empty>} />
      </section>
      {grouped && <GroupPanel f={f} targets={targets} onClose={() => patch({ run: undefined })} />}
      {search.probe && <HostDetail key={search.probe} id={search.probe} tab={search.tab ?? 'system'} onTab={(tab) => patch({ tab: tab === 'system' ? undefined : tab })} onClose={() => patch({ probe: undefined, tab: undefined })} />}
    </div>
  );
}

export default function Fleet() {
  const fleet = useQuery(q.fleet());
  return <Loaded query={fleet} what="the fleet" rows={10}>{(f) => <Board f={f} />}</Loaded>;
}
