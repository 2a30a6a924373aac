// One command for several hosts: what would happen on each while one types, then what became of it on each.
// Never: one answer for all of them. Each host is decided, held, queued and refused by itself.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Play, X } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { type FleetIndex, get, type Group, http } from '../api/client';
import { failureOf } from '../api/failure';
import { client, q } from '../api/queries';
import { count } from '../kit/bytes';
import { Button } from '../kit/controls';
import { commandState, Glyph, LevelMark, outcomeState, State } from '../kit/glyph';
import { Prose, Told } from '../kit/inert';
import { Empty, Refusal } from '../kit/states';
import { asked } from './line';
import { useSettled } from './settled';

/** What one request may name. */
const MOST = 1_000;
const ORDER = ['deny', 'hold', 'queue', 'allow'];

function Forecast({ ids, line }: { ids: string[]; line: string }) {
  const settled = useSettled(line);
  const ask = asked(settled);
  const judged = useQuery({
    queryKey: ['simulate', 'group', ids, settled], enabled: Boolean(ask) && ids.length > 0 && ids.length <= MOST, staleTime: 5_000, retry: false,
    queryFn: ({ signal }) => get(http.POST('/api/v1/commands/simulate', { body: { probes: ids, ...ask }, signal })),
  });
  if (!line.trim()) return <p className="text-meta text-text2">What would happen on each host is shown while you type. Nothing is sent before you press Run.</p>;
  if (settled !== line || judged.isPending) return <p className="text-meta text-text2">Asking the rules …</p>;
  if (judged.isError) { const { said } = failureOf(judged.error); return <p className="flex items-start gap-2 text-meta"><Glyph tone="mute" className="mt-0.5" /><span>What would happen cannot be said: <Prose>{said.detail || said.title}</Prose></span></p>; }
  const groups = ORDER.flatMap((outcome) => { const of = judged.data.results.filter((one) => one.outcome === outcome); return of.length ? [[outcome, of] as const] : []; });
  const rest = judged.data.results.filter((one) => !ORDER.includes(one.outcome));
  return (
    <ul className="space-y-1">{[...groups, ...(rest.length ? [['unknown', rest] as const] : [])].map(([outcome, of]) => {
      const { tone, word } = outcomeState(outcome);
      return (
        <li key={outcome}><details open={groups.length > 1 && outcome !== 'allow'}>
          <summary className="flex min-h-6 list-none flex-wrap items-center gap-x-3"><State tone={tone}><strong className="font-semibold">{word} on {of.length}</strong></State>{of[0]?.level && <LevelMark level={of[0].level} />}</summary>
          <ul className="mt-1 max-h-48 space-y-0.5 overflow-y-auto ps-5 text-meta">{of.slice(0, 100).map((one) => <li key={one.probe} className="break-words"><code><Told>{one.probe_name}</Told></code> <span className="text-text2"><Prose>{one.summary}</Prose></span></li>)}{of.length > 100 && <li className="text-text2">and {of.length - 100} more</li>}</ul>
        </details></li>
      );
    })}</ul>
  );
}

function Became({ group }: { group: Group }) {
  const list = useQuery({ ...q.commands({ group: group.group, limit: 500 }), refetchInterval: (query) => (query.state.data?.commands.every((command) => command.ended) ? false : 3_000) });
  const now = new Map((list.data?.commands ?? []).map((command) => [command.id, command]));
  const rows = group.results.map((one) => ({ ...one, state: now.get(one.command)?.state ?? one.state }));
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(row.state, (counts.get(row.state) ?? 0) + 1);
  return (
    <section aria-label="What became of it">
      <p role="status" className="flex flex-wrap gap-x-4 gap-y-1">{[...counts].map(([state, n]) => { const { tone, word } = commandState(state); return <State key={state} tone={tone}>{n} {word.toLowerCase()}</State>; })}</p>
      <ul className="mt-2 divide-y divide-line border-y hair">{rows.map((row) => {
        const { tone, word } = commandState(row.state);
        const exit = now.get(row.command)?.exit_code;
        return (
          <li key={row.command}><Link to={row.approval && row.state === 'held' ? '/approvals/$id' : '/commands/$id'} params={{ id: row.approval && row.state === 'held' ? row.approval : row.command }} className="flex min-h-8 items-center justify-between gap-3 px-1 hover:bg-s2 max-md:min-h-11">
            <code className="min-w-0 truncate"><Told>{row.probe_name}</Told></code><span className="flex items-center gap-3 text-meta"><span className="mono text-text2">{exit === undefined ? '' : `exit ${exit}`}</span><State tone={tone}>{word}</State></span>
          </Link></li>
        );
      })}</ul>
      <p className="mt-2 text-meta"><Link to="/commands" search={{ group: group.group }} className="underline decoration-edge underline-offset-2">All of them under Commands</Link></p>
    </section>
  );
}

export function GroupPanel({ f, targets, onClose }: { f: FleetIndex; targets: readonly number[]; onClose: () => void }) {
  const [line, setLine] = useState(() => sessionStorage.getItem('legator-line-group') ?? '');
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [became, setBecame] = useState<Group>();
  const [fault, setFault] = useState<unknown>();
  const box = useRef<HTMLInputElement>(null);
  // The same hosts are the same list, however the fleet is read again.
  const key = targets.map((i) => f.id[i]).sort().join(' ');
  const ids = useMemo(() => key.split(' ').filter(Boolean), [key]);
  useEffect(() => { sessionStorage.setItem('legator-line-group', line); }, [line]);
  useEffect(() => box.current?.focus(), []);
  const many = ids.length > MOST;
  const run = async () => {
    const ask = asked(line);
    if (!ask || busy || many) return;
    setBusy(true);
    setFault(undefined);
    try {
      setBecame(await get(http.POST('/api/v1/commands', { body: { probes: ids, ...ask, ...(reason.trim() ? { reason: reason.trim() } : {}) } })));
      setLine('');
      setReason('');
    } catch (cause) { setFault(cause); } finally {
      setBusy(false);
      void client.invalidateQueries({ queryKey: ['commands'] });
      void client.invalidateQueries({ queryKey: ['approvals'] });
    }
  };
  return (
    <aside aria-label="Run on several hosts" className="flex min-h-0 min-w-0 flex-col border-s hair bg-s1">
      <header className="flex items-start justify-between gap-3 border-b hair px-4 py-3"><div><h2 className="text-lead font-semibold">Run on {count(ids.length, 'host')}</h2><p className="text-meta text-text2">Each is decided by itself.</p></div><Button look="ghost" size="s" aria-label="Close" onClick={onClose}><X className="size-4" aria-hidden /></Button></header>
      <div className="min-h-0 grow space-y-4 overflow-y-auto px-4 py-3">
        {became && <Became group={became} />}
        {ids.length === 0 ? <Empty title="No host is chosen">Tick some in the list, or press <kbd>x</kbd> on them.</Empty> : (
          <form onSubmit={(e) => { e.preventDefault(); void run(); }} className="space-y-2" aria-label={`Run on ${ids.length} hosts`}>
            <p className="max-h-24 overflow-y-auto text-meta text-text2" tabIndex={0} role="group" aria-label="Hosts it would run on">{targets.slice(0, 200).map((i) => <code key={i} className="me-2"><Told>{f.name[i] ?? ''}</Told></code>)}{targets.length > 200 && `and ${(targets.length - 200).toLocaleString('en')} more`}</p>
            <input ref={box} value={line} onChange={(e) => { setLine(e.target.value); setFault(undefined); }} aria-label={`Command for ${ids.length} hosts`} placeholder="uptime" spellCheck={false} autoCapitalize="none" autoComplete="off" className="mono h-9 w-full rounded-m border border-edge bg-bg px-3 placeholder:text-text3 max-md:h-11 max-md:text-lead" />
            <input value={reason} onChange={(e) => setReason(e.target.value)} aria-label="Reason" placeholder="What it is for; approvers read it" className="h-8 w-full rounded-m border border-edge bg-bg px-3 placeholder:text-text3 max-md:h-11 max-md:text-lead" />
            {many && <p role="alert" className="flex items-center gap-2"><Glyph tone="warn" />At most {MOST.toLocaleString('en')} at once from here; choose fewer, or ask a whole tag with legatorctl.</p>}
            <div role="status" className="min-h-9"><Forecast ids={ids} line={line} /></div>
            {fault !== undefined && <Refusal cause={fault} />}
            <Button look="solid" type="submit" disabled={busy || many || !line.trim()}><Play className="size-4" aria-hidden />Run on {count(ids.length, 'host')}</Button>
          </form>
        )}
      </div>
    </aside>
  );
}
