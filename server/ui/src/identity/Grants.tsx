// What somebody was granted of tenants, organizations and scopes, in words; given and taken one by one, with a way back.
import { useQuery } from '@tanstack/react-query';
import { X } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { get, http, type Person } from '../api/client';
import { client, q } from '../api/queries';
import { Select } from '../kit/choices';
import { Button, Field } from '../kit/controls';
import { Told } from '../kit/inert';
import { Loaded, Refusal } from '../kit/states';
import { toast } from '../kit/toasts';
import { grantInWords, type GrantKind, reachInWords } from './words';

const KINDS = [['tenant', 'a tenant'], ['org', 'an organization'], ['scope', 'hosts with a tag']] as const;

export function Grants({ person }: { person: Pick<Person, 'id' | 'name'> }) {
  const reach = useQuery(q.reach(person.id));
  const tenants = useQuery(q.tenants());
  const [kind, setKind] = useState<GrantKind>('tenant');
  const [of, setOf] = useState('');
  const [fault, setFault] = useState<unknown>();
  const known = tenants.data?.tenants ?? [];
  const orgs = [...new Set(known.flatMap((one) => one.org ?? []))];
  const choices: (readonly [string, string])[] = kind === 'tenant' ? known.map((one) => [one.name, one.title ? `${one.name} — ${one.title}` : one.name] as const) : [['house', 'house — every tenant'] as const, ...orgs.map((org) => [org, org] as const)];
  const put = async (grants: string[], said: string, back: string[]) => {
    setFault(undefined);
    try {
      const after = await get(http.PUT('/api/v1/users/{id}/grants', { params: { path: { id: person.id } }, body: { grants } }));
      client.setQueryData(q.reach(person.id).queryKey, after);
      toast(said, () => void put(back, `${person.name} has what they had before`, grants));
      setOf('');
    } catch (cause) { setFault(cause); }
    void client.invalidateQueries({ queryKey: ['users'] });
    void client.invalidateQueries({ queryKey: ['me'] });
    void client.invalidateQueries({ queryKey: ['tenants'] });
  };
  return (
    <Loaded query={reach} what="what they were granted" rows={1}>
      {(found) => {
        const value = of || (kind === 'scope' ? '' : choices[0]?.[0] ?? '');
        const give = (event: FormEvent) => {
          event.preventDefault();
          const grant = `${kind}:${value.trim()}`;
          if (value.trim() && !found.grants.includes(grant)) void put([...found.grants, grant], `${person.name} reaches ${grantInWords(grant)}`, found.grants);
        };
        return (
          <>
            <p className="mb-3" data-reach><span className="text-text3">Reaches: </span><Told>{reachInWords(found.grants, found.tenants)}</Told>.</p>
            {found.grants.length === 0 ? <p className="text-text2">Nothing was granted, so {person.name} is of the tenant <code>default</code>{known.length < 2 && ', which is all that there is'}.</p> : (
              <ul className="max-w-2xl divide-y divide-line border-y hair">{found.grants.map((grant) => (
                <li key={grant} className="flex items-center gap-3 py-1.5"><code className="shrink-0">{grant}</code><span className="min-w-0 grow text-text2">{grantInWords(grant)}</span>
                  <Button look="ghost" size="s" aria-label={`Take ${grant} away`} className="max-md:size-11" onClick={() => void put(found.grants.filter((one) => one !== grant), `${person.name} has ${grant} no more`, found.grants)}><X className="size-4" aria-hidden /></Button></li>
              ))}</ul>
            )}
            <form aria-label={`Grant ${person.name} something`} onSubmit={give} className="mt-3 flex max-w-2xl flex-wrap items-end gap-3">
              <Select label="Grant" className="basis-40 max-md:grow" value={kind} onChange={(e) => { setKind(e.target.value as GrantKind); setOf(''); }} options={KINDS} />
              {kind === 'scope' ? <Field label="Tag" mono className="grow basis-48" value={of} onChange={(e) => setOf(e.target.value)} required /> : <Select label={kind === 'tenant' ? 'Tenant' : 'Organization'} className="grow basis-48" value={value} onChange={(e) => setOf(e.target.value)} options={choices} />}
              <Button type="submit" className="h-9!">Give it</Button>
            </form>
            {fault !== undefined && <div className="mt-3 max-w-2xl"><Refusal cause={fault} /></div>}
          </>
        );
      }}
    </Loaded>
  );
}
