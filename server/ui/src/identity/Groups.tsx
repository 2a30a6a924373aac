// Groups of people, which policies can ask approvals of. A group is its members; without any there is none.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { get, http, type PeopleGroup, type Person } from '../api/client';
import { client, q } from '../api/queries';
import { Tick } from '../kit/choices';
import { Button, Field } from '../kit/controls';
import { Modal, Page, Section, Table } from '../kit/panes';
import { Empty, Loaded, Refusal } from '../kit/states';
import { toast } from '../kit/toasts';

const put = (name: string, members: readonly string[]) => get(http.PUT('/api/v1/groups/{name}', { params: { path: { name } }, body: { members: [...members] } })).finally(() => void client.invalidateQueries({ queryKey: ['users'] }));

function Members({ group, people, onDone }: { group?: PeopleGroup | undefined; people: readonly Person[]; onDone: () => void }) {
  const [name, setName] = useState(group?.name ?? '');
  const [members, setMembers] = useState<readonly string[]>(group?.members ?? []);
  const [fault, setFault] = useState<unknown>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setFault(undefined);
    const before = group?.members ?? [];
    const called = name.trim();
    try {
      await put(called, members);
      toast(members.length ? `${called} has ${members.length === 1 ? 'one member' : `${members.length} members`}` : `${called} is no group any more`, () => void put(called, before).catch(() => toast(`${called} could not be put back`)));
      onDone();
    } catch (cause) { setFault(cause); }
  };
  return (
    <form className="space-y-4 p-5" aria-label={group ? `Change ${group.name}` : 'New group'} onSubmit={(e) => void submit(e)}>
      {!group && <Field label="Name" mono required autoFocus value={name} onChange={(e) => setName(e.target.value)} hint="As policies say it: on-call, dba." />}
      <fieldset><legend className="font-medium">Members</legend>
        <div className="mt-1 max-h-72 overflow-y-auto">{people.map((person) => <Tick key={person.id} on={members.includes(person.name)} onChange={(on) => setMembers(on ? [...members, person.name] : members.filter((one) => one !== person.name))}><bdi>{person.name}</bdi><span className="text-meta text-text3">{person.roles.join(', ')}</span></Tick>)}</div>
      </fieldset>
      {group && members.length === 0 && <p className="text-text2">Without members it is no group, and a policy that asks for it finds nobody.</p>}
      {fault !== undefined && <Refusal cause={fault} />}
      <div className="flex justify-end"><Button type="submit" look="solid" disabled={!group && members.length === 0}>Save</Button></div>
    </form>
  );
}

export default function Groups() {
  const groups = useQuery(q.groups());
  const users = useQuery(q.users());
  const [changing, setChanging] = useState<PeopleGroup | 'new'>();
  return (
    <Page title="Groups" intro="A policy can ask for approvals from a group, and tell it when nobody answers." actions={<Button look="solid" onClick={() => setChanging('new')}>New group</Button>}>
      <Section id="groups" title="All groups">
        <Loaded query={groups} what="the groups" rows={2}>{(page) => page.groups.length === 0
          ? <Empty title="There is no group yet">Groups are for people who decide together: who is on call, who looks after the databases.</Empty>
          : <Table caption="Groups" head={['Group', 'Members', '']} keys={page.groups.map((one) => one.name)} rows={page.groups.map((one) => [
            <code key="n" className="font-semibold">{one.name}</code>, <span key="m" className="flex flex-wrap gap-x-3">{one.members.map((name) => <Link key={name} to="/access/people/$id" params={{ id: name }} className="inline-flex min-h-6 items-center underline decoration-edge underline-offset-2"><bdi>{name}</bdi></Link>)}</span>,
            <Button key="x" size="s" aria-label={`Change ${one.name}`} onClick={() => setChanging(one)}>Change</Button>])} />}</Loaded>
      </Section>
      <Modal open={changing !== undefined} onOpenChange={(open) => { if (!open) setChanging(undefined); }} title={changing === 'new' ? 'New group' : changing ? `Members of ${changing.name}` : ''}>
        {changing && <Members group={changing === 'new' ? undefined : changing} people={users.data?.users ?? []} onDone={() => setChanging(undefined)} />}
      </Modal>
    </Page>
  );
}
