// Ten thousand hosts as a grid: only what is in view is in the page, and the row with the focus stays.
import { defaultRangeExtractor, useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, ArrowUp } from 'lucide-react';
import { memo, type ReactNode, useCallback, useEffect, useRef, useState } from 'react';
import type { FleetIndex } from '../api/client';
import { probeState, State } from '../kit/glyph';
import { useRowHeight } from '../kit/density';
import { useKeys } from '../kit/keys';
import { span, useNow } from '../kit/time';
import type { Sort } from './query';

// Columns follow the width of the list, not of the window: the open host takes its share.
const COLS = 'grid-cols-[1.5rem_minmax(9rem,1.6fr)_6.5rem] @xl:grid-cols-[1.5rem_minmax(10rem,1.6fr)_6.5rem_minmax(5rem,1fr)_6rem] @4xl:grid-cols-[1.5rem_minmax(12rem,1.6fr)_7rem_minmax(7rem,1fr)_6.5rem_6.5rem_6.5rem_7rem_5rem]';
const MID = 'hidden @xl:block';
const FULL = 'hidden @4xl:block';

function Head({ id, sort, desc, onSort, children, className = '' }: { id: Sort; sort: Sort; desc: boolean; onSort: (id: Sort) => void; children: ReactNode; className?: string }) {
  const on = sort === id;
  return (
    <div role="columnheader" aria-sort={on ? (desc ? 'descending' : 'ascending') : 'none'} className={className}>
      <button type="button" onClick={() => onSort(id)} className={`inline-flex min-h-6 items-center gap-1 ${on ? 'text-text' : ''}`}>{children}{on && (desc ? <ArrowDown className="size-3" aria-hidden /> : <ArrowUp className="size-3" aria-hidden />)}</button>
    </div>
  );
}

function Share({ value }: { value: number }) {
  if (value < 0) return <span className="text-text3">—</span>;
  return (
    <span className="flex items-center gap-2"><span className="h-1 w-8 rounded-full bg-s3" aria-hidden><span className={`block h-full rounded-full ${value > 85 ? 'bg-warn' : 'bg-text3'}`} style={{ width: `${Math.min(100, value)}%` }} /></span>
      <span className={`mono text-meta ${value > 85 ? 'text-warn' : 'text-text2'}`}>{value}%</span></span>
  );
}

type RowProps = { f: FleetIndex; i: number; at: number; top: number; height: number; shown: boolean; chosen: boolean; focused: boolean; now: number; onOpen: (at: number, i: number) => void; onChoose: (at: number, on: boolean, range: boolean) => void };
const HostRow = memo(function HostRow({ f, i, at, top, height, shown, chosen, focused, now, onOpen, onChoose }: RowProps) {
  const { tone, word } = probeState(f.words[f.status[i] ?? 0] ?? '');
  const seen = f.seen[i] ?? 0;
  return (
    <div id={`row-${i}`} role="row" aria-rowindex={at + 2} aria-selected={shown} tabIndex={focused ? 0 : -1} onClick={() => onOpen(at, i)}
      className={`absolute inset-x-0 grid ${COLS} items-center gap-3 px-4 outline-offset-[-2px] hover:bg-s2 aria-selected:bg-s3 aria-selected:mark`}
      style={{ height, transform: `translateY(${top}px)` }}>
      <span role="gridcell" className="flex" onClick={(e) => e.stopPropagation()}>
        <label className="flex size-6 items-center justify-center"><input type="checkbox" tabIndex={-1} checked={chosen} aria-label={`Choose ${f.name[i]}`} className="size-4 accent-(--accent-solid)" onChange={() => undefined} onClick={(e) => onChoose(at, !chosen, e.shiftKey)} /></label>
      </span>
      <span role="gridcell" className="mono truncate">{f.name[i]}</span>
      <span role="gridcell"><State tone={tone}><span className={tone === 'ok' ? 'text-text2' : ''}>{word}</span></State></span>
      <span role="gridcell" className={`${MID} mono truncate text-meta text-text2`}>{(f.tags[i] ?? []).map((tag) => f.words[tag]).join(' ')}</span>
      <span role="gridcell" className={MID}><Share value={f.cpu[i] ?? -1} /></span>
      <span role="gridcell" className={FULL}><Share value={f.mem[i] ?? -1} /></span>
      <span role="gridcell" className={FULL}><Share value={f.disk[i] ?? -1} /></span>
      <span role="gridcell" className={`${FULL} truncate text-text2`}>{f.words[f.ceiling[i] ?? 0]}</span>
      <span role="gridcell" className={`${FULL} mono text-meta text-text2`}>{seen ? span(Math.max(0, now - seen)).split(' ').slice(0, 2).join(' ') : 'never'}</span>
    </div>
  );
});

type GridProps = { f: FleetIndex; rows: number[]; shown: number; chosen: ReadonlySet<string>; sort: Sort; desc: boolean; onSort: (id: Sort) => void; onOpen: (i: number) => void; onChosen: (ids: ReadonlySet<string>) => void; empty: ReactNode };
export function HostGrid({ f, rows, shown, chosen, sort, desc, onSort, onOpen, onChosen, empty }: GridProps) {
  const [focus, setFocus] = useState(0);
  const scroller = useRef<HTMLDivElement>(null);
  // To the half minute: a grid does not have to count seconds.
  const now = Math.floor(useNow() / 30_000) * 30;
  const at = Math.min(focus, Math.max(0, rows.length - 1));
  const height = useRowHeight();
  const grid = useVirtualizer({
    count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => height, overscan: 10,
    rangeExtractor: (range) => { const seen = defaultRangeExtractor(range); return at < rows.length && !seen.includes(at) ? [...seen, at].sort((a, b) => a - b) : seen; },
  });
  useEffect(() => grid.measure(), [grid, height]);
  const latest = useRef(onOpen);
  latest.current = onOpen;
  const open = useCallback((row: number, i: number) => { setFocus(row); latest.current(i); }, []);
  // From the one that was chosen last to this one, where Shift says so.
  const last = useRef<number>(undefined);
  const choosing = useRef<(row: number, on: boolean, range: boolean) => void>(() => undefined);
  choosing.current = (row, on, range) => {
    const next = new Set(chosen);
    const [first, end] = range && last.current !== undefined ? [Math.min(row, last.current), Math.max(row, last.current)] : [row, row];
    for (let n = first; n <= end; n++) { const id = f.id[rows[n] ?? -1]; if (id) { if (on) next.add(id); else next.delete(id); } }
    last.current = row;
    setFocus(row);
    onChosen(next);
  };
  const choose = useCallback((row: number, on: boolean, range: boolean) => choosing.current(row, on, range), []);
  const move = (step: number) => {
    const to = Math.max(0, Math.min(rows.length - 1, at + step));
    setFocus(to);
    grid.scrollToIndex(to);
    requestAnimationFrame(() => requestAnimationFrame(() => document.getElementById(`row-${rows[to]}`)?.focus({ preventScroll: true })));
  };
  useKeys({ j: () => move(1), k: () => move(-1), x: () => { const id = f.id[rows[at] ?? -1]; if (id) choose(at, !chosen.has(id), false); } });
  const found = rows.length > 0;
  useEffect(() => { scroller.current?.scrollTo({ top: 0 }); }, [sort, desc, found]);
  return (
    <div role="grid" aria-label="Hosts" aria-rowcount={rows.length + 1} aria-colcount={9} className="flex min-h-0 grow flex-col">
      <div role="rowgroup" className="shrink-0 border-b hair">
        <div role="row" aria-rowindex={1} className={`grid ${COLS} gap-3 px-4 py-1 text-meta text-text2`}>
          <div role="columnheader"><span className="sr-only">Chosen</span></div>
          <Head id="name" sort={sort} desc={desc} onSort={onSort}>Host</Head>
          <Head id="status" sort={sort} desc={desc} onSort={onSort}>State</Head>
          <div role="columnheader" className={`${MID} leading-6`}>Tags</div>
          <Head id="cpu" sort={sort} desc={desc} onSort={onSort} className={MID}>Load</Head>
          <Head id="mem" sort={sort} desc={desc} onSort={onSort} className={FULL}>Memory</Head>
          <Head id="disk" sort={sort} desc={desc} onSort={onSort} className={FULL}>Disk</Head>
          <div role="columnheader" className={`${FULL} leading-6`}>Asked for</div>
          <Head id="seen" sort={sort} desc={desc} onSort={onSort} className={FULL}>Seen</Head>
        </div>
      </div>
      {!found ? <div role="rowgroup"><div role="row"><div role="gridcell">{empty}</div></div></div> : (
        <div ref={scroller} data-scroller role="rowgroup" className="min-h-0 grow overflow-y-auto"
          onKeyDown={(e) => {
            const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 20, PageUp: -20, Home: -1e9, End: 1e9 }[e.key];
            if (step) { e.preventDefault(); move(step); }
            const i = rows[at];
            if (e.key === 'Enter' && i !== undefined) open(at, i);
          }}>
          <div style={{ height: grid.getTotalSize(), position: 'relative' }} role="presentation">
            {grid.getVirtualItems().map((item) => {
              const i = rows[item.index] ?? 0;
              return <HostRow key={i} f={f} i={i} at={item.index} top={item.start} height={height} shown={i === shown} chosen={chosen.has(f.id[i] ?? '')} focused={item.index === at} now={now} onOpen={open} onChoose={choose} />;
            })}
          </div>
        </div>
      )}
    </div>
  );
}
