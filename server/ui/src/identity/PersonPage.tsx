// One person, program or model: what they are, what they reach, what they may do, and the keys that are theirs.
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { ArrowLeft } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { get, http, type Person, type Role } from '../api/client';
import { failureOf } from '../api/failure';
import { client, q } from '../api/queries';
import { Button, Field, Id } from '../kit/controls';
import { Glyph, State } from '../kit/glyph';
import { Facts, Modal, Page, Section } from '../kit/panes';
import { Loaded, Refusal } from '../kit/states';
import { Time } from '../kit/time';
import { toast } from '../kit/toasts';
import { LinkShown, MayDo, RoleBoxes, split } from './forms';
import { Grants } from './Grants';
import { KeyRows } from './Keys';
import { useMay } from './session';

const again = () => { void client.invalidateQueries({ queryKey: ['users'] }); void client.invalidateQueries({ queryKey: ['me'] }); };

type Change = { roles?: string[]; groups?: string[]; disabled?: boolean };
const change = (person: Person, body: Change) => get(http.PATCH('/api/v1/users/{id}', { params: { path: { id: person.id } }, body })).finally(again);

function Standing({ person, roles }: { person: Person; roles: readonly Role[] }) {
  const [chosen, setChosen] = useState(person.roles);
  const [groups, setGroups] = useState(person.groups.join(' '));
  const [fault, setFault] = useState<unknown>();
  const save = async (next: Change, back?: Change) => {
    setFault(undefined);
    try {
      const after = await change(person, next);
      setChosen(after.roles);
      setGroups(after.groups.join(' '));
      toast(`${person.name} is changed; it counts from now on`, back && (() => void save(back)));
    } catch (cause) { setFault(cause); }
  };
  return (
    <form className="max-w-2xl space-y-4" aria-label={`Change ${person.name}`} onSubmit={(e) => { e.preventDefault(); void save({ roles: chosen, groups: split(groups) }, { roles: person.roles, groups: person.groups }); }}>
      <RoleBoxes roles={roles} chosen={chosen} onChange={setChosen} />
      <Field label="Groups" mono value={groups} onChange={(e) => setGroups(e.target.value)} hint="Separated by spaces. Policies can ask for an approval from a group." />
      {fault !== undefined && <Refusal cause={fault} />}
      <Button type="submit" look="solid">Save</Button>
    </form>
  );
}

function Ending({ person, onDone }: { person: Person; onDone: () => void }) {
  const [typed, setTyped] = useState('');
  const [fault, setFault] = useState<unknown>();
  const send = async () => {
    setFault(undefined);
    try {
      await get(http.DELETE('/api/v1/users/{id}', { params: { path: { id: person.id } } }));
      toast(`${person.name} is removed; the name stays theirs`);
      again();
      onDone();
    } catch (cause) { setFault(cause); }
  };
  return (
    <form className="space-y-4 p-5" aria-label={`Remove ${person.name}`} onSubmit={(e) => { e.preventDefault(); void send(); }}>
      <p>Their sessions and keys end, what they asked for is judged again, and their votes count no more. Who was removed stays among the people as locked out, and what they did in the log, under a name that nobody else can take.</p>
      <Field label={`Type ${person.name} to be sure`} autoComplete="off" value={typed} onChange={(e) => setTyped(e.target.value)} />
      {fault !== undefined && <Refusal cause={fault} />}
      <div className="flex justify-end"><Button type="submit" look="bad" disabled={typed !== person.name}>Remove {person.name}</Button></div>
    </form>
  );
}

function Acts({ person }: { person: Person }) {
  const navigate = useNavigate();
  const [path, setPath] = useState<string>();
  const [ending, setEnding] = useState(false);
  const [asking, setAsking] = useState(false);
  const [fault, setFault] = useState<unknown>();
  const reset = async () => {
    setFault(undefined);
    try { setPath((await get(http.POST('/api/v1/users/{id}/reset', { params: { path: { id: person.id } } }))).path); } catch (cause) { setFault(cause); }
    setAsking(false);
    again();
  };
  const lock = async (disabled: boolean) => {
    setFault(undefined);
    try {
      await change(person, { disabled });
      toast(disabled ? `${person.name} is locked out` : `${person.name} may come in again`, () => void lock(!disabled));
    } catch (cause) { setFault(cause); }
  };
  return (
    <>
      <div className="flex flex-wrap gap-2">
        {person.kind === 'user' && <Button onClick={() => setAsking(true)}>Give a new sign-in link</Button>}
        {person.disabled ? <Button onClick={() => void lock(false)}>Let them in again</Button> : <Button look="bad" onClick={() => void lock(true)}>Lock {person.name} out</Button>}
        <span className="grow" />
        <Button look="bad" onClick={() => setEnding(true)}>Remove</Button>
      </div>
      {fault !== undefined && <div className="mt-3"><Refusal cause={fault} /></div>}
      <Modal open={asking} onOpenChange={setAsking} title="Give a new sign-in link" description={`It ends ${person.name}’s password, second factor and sessions at once.`}><div className="flex justify-end gap-2 p-5"><Button look="ghost" onClick={() => setAsking(false)}>Leave it</Button><Button look="bad" onClick={() => void reset()}>End them and make a link</Button></div></Modal>
      <Modal open={path !== undefined} onOpenChange={(open) => { if (!open) setPath(undefined); }} title="A new sign-in link">{path && <LinkShown path={path} name={person.name} onDone={() => setPath(undefined)} />}</Modal>
      <Modal open={ending} onOpenChange={setEnding} title={`Remove ${person.name}`}>{ending && <Ending person={person} onDone={() => void navigate({ to: '/access' })} />}</Modal>
    </>
  );
}

/** What all of somebody's roles come to; for a program or a model its owner bounds it further. */
function Computed({ person, roles }: { person: Person; roles: readonly Role[] }) {
  const mine = roles.filter((role) => person.roles.includes(role.name));
  const actions = [...new Set(mine.flatMap((role) => (person.kind === 'agent' ? role.agent_permissions : role.permissions)))];
  return <>{person.kind !== 'user' && <p className="mb-3 text-text2">And only what {person.owner ? <>its owner</> : 'its owner'} may do too; the stricter answer counts.</p>}<MayDo actions={actions} /></>;
}

function Standins({ person }: { person: Person }) {
  const list = useQuery({ ...q.delegations(false), retry: false });
  const mine = (list.data?.delegations ?? []).filter((one) => one.person === person.id || one.delegate === person.id);
  if (mine.length === 0) return null;
  return <Section id="standing-in" title="Standing in" aside={<Link to="/approvals/standing-in" className="underline decoration-edge underline-offset-2">All</Link>}><ul className="space-y-1">{mine.map((one) => <li key={one.id}><bdi>{one.delegate_name}</bdi> votes for <bdi>{one.name}</bdi> until <Time at={one.until} /></li>)}</ul></Section>;
}

function Detail({ person }: { person: Person }) {
  const may = useMay();
  const roles = useQuery({ ...q.roles(), enabled: may('viewPolicies') });
  const users = useQuery(q.users());
  const keys = useQuery({ ...q.keys(), enabled: may('manageKeys') });
  const known = roles.data?.roles ?? [];
  const owner = users.data?.users.find((one) => one.id === person.owner || one.name === person.owner);
  const rows: [string, ReactNode][] = [
    ['Kind', { user: 'a person', service: 'a program', agent: 'a language model' }[person.kind] ?? person.kind],
    ...(person.owner ? [['Owner', owner ? <Link key="o" to="/access/people/$id" params={{ id: owner.name }} className="underline decoration-edge underline-offset-2"><bdi>{owner.name}</bdi></Link> : person.owner] as [string, ReactNode]] : []),
    ['Comes in', person.disabled ? <State key="d" tone="mute">Locked out</State> : person.kind !== 'user' ? 'with a key' : !person.has_password ? 'not yet: no password was chosen' : person.second_factor ? <State key="s" tone="ok">with a password and a second factor</State> : <State key="p" tone="warn">with a password alone</State>],
    ['Last came', person.last_sign_in_at ? <Time key="l" at={person.last_sign_in_at} /> : 'never'],
    ['Since', <Time key="c" at={person.created_at} />],
    ['Id', <Id key="i" id={person.id} />],
    ['Record', <Link key="r" to="/activity" search={{ actor: person.name }} className="underline decoration-edge underline-offset-2">what {person.name} did</Link>],
  ];
  return (
    <Page title={person.name} back={<Link to="/access" className="mb-2 inline-flex min-h-6 items-center gap-1.5 text-text2"><ArrowLeft className="size-4 rtl:-scale-x-100" aria-hidden />People</Link>}>
      <Section id="who" title="Who"><Facts rows={rows} /></Section>
      <Section id="standing" title="Roles and groups">{roles.data || !may('viewPolicies') ? <Standing key={person.id} person={person} roles={known} /> : <p className="text-text2">Reading the roles …</p>}</Section>
      <Section id="grants" title="What they reach"><Grants person={person} /></Section>
      {may('viewPolicies') && <Section id="may" title="What that comes to" aside="Computed from the policies in force"><Loaded query={roles} what="the roles" rows={2}>{(page) => <Computed person={person} roles={page.roles} />}</Loaded></Section>}
      <Standins person={person} />
      {may('manageKeys') && <Section id="keys" title="API keys"><Loaded query={keys} what="the keys" rows={1}>{(page) => <KeyRows keys={page.keys.filter((key) => key.user === person.id)} people={[person]} none={`${person.name} has no key.`} />}</Loaded></Section>}
      <Section id="acts" title="Coming in"><Acts person={person} /></Section>
    </Page>
  );
}

export default function PersonPage() {
  const { id } = useParams({ from: '/access/people/$id' });
  const person = useQuery(q.user(id));
  if (person.isError && failureOf(person.error).code === 'not-found') {
    return <div className="p-6"><h1 className="sr-only">Nobody</h1><p className="flex items-center gap-2"><Glyph tone="mute" />There is nobody of that name within your reach. <Link to="/access" className="underline">Everybody</Link></p></div>;
  }
  return <>{!person.data && <h1 className="sr-only">{id}</h1>}<Loaded query={person} what="the person" rows={6}>{(found) => <Detail key={found.id} person={found} />}</Loaded></>;
}
