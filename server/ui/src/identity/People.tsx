// Who may come in: everybody with what they are, and a page for each.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type FormEvent, type ReactNode, useState } from 'react';
import { get, http, type Person, type Role } from '../api/client';
import { client, q } from '../api/queries';
import { Select } from '../kit/choices';
import { Button, Field } from '../kit/controls';
import { State } from '../kit/glyph';
import { useKeys } from '../kit/keys';
import { Modal, Page, Section, Table } from '../kit/panes';
import { Empty, Loaded, Refusal } from '../kit/states';
import { Time } from '../kit/time';
import { LinkShown, RoleBoxes, split } from './forms';
import { useMay } from './session';

const KINDS = [['user', 'A person'], ['service', 'A program'], ['agent', 'A language model']] as const;

function AddPerson({ roles, people, onDone }: { roles: readonly Role[]; people: readonly Person[]; onDone: () => void }) {
  const [name, setName] = useState('');
  const [kind, setKind] = useState<(typeof KINDS)[number][0]>('user');
  const me = useQuery(q.me());
  const [owner, setOwner] = useState('');
  const [chosen, setChosen] = useState<string[]>(['viewer']);
  const [groups, setGroups] = useState('');
  const [path, setPath] = useState<string>();
  const [fault, setFault] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const owners = people.filter((person) => person.kind === 'user' && !person.disabled).map((person) => person.name);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFault(undefined);
    try {
      const machine = kind !== 'user';
      const added = await get(http.POST('/api/v1/users', { body: { name: name.trim(), roles: chosen, groups: split(groups), invite: !machine, ...(machine ? { kind, owner: owner || me.data?.name || '' } : {}) } })) as unknown as { link?: { path: string } };
      void client.invalidateQueries({ queryKey: ['users'] });
      if (added.link) setPath(added.link.path);
      else onDone();
    } catch (cause) { setFault(cause); } finally { setBusy(false); }
  };
  if (path) return <LinkShown path={path} name={name.trim()} onDone={onDone} />;
  return (
    <form onSubmit={(e) => void submit(e)} className="space-y-4 p-5" aria-label="Add a person">
      <Field label="Name" required autoFocus value={name} onChange={(e) => setName(e.target.value)} hint="Letters, digits, spaces and - _ . @ +" />
      <Select label="What it is" value={kind} onChange={(e) => setKind(e.target.value as typeof kind)} options={KINDS} hint={kind === 'user' ? undefined : 'It comes in with a key, and may do only what its owner may do too.'} />
      {kind !== 'user' && <Select label="Owner" value={owner || me.data?.name || ''} onChange={(e) => setOwner(e.target.value)} options={owners.map((one) => [one, one] as const)} />}
      <RoleBoxes roles={roles} chosen={chosen} onChange={setChosen} />
      <Field label="Groups" mono value={groups} onChange={(e) => setGroups(e.target.value)} hint="Policies can ask for an approval from a group." />
      {fault !== undefined && <Refusal cause={fault} />}
      <div className="flex justify-end"><Button type="submit" look="solid" disabled={busy}>Add {name.trim() || 'the person'}</Button></div>
    </form>
  );
}

function way(person: Person): ReactNode {
  if (person.disabled) return <State tone="mute">Locked out</State>;
  if (person.kind !== 'user') return 'A key';
  if (!person.has_password) return 'No password';
  return person.second_factor ? <State tone="ok">Password and a second factor</State> : 'Password';
}

export default function People() {
  const may = useMay();
  const users = useQuery(q.users());
  const roles = useQuery({ ...q.roles(), enabled: may('viewPolicies') });
  const tenants = useQuery({ ...q.tenants(), enabled: may('viewFleet') });
  const [adding, setAdding] = useState(false);
  const [text, setText] = useState('');
  const people = users.data?.users ?? [];
  const known = roles.data?.roles ?? [];
  const several = (tenants.data?.tenants.length ?? 0) > 1;
  const deciding = new Set(known.filter((role) => role.permissions.includes('decideApproval')).map((role) => role.name));
  const approvers = people.filter((person) => !person.disabled && person.kind === 'user' && person.roles.some((role) => deciding.has(role))).length;
  const word = text.trim().toLowerCase();
  // Who may not come in stands at the end.
  const shown = [...people].sort((a, b) => Number(a.disabled) - Number(b.disabled)).filter((person) => [person.name, ...person.roles, ...person.groups, person.kind].some((said) => said.toLowerCase().includes(word)));
  useKeys({ '/': () => document.getElementById('people-filter')?.focus() });
  return (
    <Page title="People" intro="Who may come in, and as what. What a role may do is written in the policies." actions={<Button look="solid" onClick={() => setAdding(true)}>Add a person</Button>}>
      <Section id="people" title="Everybody" aside={users.data && roles.data && approvers < 2 ? <State tone="warn">Fewer than two people can approve</State> : undefined}>
        <Loaded query={users} what="the people" rows={3}>
          {(page) => (
            <>
              {page.users.length > 8 && <input id="people-filter" value={text} onChange={(e) => setText(e.target.value)} aria-label="Filter people" placeholder="Filter by name, role or group" className="mb-3 h-8 w-full max-w-sm rounded-m border border-edge bg-bg px-3 placeholder:text-text3 max-md:h-11" />}
              {shown.length === 0 ? <Empty title="Nobody matches"><button type="button" className="underline" onClick={() => setText('')}>Show everybody</button></Empty> : (
                <Table caption="People" head={['Name', 'Roles', 'Groups', ...(several ? ['Reaches'] : []), 'Comes in with', 'Last came']} keys={shown.map((person) => person.id)} rows={shown.map((person) => [
                  <span key="n" className="inline-flex items-center gap-2 font-medium"><Link to="/access/people/$id" params={{ id: person.name }} className="inline-flex min-h-6 items-center underline decoration-edge underline-offset-2"><bdi>{person.name}</bdi></Link>{person.kind !== 'user' && <span className="rounded-s border hair px-1.5 text-meta font-normal text-text2">{person.kind}</span>}</span>,
                  person.roles.join(', ') || '—', person.groups.join(', ') || '—', ...(several ? [<code key="g">{person.grants?.join(' ') || 'tenant:default'}</code>] : []), way(person),
                  person.last_sign_in_at ? <Time key="c" at={person.last_sign_in_at} /> : 'never'])} />)}
            </>
          )}
        </Loaded>
      </Section>
      <Modal open={adding} onOpenChange={setAdding} title="Add a person">{adding && <AddPerson roles={known} people={people} onDone={() => setAdding(false)} />}</Modal>
    </Page>
  );
}
