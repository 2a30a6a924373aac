// The outside providers that people sign in by: which there are, whether they answer, and a new one.
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useState } from 'react';
import { get, http } from '../api/client';
import { failureOf } from '../api/failure';
import { client } from '../api/queries';
import { Area, Button, Field } from '../kit/controls';
import { Modal, Section, Table } from '../kit/panes';
import { Loaded, Refusal } from '../kit/states';
import { toast } from '../kit/toasts';

const again = () => { void client.invalidateQueries({ queryKey: ['providers'] }); void client.invalidateQueries({ queryKey: ['auth'] }); };

/** Lines of `value = word`. */
const pairs = (text: string) => Object.fromEntries(text.split('\n').map((line) => line.split('=').map((part) => part.trim())).filter((parts): parts is [string, string] => parts.length === 2 && parts.every(Boolean)));

/** Lines of `value = grant`, a value as often as it gives grants; and the first line that is none. */
export function granted(text: string): { grants: Record<string, string[]>; wrong?: string } {
  const grants: Record<string, string[]> = {};
  for (const line of text.split('\n').map((one) => one.trim()).filter(Boolean)) {
    const [, value, grant] = /^([^=]+?)\s*=\s*((?:tenant|org|scope):[^=\s]+)$/.exec(line) ?? [];
    if (!value || !grant) return { grants, wrong: line };
    (grants[value] ??= []).push(grant);
  }
  return { grants };
}

function Adding({ onDone }: { onDone: () => void }) {
  const [id, setId] = useState('');
  const [said, setSaid] = useState({ name: '', issuer: '', client_id: '', client_secret: '' });
  const [roles, setRoles] = useState('');
  const [groups, setGroups] = useState('');
  const [grants, setGrants] = useState('');
  const [others, setOthers] = useState('');
  const [wrong, setWrong] = useState<string>();
  const [fault, setFault] = useState<unknown>();
  const set = (name: keyof typeof said) => (event: { target: { value: string } }) => setSaid({ ...said, [name]: event.target.value });
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setFault(undefined);
    const given = granted(grants);
    setWrong(given.wrong);
    if (given.wrong !== undefined) return;
    try {
      const body = { ...said, roles: pairs(roles), groups: pairs(groups), default_roles: [], grants: given.grants, default_grants: others.split(/[\s,]+/).filter(Boolean) };
      await get(http.PUT('/api/v1/auth/providers/{id}', { params: { path: { id } }, body }));
      const checked = await get(http.POST('/api/v1/auth/providers/{id}/check', { params: { path: { id } } }));
      toast(checked.good ? `People can sign in by ${said.name}` : `It is kept, but cannot be used: ${checked.fault ?? ''}`);
      again();
      onDone();
    } catch (cause) { setFault(cause); }
  };
  return (
    <form className="space-y-4 p-5" aria-label="Add a provider" onSubmit={(event) => void submit(event)}>
      <p>Register Legator there as a confidential web client that is sent back to <code className="break-all">{window.location.origin}/api/v1/auth/oidc/callback</code>, and, where it knows of back-channel logout, that it tells <code className="break-all">{window.location.origin}/api/v1/auth/oidc/{id || 'corp'}/backchannel-logout</code></p>
      <Field label="Word in addresses" mono required pattern="[a-z0-9][a-z0-9\-]*" maxLength={32} value={id} onChange={(e) => setId(e.target.value)} hint="Small letters, digits, dashes: corp." />
      <Field label="Name" required maxLength={64} value={said.name} onChange={set('name')} hint="What the button says." />
      <Field label="Issuer" mono type="url" required value={said.issuer} onChange={set('issuer')} hint="Exactly as the provider writes it." />
      <Field label="Client id" mono required value={said.client_id} onChange={set('client_id')} />
      <Field label="Client secret" type="password" autoComplete="off" value={said.client_secret} onChange={set('client_secret')} hint="Kept sealed, and never shown again." />
      <Area label="Roles" rows={3} value={roles} onChange={(e) => setRoles(e.target.value)} hint="One line for each group there: idp-ops = operator. Who is in none has no role." />
      <Area label="Groups" rows={2} value={groups} onChange={(e) => setGroups(e.target.value)} hint="The same for groups here; * = * takes all as they are." />
      <Area label="Tenants" rows={3} value={grants} onChange={(e) => setGrants(e.target.value)} hint="One line for each group there: idp-blue = tenant:blue, also org:… and scope:…. What a group gives no more is taken back at the next sign-in." />
      {wrong !== undefined && <p role="alert" className="text-bad">This line is not group = tenant:…, org:… or scope:…: <code className="break-all">{wrong}</code></p>}
      <Field label="Everybody else" mono value={others} onChange={(e) => setOthers(e.target.value)} hint="What somebody reaches whose groups give no tenant: tenant:guests, or tenant:- for nothing. Left empty, the default tenant." />
      {fault !== undefined && <Refusal cause={fault} />}
      <div className="flex justify-end"><Button type="submit" look="solid">Add it</Button></div>
    </form>
  );
}

export function Providers() {
  const providers = useQuery({ queryKey: ['providers'], queryFn: () => get(http.GET('/api/v1/auth/providers')) });
  const [adding, setAdding] = useState(false);
  const attempt = async (what: () => Promise<string>) => { try { toast(await what()); } catch (cause) { toast(failureOf(cause).said.detail); } again(); };
  const check = (id: string) => attempt(async () => {
    const checked = await get(http.POST('/api/v1/auth/providers/{id}/check', { params: { path: { id } } }));
    return checked.good ? 'It answers as it should' : `It cannot be used: ${checked.fault ?? ''}`;
  });
  const remove = (id: string) => attempt(async () => {
    await get(http.DELETE('/api/v1/auth/providers/{id}', { params: { path: { id } } }));
    return 'Nobody signs in by it any more';
  });
  return (
    <Section id="providers" title="Other ways in" aside={<Button size="s" onClick={() => setAdding(true)}>Add a provider</Button>}>
      <Loaded query={providers} what="the providers" rows={1}>
        {(page) => page.providers.length === 0 ? <p className="text-text2">People sign in with a password or a passkey.</p> : (
          <Table caption="Providers" head={['Provider', 'Issuer', 'Gives', '']} keys={page.providers.map((one) => one.id)}
            rows={page.providers.map((one): ReactNode[] => [one.name, <code key="i" className="break-all">{one.issuer}</code>, [...new Set([...Object.values(one.roles), ...one.default_roles, ...Object.values(one.grants).flat(), ...one.default_grants])].join(', ') || 'no role',
              <span key="x" className="flex gap-2"><Button size="s" aria-label={`Check ${one.name}`} onClick={() => void check(one.id)}>Check</Button>{one.fixed ? <span className="text-text3">from the options</span> : <Button size="s" look="bad" aria-label={`Remove ${one.name}`} onClick={() => void remove(one.id)}>Remove</Button>}</span>])} />)}
      </Loaded>
      <Modal open={adding} onOpenChange={setAdding} title="Add a provider">{adding && <Adding onDone={() => setAdding(false)} />}</Modal>
    </Section>
  );
}
