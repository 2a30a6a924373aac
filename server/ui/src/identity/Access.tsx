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
import { Providers } from './Providers';
import { useMay } from './session';

type Role = { name: string; permissions: string[] };

/** One link that works once; whoever opens it chooses a password. */
function LinkShown({ path, name, onDone }: { path: string; name: string; onDone: () => void }) {
  const link = window.location.origin + path;
  return (
    <div className="space-y-4 p-5">
      <p>Give this to {name}. It works once, and whoever opens it chooses {name}’s password. It is shown this once.</p>
      <div className="flex items-start gap-2 rounded-m border hair bg-bg py-2 pr-2 pl-3"><code className="min-w-0 grow break-all">{link}</code><CopyButton text={link} what="link" /></div>
      <div className="flex justify-end"><Button look="solid" onClick={onDone}>Done</Button></div>
    </div>
  );
}

function RoleBoxes({ roles, chosen, onChange }: { roles: Role[]; chosen: string[]; onChange: (roles: string[]) => void }) {
  return (
    <fieldset><legend className="font-medium">Roles</legend>
      <div className="mt-1 space-y-1">{roles.map((role) => (
        <label key={role.name} className="flex min-h-7 items-center gap-2"><input type="checkbox" className="size-4 shrink-0 accent-(--accent-solid)" checked={chosen.includes(role.name)} onChange={(e) => onChange(e.target.checked ? [...chosen, role.name] : chosen.filter((one) => one !== role.name))} /><span className="shrink-0">{role.name}</span><span className="truncate text-meta text-text2" title={role.permissions.join(', ')}>{role.permissions.join(', ')}</span></label>
      ))}</div>
    </fieldset>
  );
}

const split = (text: string) => text.split(/[\s,]+/).filter(Boolean);

function AddPerson({ roles, onDone }: { roles: Role[]; onDone: () => void }) {
  const [name, setName] = useState('');
  const [chosen, setChosen] = useState<string[]>(['viewer']);
  const [groups, setGroups] = useState('');
  const [path, setPath] = useState<string>();
  const [fault, setFault] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFault(undefined);
    try {
      const added = await get(http.POST('/api/v1/users', { body: { name: name.trim(), roles: chosen, groups: split(groups), invite: true } })) as unknown as { link?: { path: string } };
      void client.invalidateQueries({ queryKey: ['users'] });
      if (added.link) setPath(added.link.path);
      else onDone();
    } catch (cause) { setFault(cause); } finally { setBusy(false); }
  };
  if (path) return <LinkShown path={path} name={name.trim()} onDone={onDone} />;
  return (
    <form onSubmit={(e) => void submit(e)} className="space-y-4 p-5" aria-label="Add a person">
      <Field label="Name" required autoFocus value={name} onChange={(e) => setName(e.target.value)} hint="Letters, digits, spaces and - _ . @ +" />
      <RoleBoxes roles={roles} chosen={chosen} onChange={setChosen} />
      <Field label="Groups" mono value={groups} onChange={(e) => setGroups(e.target.value)} hint="Policies can ask for an approval from a group." />
      {fault !== undefined && <Refusal cause={fault} />}
      <div className="flex justify-end"><Button type="submit" look="solid" disabled={busy}>Add {name.trim() || 'the person'}</Button></div>
    </form>
  );
}

function ChangePerson({ person, roles, onDone }: { person: Person; roles: Role[]; onDone: () => void }) {
  const [chosen, setChosen] = useState(person.roles);
  const [groups, setGroups] = useState(person.groups.join(' '));
  const [path, setPath] = useState<string>();
  const [fault, setFault] = useState<unknown>();
  const change = async (body: { roles?: string[]; groups?: string[]; disabled?: boolean }, said: string) => {
    setFault(undefined);
    try {
      await get(http.PATCH('/api/v1/users/{id}', { params: { path: { id: person.id } }, body }));
      toast(said);
      onDone();
    } catch (cause) { setFault(cause); }
    void client.invalidateQueries({ queryKey: ['users'] });
  };
  const reset = async () => {
    setFault(undefined);
    try { setPath((await get(http.POST('/api/v1/users/{id}/reset', { params: { path: { id: person.id } } }))).path); } catch (cause) { setFault(cause); }
    void client.invalidateQueries({ queryKey: ['users'] });
  };
  if (path) return <LinkShown path={path} name={person.name} onDone={onDone} />;
  return (
    <form className="space-y-4 p-5" aria-label={`Change ${person.name}`} onSubmit={(e) => { e.preventDefault(); void change({ roles: chosen, groups: split(groups) }, `${person.name} is changed; it counts from now on`); }}>
      <RoleBoxes roles={roles} chosen={chosen} onChange={setChosen} />
      <Field label="Groups" mono value={groups} onChange={(e) => setGroups(e.target.value)} />
      {fault !== undefined && <Refusal cause={fault} />}
      <div className="flex justify-end"><Button type="submit" look="solid">Save</Button></div>
      <div className="flex flex-wrap gap-2 border-t hair pt-4">
        <Button onClick={() => void reset()}>Give a new sign-in link</Button>
        {person.disabled ? <Button onClick={() => void change({ disabled: false }, `${person.name} may come in again`)}>Let them in again</Button> : <Button look="bad" onClick={() => void change({ disabled: true }, `${person.name} is locked out`)}>Lock {person.name} out</Button>}
      </div>
      <p className="text-meta text-text2">A new link ends their password, second factor and sessions.</p>
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
    <Table caption="API keys" head={['Key', 'Acts as', 'For', 'Last used', 'Ends', '']} keys={open.map((key) => key.id)}
      rows={open.map((key) => [key.name, who.get(key.user) ?? key.user, key.scopes?.join(', ') ?? 'all that they may', key.last_used_at ? <Time key="c" at={key.last_used_at} /> : 'never', key.expires_at ? (new Date(key.expires_at).getTime() < now ? 'ended' : <Time key="e" at={key.expires_at} />) : 'never', <Button key="r" size="s" look="bad" aria-label={`End key ${key.name}`} onClick={() => void end(key)}>End it</Button>])} />
  );
}

export default function Access() {
  const may = useMay();
  const users = useQuery(q.users());
  const keys = useQuery({ ...q.keys(), enabled: may('manageKeys') });
  const roles = useQuery({ ...q.roles(), enabled: may('viewPolicies') });
  const [adding, setAdding] = useState(false);
  const [changing, setChanging] = useState<Person>();
  const [making, setMaking] = useState(false);
  const people = users.data?.users ?? [];
  const known = roles.data?.roles ?? [];
  const deciding = new Set(known.filter((role) => role.permissions.includes('decideApproval')).map((role) => role.name));
  const approvers = people.filter((person) => !person.disabled && person.kind === 'user' && person.roles.some((role) => deciding.has(role))).length;
  return (
    <Page title="Access" intro="Who may come in, and as what. What a role may do is written in the policies." actions={<Button look="solid" onClick={() => setAdding(true)}>Add a person</Button>}>
      <Section id="people" title="People" aside={users.data && roles.data && approvers < 2 ? <State tone="warn">Fewer than two people can approve</State> : undefined}>
        <Loaded query={users} what="the people" rows={3}>
          {(page) => <Table caption="People" head={['Name', 'Roles', 'Groups', 'Signs in with', 'Last came', '']} keys={page.users.map((person) => person.id)} rows={page.users.map((person) => [
            <span key="n" className="font-medium">{person.name}{person.kind !== 'user' && <span className="ml-2 rounded-s border hair px-1.5 text-meta font-normal text-text2">{person.kind}</span>}</span>, person.roles.join(', ') || '—', person.groups.join(', ') || '—',
            person.disabled ? <State key="d" tone="mute">Locked out</State> : person.has_password ? (person.second_factor ? <State key="p" tone="ok">Password and a second factor</State> : 'Password') : 'No password',
            person.last_sign_in_at ? <Time key="c" at={person.last_sign_in_at} /> : 'never', <Button key="x" size="s" aria-label={`Change ${person.name}`} onClick={() => setChanging(person)}>Change</Button>])} />}
        </Loaded>
      </Section>
      {may('manageKeys') && <Section id="keys" title="API keys" aside={<Button size="s" onClick={() => setMaking(true)} disabled={people.length === 0}>Make a key</Button>}><Loaded query={keys} what="the keys" rows={2}>{(page) => <KeyRows keys={page.keys} people={people} />}</Loaded></Section>}
      {may('manageProviders') && <Providers />}
      {may('viewPolicies') && (
        <Section id="roles" title="Roles" aside="Computed from the policies in force">
          <Loaded query={roles} what="the roles" rows={3}>{(page) => <Table caption="Roles" head={['Role', 'May, at least somewhere']} keys={page.roles.map((role) => role.name)} rows={page.roles.map((role) => [<span key="n" className="font-medium">{role.name}</span>, role.permissions.join(', ') || 'nothing by itself'])} />}</Loaded>
        </Section>
      )}
      <Modal open={adding} onOpenChange={setAdding} title="Add a person">{adding && <AddPerson roles={known} onDone={() => setAdding(false)} />}</Modal>
      <Modal open={Boolean(changing)} onOpenChange={(open) => { if (!open) setChanging(undefined); }} title={changing ? `Change ${changing.name}` : ''}>{changing && <ChangePerson person={changing} roles={known} onDone={() => setChanging(undefined)} />}</Modal>
      <Modal open={making} onOpenChange={setMaking} title="Make a key" description="For a program that calls the API, or for the command line.">{making && <MakeKey people={people} onDone={() => setMaking(false)} />}</Modal>
    </Page>
  );
}
