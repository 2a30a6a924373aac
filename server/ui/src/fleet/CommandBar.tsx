// The command bar of a host: says what would happen while one types, then makes it happen, and shows it happening.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Play, Siren } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { type Command, get, http } from '../api/client';
import { Failure, failureOf } from '../api/failure';
import { client, q } from '../api/queries';
import { CancelButton } from '../command/Story';
import type { Decision } from '../command/decision';
import { Output } from '../command/Output';
import { useOutput } from '../command/useOutput';
import { Button, Kbd } from '../kit/controls';
import { commandState, Glyph, LevelMark, outcomeState, State } from '../kit/glyph';
import { Prose, Told } from '../kit/inert';
import { useKeys } from '../kit/keys';
import { Refusal } from '../kit/states';
import { toast } from '../kit/toasts';
import { asked } from './line';
import { useSettled } from './settled';

/** What a line would come to; with a reason for it, if the glass were broken. */
const simulated = (probe: string, line: string, breakglass?: string) => {
  const ask = asked(line);
  return {
    queryKey: ['simulate', probe, line, breakglass !== undefined], enabled: Boolean(ask), staleTime: 5_000, retry: false,
    queryFn: ({ signal }: { signal: AbortSignal }) => get(http.POST('/api/v1/probes/{id}/command/simulate', { params: { path: { id: probe } }, body: { ...ask, ...(breakglass === undefined ? {} : { breakglass }) }, signal })),
  };
};

/** Offered only where it would make the command pass now; policy says so before anybody is tempted. */
function useGlass(probe: string, line: string): boolean {
  const settled = useSettled(line);
  const plain = useQuery(simulated(probe, settled));
  const stopped = plain.data?.outcome === 'hold' || plain.data?.outcome === 'deny';
  const broken = useQuery({ ...simulated(probe, settled, 'would it help at all?'), enabled: Boolean(asked(settled)) && stopped });
  return settled === line && stopped && (broken.data?.outcome === 'allow' || broken.data?.outcome === 'queue');
}

function Verdict({ probe, line }: { probe: string; line: string }) {
  const settled = useSettled(line);
  const ask = asked(settled);
  const judged = useQuery(simulated(probe, settled));
  if (!line.trim()) return <p className="text-meta text-text2">What would happen is shown while you type. Nothing is sent before you press Run.</p>;
  if (settled !== line || judged.isPending) return <p className="text-meta text-text2">Asking the rules …</p>;
  if (judged.isError) {
    const { said } = failureOf(judged.error);
    return <p className="flex items-start gap-2 text-meta"><Glyph tone="mute" className="mt-0.5" /><span>What would happen cannot be said: <Prose>{said.detail || said.title}</Prose></span></p>;
  }
  const decision = judged.data.decision as Decision;
  const { tone, word } = outcomeState(judged.data.outcome);
  const help = decision.rationale.counterfactual?.message;
  return (
    <div className="space-y-0.5 text-meta">
      <p className="flex flex-wrap items-center gap-x-3"><State tone={tone}><strong className="font-semibold">{word}</strong></State><LevelMark level={decision.classification?.level ?? decision.action} /><span className="text-text2">{ask && 'shell' in ask ? 'by /bin/sh' : 'as a program, without a shell'}</span></p>
      <p className="break-words text-text2"><Prose>{`${judged.data.summary}${help ? ` — ${help}.` : ''}`}</Prose></p>
    </div>
  );
}

function Ran({ id }: { id: string }) {
  const command = useQuery({ ...q.command(id), refetchInterval: (query) => (query.state.data?.ended ? false : 5_000) });
  const output = useOutput(id);
  const found = command.data;
  useEffect(() => { if (output.state === 'over' || output.events.length) void client.invalidateQueries({ queryKey: ['commands', 'one', id] }); }, [output.state, output.events.length, id]);
  if (!found) return null;
  const { tone, word } = commandState(found.state);
  return (
    <div className="mb-3 space-y-2">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <code className="min-w-0 grow truncate"><Told>{found.line}</Told></code>
        <span role="status"><State tone={tone}>{word}</State></span><CancelButton command={found} />
        {found.approval && found.state === 'held'
          ? <Link to="/approvals/$id" params={{ id: found.approval }} className="underline decoration-edge underline-offset-2">Request</Link>
          : <Link to="/commands/$id" params={{ id }} className="underline decoration-edge underline-offset-2">Whole story</Link>}
      </div>
      {(found.dispatched_at ?? found.started_at) && <Output of={output} name={id} height={200} ended={found.ended} />}
      {(found.state === 'held' || found.state === 'queued') && <p className="text-meta text-text2"><Prose>{(found.decision as Decision | undefined)?.rationale.summary}</Prose></p>}
    </div>
  );
}

/** What the server takes at least as a reason. */
const LEAST = 8;

function Glass({ on, onChange }: { on: boolean; onChange: (on: boolean) => void }) {
  return (
    <div className={`rounded-m border px-3 py-2 text-meta ${on ? 'border-bad/60 tint-bad' : 'hair'}`} data-glass={on ? 'breaking' : 'whole'}>
      <label className="flex min-h-6 items-center gap-2 max-md:min-h-11"><input type="checkbox" className="size-4 accent-(--bad-solid)" checked={on} onChange={(e) => onChange(e.target.checked)} /><span><strong className="font-semibold">Break the glass</strong>: run it now, without waiting for people</span></label>
      {on && <p className="mt-1 text-text2">Everybody sees it, it is counted, and another person reviews it afterwards. Say in at least {LEAST} characters why it cannot wait.</p>}
    </div>
  );
}

export function CommandBar({ probe, name }: { probe: string; name: string }) {
  const key = `legator-line-${probe}`;
  const [line, setLine] = useState(() => sessionStorage.getItem(key) ?? '');
  const [reason, setReason] = useState('');
  const [breaking, setBreaking] = useState(false);
  const lets = useGlass(probe, line);
  const glass = breaking && lets;
  const [busy, setBusy] = useState(false);
  const [ran, setRan] = useState<string>();
  const [fault, setFault] = useState<Failure>();
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => { sessionStorage.setItem(key, line); }, [key, line]);
  useKeys({ r: () => box.current?.focus() });
  const run = async () => {
    const ask = asked(line);
    if (!ask || busy || (glass && reason.trim().length < LEAST)) return;
    setBusy(true);
    setFault(undefined);
    try {
      const command = await get(http.POST('/api/v1/probes/{id}/command', {
        params: { path: { id: probe }, header: { 'Idempotency-Key': crypto.randomUUID?.() ?? String(Math.random()) } },
        body: { ...ask, ...(glass ? { breakglass: reason.trim() } : reason.trim() ? { reason: reason.trim() } : {}) },
      })) as Command;
      setRan(command.id);
      setLine('');
      setReason('');
      setBreaking(false);
      if (glass) toast(`You broke the glass on ${name}; another person reviews it`);
    } catch (cause) {
      const failure = failureOf(cause);
      setFault(failure);
      const denied = (failure.said.decision as Decision | undefined)?.command;
      if (denied) setRan(undefined);
    } finally {
      setBusy(false);
      void client.invalidateQueries({ queryKey: ['commands'] });
      void client.invalidateQueries({ queryKey: ['approvals'] });
    }
  };
  const denied = (fault?.said.decision as Decision | undefined)?.command;
  return (
    <div className="max-h-[65%] shrink-0 overflow-y-auto border-t hair bg-bg px-4 py-3">
      {ran && <Ran key={ran} id={ran} />}
      {fault && <div className="mb-3"><Refusal cause={fault}>{denied && <p className="mt-1"><Link to="/commands/$id" params={{ id: denied }} className="underline underline-offset-2">Why, clause by clause</Link></p>}</Refusal></div>}
      <form onSubmit={(e) => { e.preventDefault(); void run(); }} className="space-y-2" aria-label={`Run on ${name}`}>
        <div className="flex flex-wrap gap-2">
          <input ref={box} value={line} onChange={(e) => { setLine(e.target.value); setFault(undefined); }} aria-label={`Command for ${name}`} placeholder={`Run on ${name}`} spellCheck={false} autoCapitalize="none" autoComplete="off"
            className="mono h-9 min-w-0 grow basis-60 rounded-m border border-edge bg-s1 px-3 placeholder:text-text3 max-md:h-11 max-md:text-lead" />
          <Button look={glass ? 'bad' : 'solid'} type="submit" className={glass ? 'h-9! grow' : 'h-9!'} disabled={busy || !line.trim() || (glass && reason.trim().length < LEAST)}>{glass ? <Siren className="size-4" aria-hidden /> : <Play className="size-4" aria-hidden />}{glass ? 'Break the glass and run' : <>Run <Kbd>r</Kbd></>}</Button>
        </div>
        {line.trim() && <input value={reason} onChange={(e) => setReason(e.target.value)} aria-label={glass ? 'Why the glass is broken' : 'Reason'} placeholder={glass ? 'Why it cannot wait for people; whoever reviews it reads this' : 'What it is for; approvers read it'} className="h-8 w-full rounded-m border border-edge bg-s1 px-3 placeholder:text-text3 max-md:h-11 max-md:text-lead" />}
        <div role="status" className="min-h-9"><Verdict probe={probe} line={line} /></div>
        {lets && <Glass on={breaking} onChange={setBreaking} />}
      </form>
    </div>
  );
}
