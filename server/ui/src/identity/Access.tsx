// People and keys: who may come in, as what, and the keys that programs use.
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { type ApiKey, get, http, type Person } from '../api/client';
import { client, q } from '../api/queries';
import { Button, CopyButton, Field } from '../kit/controls';
import { State } from '../kit/glyph';
import { Modal, Page, Section, Table } from '../kit/panes';
import { Loaded, Refusal } from '../kit/states';
import { Time, useNow } from '../kit/time';
import { toast } from '../kit/toasts';
import { useMay } from './session';

/** The roles of the bundle that ships, each with what it is for; a bundle of one's own may have others. */
const ROLES: [string, string][] = [
  ['viewer', 'sees the fleet and what was done'], ['operator', 'runs commands, within the guardrails'], ['approver', 'decides what waits for people'],
  ['auditor', 'reads the log and proves it'], ['policy-author', 'changes the rules'], ['administrator', 'adds people, keys and hosts'],
];

function AddPerson({ onDone }: { onDone: () => void }) {
  const [name, setName] = useState('');
  const [roles, setRoles] = useState<string[]>(['viewer']);
  const [groups, setGroups] = useState('');
  const [fault, setFault] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFault(undefined);
    try {
      await get(http.POST('/api/v1/users', { body: { name: name.trim(), roles, groups: groups.split(/[\s,]+/).filter(Boolean) } }));
      toast(`${name.trim()} is added`);
      void client.invalidateQueries({ queryKey: ['users'] });
      onDone();
    } catch (cause) { setFault(cause); } finally { setBusy(false); }
  };
  return (
    <form onSubmit={(e) => void submit(e)} className="space-y-4 p-5" aria-label="Add a person">
      <Field label="Name" required autoFocus value={name} onChange={(e) => setName(e.target.value)} hint="Letters, digits, spaces and - _ . @ +" />
      <fieldset><legend className="font-medium">Roles</legend>
        <div className="mt-1 space-y-1">{ROLES.map(([role, what]) => (
          <label key={role} className="flex min-h-7 items-center gap-2"><input type="checkbox" className="size-4 accent-(--accent-solid)" checked={roles.includes(role)} onChange={(e) => setRoles(e.target.checked ? [...roles, role] : roles.filter((one) => one !== role))} /><span>{role}</span><span className="text-meta text-text2">{what}</span></label>
        ))}</div>
      </fieldset>
      <Field label="Groups" mono value={groups} onChange={(e) => setGroups(e.target.value)} hint="Policies can ask for an approval from a group." />
      {fault !== undefined && <Refusal cause={fault} />}
      <div className="flex justify-end"><Button type="submit" look="solid" disabled={busy}>Add {name.trim() || 'the person'}</Button></div>
    </form>
  );
}

function MakeKey({ people, onDone }: { people: Person[]; onDone: () => void }) {
  const [user, setUser] = useState(people[0]?.name ?? '');
  const [name, setName] = useState('');
  const [made, setMade] = useState<string>();
  const [fault, setFault] = useState<unknown>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setFault(undefined);
    try {
      const minted = await get(http.POST('/api/v1/auth/keys', { body: { user, name: name.trim() } })) as unknown as { plain_key: string };
      setMade(minted.plain_key);
      void client.invalidateQueries({ queryKey: ['keys'] });
    } catch (cause) { setFault(cause); }
  };
  if (made) {
    return (
      <div className="space-y-4 p-5"><p>This is the only time that the key is shown.</p>
        <div className="flex items-start gap-2 rounded-m border hair bg-bg py-2 pr-2 pl-3"><code className="min-w-0 grow break-all">{made}</code><CopyButton text={made} what="key" /></div>
        <div className="flex justify-end"><Button look="solid" onClick={onDone}>I have kept it</Button></div></div>
    );
  }
  return (
    <form onSubmit={(e) => void submit(e)} className="space-y-4 p-5" aria-label="Make a key">
      <div><label htmlFor="key-user" className="font-medium">Acts as</label><select id="key-user" value={user} onChange={(e) => setUser(e.target.value)} className="mt-1 h-9 w-full rounded-m border border-edge bg-bg px-2 max-md:h-11">{people.map((person) => <option key={person.id}>{person.name}</option>)}</select></div>
      <Field label="Name" required value={name} onChange={(e) => setName(e.target.value)} hint="Where it is used." />
      {fault !== undefined && <Refusal cause={fault} />}
      <div className="flex justify-end"><Button type="submit" look="solid">Make the key</Button></div>
    </form>
  );
}

function KeyRows({ keys, people }: { keys: ApiKey[]; people: Person[] }) {
  const now = useNow();
  const who = new Map(people.map((person) => [person.id, person.name]));
  const open = keys.filter((key) => !key.revoked_at);
  const end = async (key: ApiKey) => {
    try {
      await get(http.DELETE('/api/v1/auth/keys/{id}', { params: { path: { id: key.id } } }));
      toast(`The key ${key.name} opens nothing any more`);
    } catch (cause) { toast(cause instanceof Error ? cause.message : 'The key could not be ended'); }
    void client.invalidateQueries({ queryKey: ['keys'] });
  };
  if (open.length === 0) return <p className="text-text2">No program has a key.</p>;
  return (
    <Table caption="API keys" head={['Key', 'Acts as', 'Made', 'Ends', '']} keys={open.map((key) => key.id)}
      rows={open.map((key) => [key.name, who.get(key.user) ?? key.user, <Time key="c" at={key.created_at} />, key.expires_at ? (new Date(key.expires_at).getTime() < now ? 'ended' : <Time key="e" at={key.expires_at} />) : 'never', <Button key="r" size="s" look="bad" aria-label={`End key ${key.name}`} onClick={() => void end(key)}>End it</Button>])} />
  );
}

export default function Access() {
  const may = useMay();
  const users = useQuery(q.users());
  const keys = useQuery({ ...q.keys(), enabled: may('manageKeys') });
  const [adding, setAdding] = useState(false);
  const [making, setMaking] = useState(false);
  const people = users.data?.users ?? [];
  const approvers = people.filter((person) => !person.disabled && person.roles.some((role) => role === 'approver' || role === 'administrator')).length;
  return (
    <Page title="Access" intro="Who may come in, and as what. What a role may do is written in the policies." actions={<Button look="solid" onClick={() => setAdding(true)}>Add a person</Button>}>
      <Section id="people" title="People" aside={users.data && approvers < 2 ? <State tone="warn">Fewer than two people can approve</State> : undefined}>
        <Loaded query={users} what="the people" rows={3}>
          {(page) => <Table caption="People" head={['Name', 'Roles', 'Groups', 'Since', '']} keys={page.users.map((person) => person.id)} rows={page.users.map((person) => [<span key="n" className="font-medium">{person.name}</span>, person.roles.join(', ') || '—', person.groups.join(', ') || '—', <Time key="c" at={person.created_at} />, person.disabled ? <State key="d" tone="mute">Disabled</State> : null])} />}
        </Loaded>
      </Section>
      {may('manageKeys') && <Section id="keys" title="API keys" aside={<Button size="s" onClick={() => setMaking(true)} disabled={people.length === 0}>Make a key</Button>}><Loaded query={keys} what="the keys" rows={2}>{(page) => <KeyRows keys={page.keys} people={people} />}</Loaded></Section>}
      <Modal open={adding} onOpenChange={setAdding} title="Add a person"><AddPerson onDone={() => setAdding(false)} /></Modal>
      <Modal open={making} onOpenChange={setMaking} title="Make a key" description="For a program that calls the API, or for the command line.">{making && <MakeKey people={people} onDone={() => setMaking(false)} />}</Modal>
    </Page>
  );
}
