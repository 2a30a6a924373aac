// My passkeys, and who I am at the providers that people sign in by.
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useState } from 'react';
import { ask } from '../api/client';
import { failureOf } from '../api/failure';
import { client, q } from '../api/queries';
import { Button, buttonClass, Field } from '../kit/controls';
import { Modal, Table } from '../kit/panes';
import { Loaded, Refusal } from '../kit/states';
import { Time } from '../kit/time';
import { toast } from '../kit/toasts';
import { Codes } from './Codes';
import { hasPasskeys, make, wavedAway } from './passkey';
import { ForVotes, VoteKeys } from './VoteKeys';

type Passkey = { id: string; name: string; public_key: string; created_at: string; last_used_at?: string };
type Connection = { issuer: string; subject: string; roles: string[]; groups: string[]; grants: string[]; connected_at: string; last_used_at?: string };
type Offer = { id: string; name: string };

const again = () => { for (const key of ['passkeys', 'totp', 'me', 'sessions', 'vote-keys']) void client.invalidateQueries({ queryKey: [key] }); };

function Adding({ onDone }: { onDone: () => void }) {
  const [name, setName] = useState('');
  const [codes, setCodes] = useState<string[]>();
  const [fault, setFault] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setFault(undefined);
    setBusy(true);
    try {
      const added = await make(name.trim());
      if (added.recovery_codes.length > 0) setCodes(added.recovery_codes); else onDone();
    } catch (cause) { if (!wavedAway(cause)) setFault(cause); } finally { setBusy(false); }
  };
  if (codes) return <Codes codes={codes} onDone={onDone} />;
  return (
    <form className="space-y-4 p-5" aria-label="Add a passkey" onSubmit={(event) => void submit(event)}>
      <p>A passkey stays on this device, or on a security key. You sign in with a finger, your face or a PIN.</p>
      <Field label="What to call it" required maxLength={64} pattern="[A-Za-z0-9 _.@+\-]+" value={name} onChange={(e) => setName(e.target.value)} hint="Letters without accents, digits, spaces: this laptop." />
      {fault !== undefined && <Refusal cause={fault} />}
      <div className="flex justify-end"><Button type="submit" look="solid" disabled={busy}>Make it</Button></div>
    </form>
  );
}

export function Passkeys() {
  const passkeys = useQuery({ queryKey: ['passkeys'], queryFn: () => ask<{ passkeys: Passkey[] }>('GET', '/api/v1/auth/passkeys') });
  const [open, setOpen] = useState(false);
  const me = useQuery(q.me());
  // Who has no votes has no keys for them.
  const votes = me.data?.permissions.includes('enrollVoteKey') ?? false;
  const done = () => { setOpen(false); again(); };
  const remove = async (one: Passkey) => {
    try { await ask('DELETE', `/api/v1/auth/passkeys/${encodeURIComponent(one.id)}`); toast(`The passkey ${one.name} is taken away`); } catch (cause) { toast(failureOf(cause).said.detail); }
    again();
  };
  return (
    <Loaded query={passkeys} what="your passkeys" rows={1}>
      {(page) => (
        <>
          {page.passkeys.length > 0 && <Table caption="Passkeys" head={['Name', 'Since', 'Last used', ...(votes ? ['Votes'] : []), '']} keys={page.passkeys.map((one) => one.id)}
            rows={page.passkeys.map((one): ReactNode[] => [one.name, <Time key="c" at={one.created_at} />, one.last_used_at ? <Time key="l" at={one.last_used_at} /> : 'never', ...(votes && me.data ? [<ForVotes key="v" passkey={one} person={me.data.id} />] : []), <Button key="x" size="s" look="bad" aria-label={`Take ${one.name} away`} onClick={() => void remove(one)}>Take it away</Button>])} />}
          {hasPasskeys() ? <Button className="mt-3" onClick={() => setOpen(true)}>Add a passkey</Button> : <p className="text-text2">This browser makes no passkeys here. They need HTTPS, or localhost.</p>}
          {votes && me.data && <VoteKeys person={me.data.id} />}
          <Modal open={open} onOpenChange={(next) => { if (!next) done(); }} title="Passkey">{open && <Adding onDone={done} />}</Modal>
        </>
      )}
    </Loaded>
  );
}

export function Connections({ offers }: { offers: Offer[] }) {
  const connections = useQuery({ queryKey: ['connections'], queryFn: () => ask<{ connections: Connection[] }>('GET', '/api/v1/auth/connections') });
  const cut = async (one: Connection) => {
    try { await ask('DELETE', `/api/v1/auth/connections?issuer=${encodeURIComponent(one.issuer)}&subject=${encodeURIComponent(one.subject)}`); toast('You are not connected there any more'); } catch (cause) { toast(failureOf(cause).said.detail); }
    void client.invalidateQueries({ queryKey: ['connections'] });
  };
  return (
    <Loaded query={connections} what="your connections" rows={1}>
      {(page) => (
        <>
          {page.connections.length > 0 && <Table caption="Connections" head={['Provider', 'You there', 'Gives', 'Last used', '']} keys={page.connections.map((one) => `${one.issuer} ${one.subject}`)}
            rows={page.connections.map((one): ReactNode[] => [<code key="i" className="break-all">{one.issuer}</code>, <code key="s" className="break-all">{one.subject}</code>, [...one.roles, ...one.groups, ...one.grants].join(', ') || 'nothing', one.last_used_at ? <Time key="l" at={one.last_used_at} /> : 'never', <Button key="x" size="s" look="bad" onClick={() => void cut(one)}>Disconnect</Button>])} />}
          <div className="mt-3 flex flex-wrap gap-2">
            {offers.map((offer) => <a key={offer.id} className={buttonClass()} href={`/api/v1/auth/oidc/${encodeURIComponent(offer.id)}/start?connect=true&next=/account`}>Connect with {offer.name}</a>)}
          </div>
        </>
      )}
    </Loaded>
  );
}
