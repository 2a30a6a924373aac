// Who stands in for whom, and handing on one's own votes for a while.
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { type Delegation, get, http } from '../api/client';
import { failureOf } from '../api/failure';
import { client, q } from '../api/queries';
import { useMay } from '../identity/session';
import { Choice } from '../kit/choices';
import { Button, Field } from '../kit/controls';
import { State } from '../kit/glyph';
import { Told } from '../kit/inert';
import { Section, Table } from '../kit/panes';
import { Empty, Loaded, Refusal } from '../kit/states';
import { Time, useNow } from '../kit/time';
import { toast } from '../kit/toasts';
import { Arranged } from './tabs';

const again = () => void client.invalidateQueries({ queryKey: ['approvals'] });
/** As a field of a form has it: the day and the minute where the person is. */
const local = (at: Date) => new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
const LONGEST_DAYS = 90;

function HandOn() {
  const may = useMay();
  const me = useQuery(q.me());
  const users = useQuery({ ...q.users(), enabled: may('manageUsers'), retry: false });
  const [to, setTo] = useState('');
  const [from, setFrom] = useState('');
  const [until, setUntil] = useState(() => local(new Date(Date.now() + 7 * 86_400_000)));
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();
  const others = (users.data?.users ?? []).filter((person) => person.kind === 'user' && !person.disabled && person.id !== me.data?.id);
  const send = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFault(undefined);
    try {
      const made = await get(http.POST('/api/v1/approvals/delegations', { body: { to: to.trim(), until: new Date(until).toISOString(), ...(from ? { since: new Date(from).toISOString() } : {}), ...(reason.trim() ? { reason: reason.trim() } : {}) } }));
      toast(`${made.delegate_name} stands in for you`, () => void end(made.id));
      setTo('');
      setReason('');
      again();
    } catch (cause) { setFault(cause); } finally { setBusy(false); }
  };
  return (
    <form className="grid max-w-3xl items-start gap-4 md:grid-cols-2" aria-label="Hand on my votes" onSubmit={(e) => void send(e)}>
      <Field label="Who stands in" required value={to} onChange={(e) => setTo(e.target.value)} list="others" autoComplete="off" hint="Somebody whom policy lets vote themselves." />
      <datalist id="others">{others.map((person) => <option key={person.id} value={person.name} />)}</datalist>
      <Field label="Why" value={reason} onChange={(e) => setReason(e.target.value)} placeholder="on leave" />
      <Field label="From" type="datetime-local" value={from} onChange={(e) => setFrom(e.target.value)} hint="Now, if you leave it empty." />
      <Field label="Until" type="datetime-local" required value={until} max={local(new Date(Date.now() + LONGEST_DAYS * 86_400_000))} onChange={(e) => setUntil(e.target.value)} hint={`At most ${LONGEST_DAYS} days ahead, by the clock of this browser.`} />
      {fault !== undefined && <div className="md:col-span-2"><Refusal cause={fault} /></div>}
      <div className="md:col-span-2"><Button type="submit" look="solid" disabled={busy}>Hand on my votes</Button></div>
    </form>
  );
}

async function end(id: string) {
  try {
    await get(http.DELETE('/api/v1/approvals/delegations/{id}', { params: { path: { id } } }));
    toast('It is ended');
  } catch (cause) { toast(failureOf(cause).said.detail || 'It could not be ended'); }
  again();
}

function state(one: Delegation, now: number) {
  if (one.ended_at) return <State tone="mute">ended <Time at={one.ended_at} /></State>;
  if (new Date(one.until).getTime() < now) return <State tone="mute">over</State>;
  if (new Date(one.since).getTime() > now) return <State tone="act">from <Time at={one.since} /></State>;
  return <State tone="ok">now</State>;
}

export default function StandingIn() {
  const may = useMay();
  const now = useNow();
  const { all } = useSearch({ from: '/approvals/standing-in' });
  const navigate = useNavigate();
  const me = useQuery(q.me());
  const list = useQuery(q.delegations(all === true));
  return (
    <Arranged title="Standing in" intro="Who stands in votes for both, and of the two there is one voice: when one of them has spoken on a request, the other does not.">
      <Section id="standing-in" title="Who stands in for whom" aside={<Choice label="Which" value={all ? 'all' : 'now'} onChange={(value) => void navigate({ to: '/approvals/standing-in', search: value === 'all' ? { all: true } : {}, replace: true })} options={[['now', 'Now or soon'], ['all', 'Over as well']]} />}>
        <Loaded query={list} what="who stands in" rows={2}>{(page) => page.delegations.length === 0
          ? <Empty title={all ? 'Nobody has stood in yet' : 'Nobody stands in for anybody'}>Whoever is away can hand on their votes for a while.</Empty>
          : <Table caption="Standing in" head={['For', 'Stands in', 'State', 'Until', 'Why', '']} keys={page.delegations.map((one) => one.id)} rows={page.delegations.map((one) => [
            <bdi key="f" className="font-medium">{one.name}</bdi>, <bdi key="d">{one.delegate_name}</bdi>, <span key="s">{state(one, now)}</span>, <Time key="u" at={one.until} />, one.reason ? <Told key="r">{one.reason}</Told> : '—',
            !one.ended_at && new Date(one.until).getTime() > now && (one.person === me.data?.id || one.delegate === me.data?.id) ? <Button key="x" size="s" look="bad" aria-label={`End that ${one.delegate_name} stands in for ${one.name}`} onClick={() => void end(one.id)}>End it</Button> : ''])} />}</Loaded>
      </Section>
      {may('delegateVotes') && <Section id="hand-on" title="Hand on my votes"><HandOn /></Section>}
    </Arranged>
  );
}
