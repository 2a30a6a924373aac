// Replays: what was decided in the last days, decided again under another bundle. Never: runs or changes anything.
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { History } from 'lucide-react';
import { useState } from 'react';
import { get, http, type Replay } from '../api/client';
import { client, q } from '../api/queries';
import { useMay } from '../identity/session';
import { Button, Field } from '../kit/controls';
import { State, type Tone } from '../kit/glyph';
import { Section } from '../kit/panes';
import { Empty, Loaded, Refusal } from '../kit/states';
import { Time } from '../kit/time';
import { CandidateField, chosen } from './Candidate';
import { kindOf } from './Differences';
import { useDraft } from './draft';
import { useActive } from './Policies';

const STATES: Record<string, [string, Tone]> = { waiting: ['Waits for its turn', 'act'], running: ['Running', 'act'], done: ['Done', 'ok'], canceled: ['Canceled', 'mute'], failed: ['Failed', 'bad'] };
export const replayState = (state: string): [string, Tone] => STATES[state] ?? [state, 'mute'];
const DAYS = [['1', 'The last day'], ['7', 'The last 7 days'], ['30', 'The last 30 days'], ['', 'Everything']] as const;

export const changes = (replay: Pick<Replay, 'tally'>) => Object.entries(replay.tally.kinds).filter(([kind, n]) => kind !== 'same' && n > 0);

function Start({ active }: { active: string }) {
  const search = useSearch({ from: '/policies/replays' });
  const navigate = useNavigate();
  const draft = useDraft();
  const [wish, setWish] = useState(search.candidate ?? (draft ? 'draft' : active));
  const candidate = wish === 'draft' && !draft ? active : wish;
  const [days, setDays] = useState('7');
  const [of, setOf] = useState<'' | 'commands' | 'operations'>('');
  const [narrow, setNarrow] = useState({ principal: '', tag: '', action: '', policy: '' });
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();
  const start = async () => {
    setBusy(true);
    setFault(undefined);
    const kept = Object.fromEntries(Object.entries(narrow).map(([key, value]) => [key, value.trim()]).filter(([, value]) => value));
    const since = days ? { since: new Date(Date.now() - Number(days) * 86_400_000).toISOString() } : {};
    try {
      const begun = await get(http.POST('/api/v1/replays', { body: { ...chosen(candidate, draft), ...(of ? { of } : {}), ...since, ...kept } }));
      void client.invalidateQueries({ queryKey: ['replays'] });
      void navigate({ to: '/policies/replays/$id', params: { id: begun.id } });
    } catch (cause) { setFault(cause); } finally { setBusy(false); }
  };
  const field = (key: keyof typeof narrow, label: string, placeholder: string) => <Field label={label} placeholder={placeholder} value={narrow[key]} onChange={(e) => setNarrow({ ...narrow, [key]: e.target.value })} spellCheck={false} autoCapitalize="none" autoComplete="off" />;
  return (
    <form aria-label="Replay" className="max-w-3xl space-y-3" onSubmit={(e) => { e.preventDefault(); void start(); }}>
      <div className="grid gap-3 md:grid-cols-3">
        <CandidateField value={candidate} onChange={setWish} active={active} />
        <div><label htmlFor="of" className="font-medium">What was asked</label>
          <select id="of" value={of} onChange={(e) => setOf(e.target.value as typeof of)} className="mt-1 block h-9 w-full rounded-m border border-edge bg-bg px-2 max-md:h-11 max-md:text-lead"><option value="">Everything</option><option value="commands">Commands</option><option value="operations">Of the API</option></select></div>
        <div><label htmlFor="days" className="font-medium">Decisions of</label>
          <select id="days" value={days} onChange={(e) => setDays(e.target.value)} className="mt-1 block h-9 w-full rounded-m border border-edge bg-bg px-2 max-md:h-11 max-md:text-lead">{DAYS.map(([value, label]) => <option key={value} value={value}>{label}</option>)}</select></div>
      </div>
      <details><summary className="min-h-6 text-text2">Only some of them</summary><div className="mt-2 grid gap-3 md:grid-cols-4">{field('principal', 'Who asked', 'ana')}{field('tag', 'Tag', 'prod')}{field('action', 'Action', 'remediate')}{field('policy', 'Decided by', 'a policy')}</div></details>
      {fault !== undefined && <Refusal cause={fault} />}
      <Button type="submit" look="solid" disabled={busy}><History className="size-4" aria-hidden />Decide them again</Button>
    </form>
  );
}

export default function Replays() {
  const active = useActive();
  const may = useMay();
  const list = useQuery(q.replays());
  return (
    <div className="h-full overflow-y-auto" tabIndex={0} role="region" aria-label="All replays">
      <h1 className="sr-only">Replays</h1>
      <Section id="start" title="What would a bundle have decided?">{may('replayDecisions') ? <Start active={active.revision} /> : <p className="text-text2">Starting one takes a role that may replay decisions. Those that others started are below.</p>}</Section>
      <Section id="replays" title="Replays">
        <Loaded query={list} what="the replays">
          {({ replays }) => replays.length === 0 ? <Empty title="None yet">A replay reads what was recorded; nothing runs, and nothing changes.</Empty> : (
            <ul className="-mx-4 divide-y divide-line md:-mx-6">{replays.map((replay) => {
              const [word, tone] = replayState(replay.state);
              const changed = changes(replay);
              return (
                <li key={replay.id}><Link to="/policies/replays/$id" params={{ id: replay.id }} className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-4 gap-y-0.5 px-4 py-2.5 hover:bg-s2 md:px-6">
                  <span className="truncate">Under <code>{replay.candidate.slice(0, 10)}</code>, {replay.total.toLocaleString('en')} decisions</span><State tone={tone}>{word}</State>
                  <span className="truncate text-meta text-text2">{changed.length ? changed.map(([kind, n]) => `${n} ${kindOf(kind)[0].toLowerCase()}`).join(', ') : replay.ended ? 'Nothing would change' : '…'}</span><span className="text-end text-meta text-text2">{replay.actor} · <Time at={replay.created_at} /></span>
                </Link></li>
              );
            })}</ul>
          )}
        </Loaded>
      </Section>
    </div>
  );
}
