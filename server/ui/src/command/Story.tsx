// One command from the ask to its end: the path, the reasons, the output, what was seen before and after.
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { ArrowLeft, Square } from 'lucide-react';
import { useState } from 'react';
import { type Command, get, http } from '../api/client';
import { client, q } from '../api/queries';
import { useMay } from '../identity/session';
import { Area, Button, CopyButton, Id } from '../kit/controls';
import { commandState, Glyph, LevelMark, State } from '../kit/glyph';
import { Told } from '../kit/inert';
import { Facts, Modal, Section, Table } from '../kit/panes';
import { Loaded, Refusal } from '../kit/states';
import { Time } from '../kit/time';
import { toast } from '../kit/toasts';
import { type Decision, gates } from './decision';
import { Output } from './Output';
import { Rail } from './Rail';
import { Reasons } from './Reasons';
import { useOutput } from './useOutput';

type Seen = { kind: string; target: string; before?: unknown; after?: unknown };
type Ended = { end?: { how?: string; code?: number; signal?: number; reason?: string; message?: string }; took_ms?: number; truncated?: boolean; stdout_bytes?: number; stderr_bytes?: number; seen?: Seen[] };

type Looked = Record<string, unknown>;
const said = (value: unknown) => (value === null || value === undefined || value === '' ? '—' : typeof value === 'string' ? value : JSON.stringify(value));

/** What was seen of each thing before and after, property by property; what is different is marked. */
function BeforeAfter({ seen }: { seen: Seen[] }) {
  return (
    <div className="space-y-6">
      {seen.map((one, n) => {
        const [before, after] = [(one.before ?? {}) as Looked, (one.after ?? {}) as Looked];
        const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
        const changed = names.filter((name) => said(before[name]) !== said(after[name]));
        const verdict = names.length === 0 ? 'was not there, and is not' : Object.keys(before).length === 0 ? 'was made' : Object.keys(after).length === 0 ? 'is gone' : changed.length ? 'is different' : 'is the same';
        return (
          <div key={n}>
            <p className="mb-2"><span className="text-text3">{one.kind}</span> <code><Told>{one.target}</Told></code> <span className="font-medium">{verdict}</span></p>
            {names.length > 0 && (
              <Table caption={`${one.kind} ${one.target}`} head={['Property', 'Before', 'After']} keys={names} rows={names.map((name) => {
                const different = changed.includes(name);
                return [<span key="n" className="inline-flex items-center gap-2"><Glyph tone={different ? 'warn' : 'mute'} className={different ? '' : 'invisible'} />{name}{different && <span className="sr-only"> is different</span>}</span>,
                  <code key="b" className={`break-all ${different ? 'text-text2 line-through decoration-edge' : ''}`}><Told>{said(before[name])}</Told></code>, <code key="a" className={`break-all ${different ? 'font-semibold text-text' : ''}`}><Told>{said(after[name])}</Told></code>];
              })} />
            )}
          </div>
        );
      })}
    </div>
  );
}

export function CommandLine({ command }: { command: Pick<Command, 'line' | 'probe_name'> }) {
  return (
    <div className="flex items-start gap-3 rounded-m border hair bg-s1 py-2 pe-2 ps-3.5">
      <pre className="mono min-w-0 grow py-0.5 text-lead whitespace-pre-wrap break-words">{command.probe_name && <span className="text-text3 select-none">{command.probe_name}$ </span>}<Told>{command.line}</Told></pre>
      <CopyButton text={command.line} what="command" />
    </div>
  );
}

const CANCELS = new Set(['held', 'queued', 'dispatched', 'running']);

export function CancelButton({ command }: { command: Pick<Command, 'id' | 'state' | 'probe_name' | 'line'> }) {
  const [open, setOpen] = useState(false);
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();
  if (!CANCELS.has(command.state)) return null;
  const running = command.state === 'running' || command.state === 'dispatched';
  const send = async () => {
    setBusy(true);
    setFault(undefined);
    try {
      const answer = await get(http.POST('/api/v1/commands/{id}/cancel', { params: { path: { id: command.id } }, body: { reason } }));
      setOpen(false);
      toast(answer.state === 'canceled' ? 'The command will not run' : `${command.probe_name} was told to stop it`);
      void client.invalidateQueries({ queryKey: ['commands'] });
    } catch (cause) { setFault(cause); } finally { setBusy(false); }
  };
  return (
    <>
      <Button look="bad" size="s" onClick={() => setOpen(true)}><Square className="size-3.5" aria-hidden />Cancel</Button>
      <Modal open={open} onOpenChange={setOpen} title="Cancel this command" description={running ? 'Its host is told to stop it. What it has changed by then stays changed.' : 'It has not started, so nothing has changed and nothing will.'}>
        <form className="space-y-4 p-5" onSubmit={(e) => { e.preventDefault(); void send(); }}>
          <Area label="Why" rows={2} value={reason} onChange={(e) => setReason(e.target.value)} hint="Kept in the audit log." />
          {fault !== undefined && <Refusal cause={fault} />}
          <div className="flex justify-end gap-2"><Button look="ghost" onClick={() => setOpen(false)}>Let it go on</Button><Button type="submit" look="bad" disabled={busy}>Cancel the command</Button></div>
        </form>
      </Modal>
    </>
  );
}

export function CommandStory({ command }: { command: Command }) {
  const may = useMay();
  const output = useOutput(command.id);
  const decision = command.decision as Decision | undefined;
  const approval = useQuery({ ...q.approval(command.approval ?? ''), enabled: Boolean(command.approval) });
  const votes = approval.data && { given: approval.data.votes.filter((vote) => vote.choice === 'approve').length, needed: approval.data.needed, state: approval.data.state };
  const { tone, word } = commandState(command.state);
  const ended = command.result as Ended | undefined;
  const end = ended?.end;
  return (
    <>
      <header className="px-4 pt-4 pb-5 md:px-6">
        <div className="mb-3 flex flex-wrap items-start justify-between gap-x-6 gap-y-2">
          <div className="min-w-0"><h1 className="text-head font-semibold break-words"><Told>{command.line}</Told> <span className="font-normal text-text2">on {command.probe_name}</span></h1>
            <p className="mt-1 text-text2">{command.requester_name}, <Time at={command.created_at} /></p></div>
          <div className="flex items-center gap-4"><LevelMark level={command.level} /><span role="status"><State tone={tone}>{word}</State></span>{may('cancelCommand') && <CancelButton command={command} />}</div>
        </div>
        <CommandLine command={command} />
        <dl className="mt-2 flex flex-wrap items-center gap-x-6 gap-y-1 text-meta [&_dd]:inline [&_dt]:inline [&_dt]:text-text3">
          <div><dt>Host </dt><dd><Link to="/fleet" search={{ probe: command.probe_name }} className="underline decoration-edge underline-offset-2">{command.probe_name}</Link></dd></div>
          {command.shell !== undefined && <div><dt>Run by </dt><dd>/bin/sh</dd></div>}
          <div className="flex items-center gap-1"><dt>Command</dt><dd><Id id={command.id} /></dd></div>
          {command.approval && <div><dt>Request </dt><dd><Link to="/approvals/$id" params={{ id: command.approval }} className="underline decoration-edge underline-offset-2">votes and evidence</Link></dd></div>}
          <div><dt>Record </dt><dd><Link to="/activity" search={{ command: command.id }} className="underline decoration-edge underline-offset-2">entries in the log</Link></dd></div>
        </dl>
        {command.reason && <blockquote className="mt-3 max-w-prose border-s-2 border-edge ps-3 text-text2"><Told>{command.reason}</Told></blockquote>}
      </header>
      <Section id="path" title="Path to the host"><Rail gates={gates(decision, command, votes)} /></Section>
      {(command.dispatched_at ?? command.started_at) && (
        <Section id="output" title="Output" aside={end && <>{end.how}{end.code !== undefined && ` with ${end.code}`}{ended?.took_ms !== undefined && ` after ${ended.took_ms.toLocaleString('en')} ms`}</>}>
          <Output of={output} name={command.id} ended={command.ended} />
          {ended?.truncated && <p className="mt-2 text-meta text-warn">The host kept only a part of what it wrote.</p>}
        </Section>
      )}
      {ended?.seen?.length ? <Section id="seen" title="What it changed"><BeforeAfter seen={ended.seen} /></Section> : null}
      {decision && <Reasons decision={decision} />}
      {decision?.classification && (
        <Section id="read" title="How the command was read" aside={decision.classification.parsed ? undefined : 'It could not be read in full'}>
          <Facts rows={decision.classification.parts.map((part) => [part.level, <span key={part.text}><code><Told>{part.text}</Told></code> <span className="text-text3">{part.why}</span></span>])} />
        </Section>
      )}
    </>
  );
}

export default function CommandPage() {
  const { id } = useParams({ from: '/commands/$id' });
  const command = useQuery(q.command(id));
  return (
    <div className="h-full overflow-y-auto" tabIndex={0} role="region" aria-label="Command">
      <div className="px-4 pt-3 md:px-6"><Link to="/commands" className="inline-flex min-h-6 items-center gap-1.5 text-text2"><ArrowLeft className="size-4 rtl:-scale-x-100" aria-hidden />All commands</Link></div>
      <Loaded query={command} what="the command">{(found) => <CommandStory key={found.id} command={found} />}</Loaded>
    </div>
  );
}
