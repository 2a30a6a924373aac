// Asking people to agree ahead: a pattern is written down, and beside it stands what it comes to: the policy that they
// read, the hosts, who has to agree, and which commands of before it would have covered. Nothing is asked before Ask.
import { useQueries, useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { ArrowLeft } from 'lucide-react';
import { type FormEvent, useEffect, useState } from 'react';
import { get, http } from '../api/client';
import { failureOf } from '../api/failure';
import { client, q } from '../api/queries';
import { useSettled } from '../fleet/settled';
import { useMay } from '../identity/session';
import { Select } from '../kit/choices';
import { Area, Button, Field } from '../kit/controls';
import { count } from '../kit/bytes';
import { commandState, Glyph, State } from '../kit/glyph';
import { Prose, Told } from '../kit/inert';
import { Section } from '../kit/panes';
import { Empty, Refusal } from '../kit/states';
import { Time } from '../kit/time';
import { toast } from '../kit/toasts';
import { PolicyText } from './AheadOne';
import { covers, mayCover, type Wish } from './covers';
import { Arranged } from './tabs';

const LEVELS = [['observe', 'observe — look'], ['diagnose', 'diagnose — look closer'], ['remediate', 'remediate — change and restart'], ['destroy', 'destroy']] as const;
const LONG = [['3600', 'an hour'], ['28800', '8 hours'], ['86400', 'a day'], ['604800', '7 days'], ['2592000', '30 days'], ['7776000', '90 days']] as const;
const KEPT = 'legator-ahead';
/** How many commands of before are looked at, and how many of those are read whole. */
const LOOKED = 200;
const READ = 12;

type Said = { principal: string; kind: 'tag' | 'probe'; place: string; level: string; programs: string; line: string; for_s: string; uses: string; reason: string };
const NOTHING: Said = { principal: '', kind: 'tag', place: '', level: 'remediate', programs: '', line: '', for_s: '604800', uses: '', reason: '' };

function asked(said: Said) {
  const programs = said.programs.split(/[\s,]+/).filter(Boolean);
  const body = {
    ...(said.principal.trim() ? { principal: said.principal.trim() } : {}), ...(said.kind === 'tag' ? { tag: said.place.trim() } : { probe: said.place.trim() }), level: said.level, programs,
    ...(said.line.trim() ? { line: said.line.trim() } : {}), for_s: Number(said.for_s), ...(said.uses ? { uses: Number(said.uses) } : {}), reason: said.reason.trim(), effects: [],
  };
  return programs.length > 0 && said.place.trim() !== '' ? body : undefined;
}

/** Commands of before that it would have covered, by what was recorded of how they were read. */
function Before({ wish }: { wish: Wish }) {
  const list = useQuery({ ...q.commands({ limit: LOOKED }), retry: false });
  const likely = (list.data?.commands ?? []).filter((command) => mayCover(wish, command));
  const read = useQueries({ queries: likely.slice(0, READ).map((command) => ({ ...q.command(command.id), staleTime: 300_000 })) });
  if (!list.data) return null;
  const found = read.flatMap((one) => (one.data && covers(wish, one.data) ? [one.data] : []));
  const looked = `Of the newest ${count(list.data.commands.length, 'command')}${likely.length > READ ? `, ${likely.length} look alike, of which the first ${READ} were read` : ''}`;
  return (
    <div>
      <h3 className="mb-1 font-medium">What it would have covered</h3>
      <p role="status" className="text-meta text-text2">{looked}: {found.length === 0 ? 'none' : found.length}.</p>
      {found.length > 0 && <ul className="mt-1 divide-y divide-line border-y hair">{found.map((command) => { const { tone, word } = commandState(command.state); return (
        <li key={command.id}><Link to="/commands/$id" params={{ id: command.id }} className="flex min-h-8 flex-wrap items-center gap-x-3 py-1 hover:bg-s2"><code className="min-w-0 grow truncate"><Told>{command.line}</Told></code><span className="flex gap-3 text-meta text-text2"><bdi>{command.probe_name}</bdi><Time at={command.created_at} /></span><State tone={tone}>{word}</State></Link></li>
      ); })}</ul>}
    </div>
  );
}

function Preview({ said }: { said: Said }) {
  const may = useMay();
  const me = useQuery(q.me());
  const settled = useSettled(JSON.stringify(said));
  const body = asked(JSON.parse(settled) as Said);
  const seen = useQuery({
    queryKey: ['approvals', 'preview', settled], enabled: body !== undefined, staleTime: 30_000, retry: false,
    queryFn: ({ signal }) => get(http.POST('/api/v1/grants/preview', { body: { ...body, reason: body?.reason || 'not said yet' } as never, signal })),
    placeholderData: (before) => before,
  });
  if (!body) return <Empty title="Nothing to show yet">Say where, and which program. The policy that people would read then stands here, with what it covers.</Empty>;
  if (seen.isError) return <Refusal cause={seen.error} />;
  if (!seen.data) return <p role="status" className="text-text2">Asking the rules …</p>;
  const found = seen.data;
  const wish: Wish = { principal: body.principal ?? me.data?.name ?? '', level: body.level, programs: body.programs, effects: [], line: body.line, hosts: new Set(found.hosts.map((host) => host.id)) };
  return (
    <div className="space-y-4" data-preview={found.approvals === undefined ? 'refused' : 'good'}>
      <p className="break-words"><Prose>{`${found.line.charAt(0).toUpperCase()}${found.line.slice(1)}.`}</Prose></p>
      <p className="flex items-start gap-2"><Glyph tone={found.approvals === undefined ? 'bad' : 'act'} className="mt-1" /><span>{found.approvals === undefined ? 'Policy refuses to have this agreed to. ' : `${count(found.approvals, 'person', 'people')} would have to agree. `}<span className="text-text2"><Prose>{found.why}</Prose></span></span></p>
      <div><h3 className="mb-1 font-medium">The policy</h3><PolicyText text={found.policy} /></div>
      <div><h3 className="mb-1 font-medium">{found.n_hosts === 0 ? 'No host now' : `${count(found.n_hosts, 'host')} now`}</h3>
        <p className="text-meta text-text2">{found.hosts.slice(0, 20).map((host) => <code key={host.id} className="me-2"><Told>{host.name}</Told></code>)}{found.n_hosts > 20 && `and ${(found.n_hosts - 20).toLocaleString('en')} more`}{said.kind === 'tag' && ' Those that get the tag later are covered too.'}</p></div>
      {may('viewCommands') && <Before wish={wish} />}
    </div>
  );
}

export default function AskAhead() {
  const navigate = useNavigate();
  const may = useMay();
  const me = useQuery(q.me());
  const tags = useQuery({ ...q.fleet(), enabled: may('viewFleet'), retry: false, select: (f) => [...new Set(f.tags.flat())].map((tag) => f.words[tag] ?? '').sort() });
  const [said, setSaid] = useState<Said>(() => { try { return { ...NOTHING, ...JSON.parse(sessionStorage.getItem(KEPT) ?? '{}') as Partial<Said> }; } catch { return NOTHING; } });
  useEffect(() => { sessionStorage.setItem(KEPT, JSON.stringify(said)); }, [said]);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();
  const set = (name: keyof Said) => (event: { target: { value: string } }) => setSaid((old) => ({ ...old, [name]: event.target.value }));
  const send = async (event: FormEvent) => {
    event.preventDefault();
    const body = asked(said);
    if (!body) return;
    setBusy(true);
    setFault(undefined);
    try {
      const made = await get(http.POST('/api/v1/grants', { body }));
      setSaid(NOTHING);
      sessionStorage.removeItem(KEPT);
      void client.invalidateQueries({ queryKey: ['approvals'] });
      toast('People are asked; it counts when they have agreed');
      void navigate({ to: '/approvals/ahead/$id', params: { id: made.id } });
    } catch (cause) { setFault(cause); if (failureOf(cause).code === 'unauthenticated') return; } finally { setBusy(false); }
  };
  return (
    <Arranged title="Ask people to agree ahead" intro="What comes often and is agreed to each time can be agreed to once, for a while. Every guardrail is still asked, and each use is counted." back={<Link to="/approvals/ahead" className="mb-2 inline-flex min-h-6 items-center gap-1.5 text-text2"><ArrowLeft className="size-4 rtl:-scale-x-100" aria-hidden />All patterns</Link>}>
      <div className="grid items-start lg:grid-cols-[minmax(20rem,26rem)_minmax(0,1fr)]">
        <Section id="wish" title="The pattern">
          <form className="space-y-4" aria-label="Ask for a grant" onSubmit={(e) => void send(e)}>
            <Field label="Whose commands" value={said.principal} onChange={set('principal')} placeholder={me.data?.name ?? ''} hint="Yours, if you leave it empty; or a program or a model by its name." />
            <div className="grid grid-cols-[10.5rem_minmax(0,1fr)] gap-3">
              <Select label="Where" value={said.kind} onChange={(e) => setSaid((old) => ({ ...old, kind: e.target.value as Said['kind'] }))} options={[['tag', 'every host tagged'], ['probe', 'the host']]} />
              <Field label={said.kind === 'tag' ? 'Tag' : 'Host'} mono required list={said.kind === 'tag' ? 'known-tags' : undefined} value={said.place} onChange={set('place')} autoComplete="off" spellCheck={false} />
              <datalist id="known-tags">{(tags.data ?? []).map((tag) => <option key={tag} value={tag} />)}</datalist>
            </div>
            <Select label="Up to" value={said.level} onChange={set('level')} options={LEVELS} />
            <Field label="Programs" mono required value={said.programs} onChange={set('programs')} placeholder="systemctl" spellCheck={false} autoCapitalize="none" hint="Every program of a command has to be one of these." />
            <Field label="As" mono value={said.line} onChange={set('line')} placeholder="systemctl restart *" spellCheck={false} autoCapitalize="none" hint="The whole command as it would be typed; * is any text." />
            <div className="grid grid-cols-2 gap-3"><Select label="For" value={said.for_s} onChange={set('for_s')} options={LONG} hint="From people’s agreement on." /><Field label="Times at most" type="number" min={1} value={said.uses} onChange={set('uses')} placeholder="any" /></div>
            <Area label="What it is for" rows={2} required value={said.reason} onChange={set('reason')} hint="Approvers read it." />
            {fault !== undefined && <Refusal cause={fault} />}
            <Button type="submit" look="solid" disabled={busy || !asked(said)}>Ask</Button>
          </form>
        </Section>
        <Section id="preview" title="What that comes to"><Preview said={said} /></Section>
      </div>
    </Arranged>
  );
}
