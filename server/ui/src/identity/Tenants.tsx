// Tenants: whose hosts, commands and entries something is. Made, named, put into an organization; never taken away.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { get, http, type Person, type Tenant } from '../api/client';
import { client, q } from '../api/queries';
import { looking, tenant as looked } from '../api/tenant';
import { Button, Field } from '../kit/controls';
import { Told } from '../kit/inert';
import { Modal, Page, Section, Table } from '../kit/panes';
import { Empty, Loaded, Refusal } from '../kit/states';
import { Time } from '../kit/time';
import { toast } from '../kit/toasts';
import { reaches } from './words';
import { useMay } from './session';

const again = () => { void client.invalidateQueries({ queryKey: ['tenants'] }); void client.invalidateQueries({ queryKey: ['users'] }); };

function Shape({ of, onDone }: { of?: Tenant | undefined; onDone: () => void }) {
  const [name, setName] = useState('');
  const [title, setTitle] = useState(of?.title ?? '');
  const [org, setOrg] = useState(of?.org ?? '');
  const [fault, setFault] = useState<unknown>();
  const change = (at: string, to: { title: string; org: string }) => get(http.PATCH('/api/v1/tenants/{name}', { params: { path: { name: at } }, body: to })).finally(again);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setFault(undefined);
    try {
      if (of) {
        await change(of.name, { title: title.trim(), org: org.trim() });
        toast(`${of.name} is changed`, () => void change(of.name, { title: of.title ?? '', org: of.org ?? '' }).catch(() => toast('It could not be put back')));
      } else {
        await get(http.POST('/api/v1/tenants', { body: { name: name.trim(), ...(title.trim() ? { title: title.trim() } : {}), ...(org.trim() ? { org: org.trim() } : {}) } }));
        toast(`The tenant ${name.trim()} is there`);
      }
      again();
      onDone();
    } catch (cause) { setFault(cause); }
  };
  return (
    <form className="space-y-4 p-5" aria-label={of ? `Change ${of.name}` : 'Make a tenant'} onSubmit={(e) => void submit(e)}>
      {!of && <Field label="Name" mono required autoFocus pattern="[a-z0-9]([a-z0-9\-]*[a-z0-9])?" maxLength={40} value={name} onChange={(e) => setName(e.target.value)} hint="Small letters, digits and dashes. It stays for good: the log speaks of it." />}
      <Field label="What people call it" value={title} onChange={(e) => setTitle(e.target.value)} />
      <Field label="Organization" mono value={org} onChange={(e) => setOrg(e.target.value)} hint="Who was granted the organization reaches it from then on." />
      {fault !== undefined && <Refusal cause={fault} />}
      <div className="flex justify-end"><Button type="submit" look="solid">{of ? 'Save' : 'Make it'}</Button></div>
    </form>
  );
}

function Who({ of, people }: { of: Tenant; people: readonly Person[] }) {
  const there = people.filter((person) => reaches(person.grants ?? [], of));
  if (there.length === 0) return <>nobody</>;
  return <span className="flex flex-wrap gap-x-3">{there.slice(0, 8).map((person) => <Link key={person.id} to="/access/people/$id" params={{ id: person.name }} className="inline-flex min-h-6 items-center underline decoration-edge underline-offset-2"><bdi>{person.name}</bdi></Link>)}{there.length > 8 && `and ${there.length - 8} more`}</span>;
}

export default function Tenants() {
  const may = useMay();
  const tenants = useQuery(q.tenants());
  const users = useQuery(q.users());
  const [open, setOpen] = useState<Tenant | 'new'>();
  const alone = (tenants.data?.tenants.length ?? 0) < 2;
  return (
    <Page title="Tenants" intro="A tenant is whose something is: hosts, tokens, commands, requests and entries of the log. What is not within reach does not exist." actions={may('manageTenants') && <Button look="solid" onClick={() => setOpen('new')}>Make a tenant</Button>}>
      <Section id="tenants" title="Those that you reach">
        <Loaded query={tenants} what="the tenants" rows={2}>{(page) => page.tenants.length === 0 ? <Empty title="You reach no tenant">Somebody who makes tenants can grant you one.</Empty> : (
          <>
            <Table caption="Tenants" head={['Tenant', 'Called', 'Organization', 'Since', ...(users.data ? ['Who reaches it'] : []), '']} keys={page.tenants.map((one) => one.name)} rows={page.tenants.map((one) => [
              <code key="n" className="font-semibold">{one.name}</code>, one.title ? <Told key="t">{one.title}</Told> : '—', one.org ? <code key="o">{one.org}</code> : '—', new Date(one.created_at).getTime() > 0 ? <Time key="s" at={one.created_at} /> : 'from the first start',
              ...(users.data ? [<Who key="w" of={one} people={users.data.users} />] : []),
              <span key="x" className="flex flex-wrap items-center gap-2">{!alone && one.name !== looked && <a href={looking(one.name, '/overview')} aria-label={`Look at ${one.name} alone`} className="inline-flex min-h-6 items-center underline decoration-edge underline-offset-2">Look at it alone</a>}{may('manageTenants') && <Button size="s" aria-label={`Change ${one.name}`} onClick={() => setOpen(one)}>Change</Button>}</span>])} />
            {alone && <p className="mt-4 max-w-prose text-text2">With one tenant alone nobody is bound to anything. With the next one that is made, whoever has no grants keeps <code>default</code> alone; give <code>org:house</code> to who replays decisions or exports the log.</p>}
          </>
        )}</Loaded>
      </Section>
      <Modal open={open !== undefined} onOpenChange={(next) => { if (!next) setOpen(undefined); }} title={open === 'new' ? 'Make a tenant' : open ? `Change ${open.name}` : ''}>{open && <Shape of={open === 'new' ? undefined : open} onDone={() => setOpen(undefined)} />}</Modal>
    </Page>
  );
}
