// What is mine: who I am here, my password, my second factor, and where I am signed in.
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useState } from 'react';
import { get, http } from '../api/client';
import { failureOf } from '../api/failure';
import { client, q } from '../api/queries';
import { Button, CopyButton, Field } from '../kit/controls';
import { State } from '../kit/glyph';
import { Facts, Modal, Page, Section, Table } from '../kit/panes';
import { Loaded, Refusal } from '../kit/states';
import { Time } from '../kit/time';
import { toast } from '../kit/toasts';
import { signOut } from '../shell/bar';
import { Codes } from './Codes';
import { Connections, Passkeys } from './Passkeys';
import { Qr } from './Qr';
import { MayDo } from './forms';
import { useMay } from './session';
import { reachInWords } from './words';

function Password() {
  const [old, setOld] = useState('');
  const [fresh, setFresh] = useState('');
  const [fault, setFault] = useState<unknown>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setFault(undefined);
    try {
      await get(http.POST('/api/v1/auth/password', { body: { old, new: fresh } }));
      setOld('');
      setFresh('');
      toast('Your password is changed; your other sessions have ended');
      void client.invalidateQueries({ queryKey: ['sessions'] });
    } catch (cause) { setFault(cause); }
  };
  return (
    <form onSubmit={(e) => void submit(e)} className="grid max-w-2xl items-start gap-4 md:grid-cols-2" aria-label="Change your password">
      <Field label="Password now" type="password" autoComplete="current-password" required value={old} onChange={(e) => setOld(e.target.value)} />
      <Field label="New password" type="password" autoComplete="new-password" required minLength={12} value={fresh} onChange={(e) => setFresh(e.target.value)} hint="At least 12 characters." />
      {fault !== undefined && <div className="md:col-span-2"><Refusal cause={fault} /></div>}
      <div className="md:col-span-2"><Button type="submit">Change it</Button></div>
    </form>
  );
}

type Begun = { secret: string; uri: string };

function Enrolling({ onDone }: { onDone: () => void }) {
  const [begun, setBegun] = useState<Begun>();
  const [code, setCode] = useState('');
  const [codes, setCodes] = useState<string[]>();
  const [fault, setFault] = useState<unknown>();
  const attempt = async (what: () => Promise<void>) => { setFault(undefined); try { await what(); } catch (cause) { setFault(cause); } };
  if (codes) return <Codes codes={codes} onDone={onDone} />;
  if (!begun) {
    return (
      <div className="space-y-4 p-5"><p>Take your phone and an authenticator app.</p>{fault !== undefined && <Refusal cause={fault} />}
        <div className="flex justify-end"><Button look="solid" onClick={() => void attempt(async () => setBegun(await get(http.POST('/api/v1/auth/totp'))))}>Show the secret</Button></div></div>
    );
  }
  return (
    <form className="space-y-4 p-5" aria-label="Confirm the second factor" onSubmit={(e) => { e.preventDefault(); void attempt(async () => setCodes((await get(http.POST('/api/v1/auth/totp/confirm', { body: { code: code.replace(/\s/g, '') } }))).recovery_codes)); }}>
      <p>Let the app's camera see this picture, or on a phone <a href={begun.uri} className="underline">open it there</a>.</p>
      <Qr text={begun.uri} label="The secret as a picture, for an authenticator app" />
      <p>The app can also be given the secret by hand:</p>
      <p className="flex items-center rounded-m border hair bg-bg px-3 py-2"><code className="min-w-0 grow break-all">{begun.secret.replace(/(.{4})/g, '$1 ').trim()}</code><CopyButton text={begun.secret} what="secret" /></p>
      <Field label="Six digits from the app" mono inputMode="numeric" autoComplete="one-time-code" required value={code} onChange={(e) => setCode(e.target.value)} />
      {fault !== undefined && <Refusal cause={fault} />}
      <div className="flex justify-end"><Button type="submit" look="solid">Take it into use</Button></div>
    </form>
  );
}

function SecondFactor() {
  const totp = useQuery(q.totp());
  const [open, setOpen] = useState(false);
  const [codes, setCodes] = useState<string[]>();
  const done = () => { setOpen(false); setCodes(undefined); void client.invalidateQueries({ queryKey: ['totp'] }); void client.invalidateQueries({ queryKey: ['me'] }); };
  const attempt = async (what: () => Promise<unknown>) => { try { await what(); } catch (cause) { toast(failureOf(cause).said.detail); } };
  return (
    <Loaded query={totp} what="your second factor" rows={1}>
      {(state) => (
        <>
          <div className="flex flex-wrap items-center gap-3">
            {state.app ? <State tone="ok">A code from your phone is asked for</State> : state.second_factor ? <State tone="ok">A passkey is asked for</State> : <State tone="warn">Only your password is asked for</State>}
            {state.second_factor && <span className="text-text2">{state.recovery_codes_left} recovery codes left</span>}
            {state.second_factor && <Button size="s" onClick={() => void attempt(async () => setCodes((await get(http.POST('/api/v1/auth/recovery-codes'))).recovery_codes))}>New recovery codes</Button>}
            {state.app
              ? <Button size="s" look="bad" onClick={() => void attempt(async () => { await get(http.DELETE('/api/v1/auth/totp')); done(); })}>Take it away</Button>
              : <Button size="s" look={state.second_factor ? 'plain' : 'solid'} onClick={() => setOpen(true)}>Add a second factor</Button>}
          </div>
          <Modal open={open || Boolean(codes)} onOpenChange={(next) => { if (!next) done(); }} title="Second factor">{codes ? <Codes codes={codes} onDone={done} /> : open && <Enrolling onDone={done} />}</Modal>
        </>
      )}
    </Loaded>
  );
}

function Sessions() {
  const sessions = useQuery(q.sessions());
  const end = async (what: () => Promise<unknown>, said: string) => {
    try { await what(); toast(said); } catch (cause) { toast(failureOf(cause).said.detail); }
    void client.invalidateQueries({ queryKey: ['sessions'] });
  };
  return (
    <Loaded query={sessions} what="your sessions" rows={2}>
      {(page) => (
        <>
          <Table caption="Sessions" head={['Browser', 'From', 'Second factor', 'Since', 'Last used', 'Ends', '']} keys={page.sessions.map((one) => one.id)}
            rows={page.sessions.map((one): ReactNode[] => [<span key="a" className="block max-w-56 truncate" title={one.agent}>{one.agent || 'unknown'}</span>, <code key="f">{one.address}</code>, one.mfa ? 'yes' : 'no', <Time key="c" at={one.created_at} />, <Time key="l" at={one.last_seen_at} />, <Time key="e" at={one.expires_at} />,
              one.current ? 'this one' : <Button key="x" size="s" look="bad" onClick={() => void end(() => get(http.DELETE('/api/v1/auth/sessions/{id}', { params: { path: { id: one.id } } })), 'That session is signed out')}>Sign it out</Button>])} />
          {page.sessions.length > 1 && <Button className="mt-3" onClick={() => void end(() => get(http.DELETE('/api/v1/auth/sessions')), 'All other sessions are signed out')}>Sign all others out</Button>}
        </>
      )}
    </Loaded>
  );
}

export default function Account() {
  const me = useQuery(q.me());
  const may = useMay();
  const offers = useQuery(q.auth()).data?.providers ?? [];
  const tenants = (useQuery({ ...q.tenants(), enabled: may('viewFleet') }).data?.tenants ?? []).map((one) => one.name);
  return (
    <Page title="Account" actions={<Button onClick={() => void signOut()}>Sign out</Button>}>
      <Section id="me" title="You">
        <Loaded query={me} what="your account" rows={2}>{(found) => <Facts rows={[['Name', found.name], ['Roles', found.roles.join(', ') || 'none'], ['Groups', found.groups.join(', ') || 'none'], ...((found.grants?.length ?? 0) > 0 ? [['Granted', reachInWords(found.grants ?? [], tenants)] as [string, ReactNode]] : [])]} />}</Loaded>
      </Section>
      {me.data && <Section id="may" title="What you may do" aside="At least somewhere"><MayDo actions={me.data.permissions} /></Section>}
      <Section id="second" title="Second factor"><SecondFactor /></Section>
      <Section id="passkeys" title="Passkeys"><Passkeys /></Section>
      {offers.length > 0 && <Section id="connections" title="Other ways in"><Connections offers={offers} /></Section>}
      <Section id="password" title="Password"><Password /></Section>
      <Section id="sessions" title="Where you are signed in"><Sessions /></Section>
    </Page>
  );
}
