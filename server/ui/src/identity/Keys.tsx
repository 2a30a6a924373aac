// Keys: those that programs come in with, and those that people sign their votes with.
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { type ApiKey, get, http, type Person } from '../api/client';
import { failureOf } from '../api/failure';
import { client, q } from '../api/queries';
import { useAsking } from '../kit/asking';
import { Choice, Select, Tick } from '../kit/choices';
import { Button, Field } from '../kit/controls';
import { State } from '../kit/glyph';
import { Modal, Page, Section, Table } from '../kit/panes';
import { Empty, Loaded, Refusal } from '../kit/states';
import { Time, useNow } from '../kit/time';
import { toast } from '../kit/toasts';
import { ActionBoxes, ShownOnce } from './forms';
import { inWords } from './words';
import { AllVoteKeys } from './AllVoteKeys';

const again = () => void client.invalidateQueries({ queryKey: ['keys'] });
const DAY = 86_400_000;
const LIVES = [['', 'until it is ended'], ['1', 'one day'], ['7', 'a week'], ['30', '30 days'], ['90', '90 days'], ['365', 'a year']] as const;
const OVERLAPS = [['0', 'ends at once'], ['3600', 'goes on for an hour'], ['86400', 'goes on for a day'], ['604800', 'goes on for a week']] as const;

const until = (days: string) => (days ? { expires_at: new Date(Date.now() + Number(days) * DAY).toISOString() } : {});

function Scoped({ actions, scopes, onChange }: { actions: readonly string[]; scopes: string[] | undefined; onChange: (scopes: string[] | undefined) => void }) {
  return (
    <fieldset><legend className="font-medium">For</legend>
      <Tick on={scopes !== undefined} onChange={(on) => onChange(on ? [] : undefined)}>Only these actions; a scope gives nothing that its owner does not have</Tick>
      {scopes && <ActionBoxes actions={actions} chosen={scopes} onChange={onChange} />}
    </fieldset>
  );
}

function MakeKey({ people, onDone }: { people: readonly Person[]; onDone: () => void }) {
  const permissions = useQuery({ ...q.permissions(), retry: false });
  const [user, setUser] = useState(people[0]?.name ?? '');
  const [name, setName] = useState('');
  const [days, setDays] = useState('90');
  const [scopes, setScopes] = useState<string[]>();
  const [made, setMade] = useState<string>();
  const [fault, setFault] = useState<unknown>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setFault(undefined);
    try {
      const body = { user, name: name.trim(), ...until(days), ...(scopes ? { scopes } : {}) };
      setMade((await get(http.POST('/api/v1/auth/keys', { body }))).plain_key);
      again();
    } catch (cause) { setFault(cause); }
  };
  if (made) return <ShownOnce what="key" text={made} done="I have kept it" onDone={onDone}>This is the only time that the key is shown.</ShownOnce>;
  return (
    <form onSubmit={(e) => void submit(e)} className="space-y-4 p-5" aria-label="Make a key">
      <Select label="Acts as" value={user} onChange={(e) => setUser(e.target.value)} options={people.map((person) => [person.name, person.kind === 'user' ? person.name : `${person.name} (${person.kind})`] as const)} />
      <Field label="Name" required value={name} onChange={(e) => setName(e.target.value)} hint="Where it is used." />
      <Select label="Good" value={days} onChange={(e) => setDays(e.target.value)} options={LIVES} hint={days === '' ? 'A key that never ends is one that nobody looks at again.' : undefined} />
      <Scoped actions={(permissions.data?.permissions ?? []).map((one) => one.action)} scopes={scopes} onChange={setScopes} />
      {fault !== undefined && <Refusal cause={fault} />}
      <div className="flex justify-end"><Button type="submit" look="solid" disabled={scopes?.length === 0}>Make the key</Button></div>
    </form>
  );
}

/** A client's certificate as a program's key: the server believes who signed it, and here it is said whose it is. */
function Register({ programs, onDone }: { programs: readonly Person[]; onDone: () => void }) {
  const permissions = useQuery({ ...q.permissions(), retry: false });
  const [user, setUser] = useState(programs[0]?.name ?? '');
  const [name, setName] = useState('');
  const [uri, setUri] = useState('');
  const [days, setDays] = useState('');
  const [scopes, setScopes] = useState<string[]>();
  const { busy, fault, ask } = useAsking();
  const register = () => ask(async () => {
    const body = { user, name: name.trim(), uri: uri.trim(), ...until(days), ...(scopes ? { scopes } : {}) };
    await get(http.POST('/api/v1/auth/certificates', { body }));
    toast(`The certificate ${body.uri} is a key of ${user} from now on`);
    again();
    onDone();
  });
  return (
    <form onSubmit={(e) => { e.preventDefault(); void register(); }} className="space-y-4 p-5" aria-label="Register a certificate">
      <p className="text-text2">A program that shows a client’s certificate with this URI comes in as the account, without a key that is a text. The server has to ask for certificates: <code>--client-ca</code>.</p>
      <Select label="Acts as" value={user} onChange={(e) => setUser(e.target.value)} options={programs.map((one) => [one.name, `${one.name} (${one.kind})`] as const)} />
      <Field label="Name" required value={name} onChange={(e) => setName(e.target.value)} hint="Where it is used." />
      <Field label="URI of the certificate" mono required value={uri} placeholder="spiffe://example/ci" onChange={(e) => setUri(e.target.value)} hint="The one URI among its alternative names." />
      <Select label="Good" value={days} onChange={(e) => setDays(e.target.value)} options={[['', 'as long as the certificate is'], ...LIVES.slice(1)]} />
      <Scoped actions={(permissions.data?.permissions ?? []).map((one) => one.action)} scopes={scopes} onChange={setScopes} />
      {fault !== undefined && <Refusal cause={fault} />}
      <div className="flex justify-end"><Button type="submit" look="solid" disabled={busy || scopes?.length === 0}>Register it</Button></div>
    </form>
  );
}

function Rotate({ of, onDone }: { of: ApiKey; onDone: () => void }) {
  const [overlap, setOverlap] = useState('86400');
  const [made, setMade] = useState<string>();
  const [fault, setFault] = useState<unknown>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setFault(undefined);
    try {
      setMade((await get(http.POST('/api/v1/auth/keys/{id}/rotate', { params: { path: { id: of.id } }, body: { overlap_s: Number(overlap) } }))).plain_key);
      again();
    } catch (cause) { setFault(cause); }
  };
  if (made) return <ShownOnce what="key" text={made} done="I have kept it" onDone={onDone}>This is the only time that the new key is shown. Put it where the old one is; the old one {OVERLAPS.find(([value]) => value === overlap)?.[1]}.</ShownOnce>;
  return (
    <form onSubmit={(e) => void submit(e)} className="space-y-4 p-5" aria-label={`Turn ${of.name}`}>
      <p>Another key for the same, with the same scopes.</p>
      <Select label="The old one" value={overlap} onChange={(e) => setOverlap(e.target.value)} options={OVERLAPS} hint="Both are good meanwhile, so that nothing stops while you put the new one in its place." />
      {fault !== undefined && <Refusal cause={fault} />}
      <div className="flex justify-end"><Button type="submit" look="solid">Make the new key</Button></div>
    </form>
  );
}

function Scopes({ scopes }: { scopes: readonly string[] | undefined }) {
  if (!scopes) return <>all that they may</>;
  const shown = scopes.slice(0, 3);
  return <span title={scopes.map(inWords).join(', ')}>{shown.join(', ')}{scopes.length > shown.length && ` and ${scopes.length - shown.length} more`}</span>;
}

export function KeyRows({ keys, people, none = 'No program has a key.' }: { keys: readonly ApiKey[]; people: readonly Person[]; none?: string }) {
  const now = useNow();
  const [turning, setTurning] = useState<ApiKey>();
  const who = new Map(people.map((person) => [person.id, person.name]));
  const over = (key: ApiKey) => Boolean(key.revoked_at) || (key.expires_at !== undefined && new Date(key.expires_at).getTime() < now);
  const end = async (key: ApiKey) => {
    try {
      await get(http.DELETE('/api/v1/auth/keys/{id}', { params: { path: { id: key.id } } }));
      toast(`The key ${key.name} opens nothing any more`);
    } catch (cause) { toast(failureOf(cause).said.detail || 'The key could not be ended'); }
    again();
  };
  if (keys.length === 0) return <p className="text-text2">{none}</p>;
  return (
    <>
      <Table caption="API keys" head={['Key', 'Acts as', 'For', 'Last used', 'Ends', '']} keys={keys.map((key) => key.id)}
        rows={keys.map((key) => [
          <span key="n"><span className="font-medium">{key.name}</span>{key.certificate && <code className="block text-meta break-all">{key.certificate}</code>}</span>, <Link key="w" to="/access/people/$id" params={{ id: who.get(key.user) ?? key.user }} className="inline-flex min-h-6 items-center underline decoration-edge underline-offset-2"><bdi>{who.get(key.user) ?? key.user}</bdi></Link>, <Scopes key="s" scopes={key.scopes} />,
          <span key="c">{key.last_used_at ? <Time at={key.last_used_at} /> : 'never'}{key.last_used_from && <code className="block text-meta">{key.last_used_from}</code>}</span>,
          key.revoked_at ? <State key="e" tone="mute">ended <Time at={key.revoked_at} /></State> : over(key) ? <State key="e" tone="mute">ran out</State> : key.expires_at ? <Time key="e" at={key.expires_at} /> : key.certificate ? 'with the certificate' : <State key="e" tone="warn">never</State>,
          over(key) ? '' : <span key="r" className="flex gap-2">{!key.certificate && <Button size="s" aria-label={`Turn key ${key.name}`} onClick={() => setTurning(key)}>Turn</Button>}<Button size="s" look="bad" aria-label={`End key ${key.name}`} onClick={() => void end(key)}>End it</Button></span>])} />
      <Modal open={turning !== undefined} onOpenChange={(open) => { if (!open) setTurning(undefined); }} title={turning ? `Turn ${turning.name}` : ''}>{turning && <Rotate of={turning} onDone={() => setTurning(undefined)} />}</Modal>
    </>
  );
}

export default function Keys() {
  const { all } = useSearch({ from: '/access/keys' });
  const navigate = useNavigate();
  const keys = useQuery(q.keys());
  const users = useQuery({ ...q.users(), retry: false });
  const now = useNow();
  const [making, setMaking] = useState(false);
  const [registering, setRegistering] = useState(false);
  const people = (users.data?.users ?? []).filter((person) => !person.disabled);
  const programs = people.filter((person) => person.kind !== 'user');
  const live = (key: ApiKey) => !key.revoked_at && (key.expires_at === undefined || new Date(key.expires_at).getTime() >= now);
  return (
    <Page title="Keys" intro="What programs come in with. A key is shown once, and does nothing that its owner may not do." actions={<>{programs.length > 0 && <Button onClick={() => setRegistering(true)}>Register a certificate</Button>}<Button look="solid" disabled={people.length === 0} onClick={() => setMaking(true)}>Make a key</Button></>}>
      <Section id="keys" title="API keys" aside={<Choice label="Which keys" value={all ? 'all' : 'live'} onChange={(value) => void navigate({ to: '/access/keys', search: value === 'all' ? { all: true } : {}, replace: true })} options={[['live', 'In use'], ['all', 'Ended as well']]} />}>
        <Loaded query={keys} what="the keys" rows={2}>{(page) => {
          const shown = all ? page.keys : page.keys.filter(live);
          return shown.length === 0 ? <Empty title="No program has a key">Make one for a program that calls the API, or for the command line.</Empty> : <KeyRows keys={shown} people={users.data?.users ?? []} />;
        }}</Loaded>
      </Section>
      <Section id="vote-keys" title="Keys that sign votes" aside="What checks them is public"><AllVoteKeys /></Section>
      <Modal open={making} onOpenChange={setMaking} title="Make a key" description="For a program that calls the API, or for the command line.">{making && <MakeKey people={people} onDone={() => setMaking(false)} />}</Modal>
      <Modal open={registering} onOpenChange={setRegistering} title="Register a certificate" description="For a program that comes in by mutual TLS.">{registering && <Register programs={programs} onDone={() => setRegistering(false)} />}</Modal>
    </Page>
  );
}
