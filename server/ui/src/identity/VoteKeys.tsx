// Keys that votes are signed with: which passkeys of mine sign them, the keys of my machines, and those that wait to be vouched for.
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { ask } from '../api/client';
import { failureOf } from '../api/failure';
import { client } from '../api/queries';
import { enrollmentOf, myKeys, signing, stopOf, type VoteKey } from '../approvals/signing';
import { Button } from '../kit/controls';
import { State } from '../kit/glyph';
import { Modal, Table } from '../kit/panes';
import { Refusal } from '../kit/states';
import { Time } from '../kit/time';
import { toast } from '../kit/toasts';
import { hasPasskeys, sign } from './passkey';

type Passkey = { id: string; name: string; public_key: string };

const again = () => { for (const key of ['vote-keys', 'passkeys', 'approvals']) void client.invalidateQueries({ queryKey: [key] }); };

async function vouch(key: VoteKey, by: VoteKey[]): Promise<void> {
  const passkey = await sign(enrollmentOf(key.person, key.public_key), by.flatMap((one) => one.passkey ?? []));
  await ask('POST', `/api/v1/approvals/keys/${encodeURIComponent(key.id)}/vouch`, { passkey });
}

/** Says of a passkey that it signs votes; a further one has the first asked as well. */
function Taking({ passkey, person, signs, onDone }: { passkey: Passkey; person: string; signs: VoteKey[]; onDone: () => void }) {
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();
  const [waved, setWaved] = useState(false);
  const take = async () => {
    setBusy(true);
    setFault(undefined);
    setWaved(false);
    try {
      const proof = await sign(enrollmentOf(person, passkey.public_key), [passkey.id]);
      const key = await ask<VoteKey>('POST', '/api/v1/approvals/keys/passkeys', { passkey: proof });
      if (key.waits && signs.length > 0) await vouch(key, signs);
      onDone();
    } catch (cause) {
      if (stopOf(cause)) setWaved(true); else setFault(cause);
    } finally { setBusy(false); again(); }
  };
  return (
    <div className="space-y-4 p-5">
      <p>From then on your votes in this browser are signed with it, and anybody who has the log can check them without this server.</p>
      <p>Where policy asks people who have such a key to sign, you vote only where this passkey is at hand, or with <code>legatorctl</code> and a key of a machine. Signing in needs none of this.</p>
      {signs.length > 0 && <p>You are asked twice: for this passkey, and then for {signs.map((key) => key.name).join(' or ')}, which vouches for it.</p>}
      {waved && <p role="alert"><State tone="warn">Nothing was signed</State> <span className="text-text2">The passkey was not used, or is not on this device. Nothing has changed but what is shown.</span></p>}
      {fault !== undefined && <Refusal cause={fault} />}
      <div className="flex justify-end"><Button look="solid" disabled={busy} onClick={() => void take()}>Let it sign my votes</Button></div>
    </div>
  );
}

/** Whether one passkey signs votes, in its row. */
export function ForVotes({ passkey, person }: { passkey: Passkey; person: string }) {
  const keys = useQuery(myKeys());
  const [open, setOpen] = useState(false);
  const mine = keys.data?.keys.find((key) => key.passkey === passkey.id);
  if (!keys.data) return null;
  if (mine) return mine.waits ? <State tone="warn">waits</State> : <State tone="ok">signs votes</State>;
  if (!hasPasskeys()) return <>no</>;
  return (
    <>
      <Button size="s" aria-label={`Let ${passkey.name} sign my votes`} onClick={() => setOpen(true)}>Sign votes with it</Button>
      <Modal open={open} onOpenChange={setOpen} title={`Votes signed by ${passkey.name}`}>{open && <Taking passkey={passkey} person={person} signs={signing(keys.data.keys)} onDone={() => { setOpen(false); toast(`${passkey.name} signs your votes`); }} />}</Modal>
    </>
  );
}

/** All keys for votes of mine. */
export function VoteKeys({ person }: { person: string }) {
  const keys = useQuery(myKeys());
  const mine = (keys.data?.keys ?? []).filter((key) => key.person === person);
  if (mine.length === 0) return null;
  const by = signing(mine);
  const attempt = async (what: () => Promise<unknown>, said: string) => {
    try { await what(); toast(said); } catch (cause) { toast(stopOf(cause) ? 'Nothing was signed' : failureOf(cause).said.detail); }
    again();
  };
  return (
    <div className="mt-5">
      <h3 className="mb-2 font-medium">Keys that sign my votes</h3>
      <Table caption="Keys for votes" head={['Name', 'Kind', 'Since', 'State', '']} keys={mine.map((key) => key.id)}
        rows={mine.map((key): ReactNode[] => [
          key.name, key.passkey ? 'passkey' : 'key of a machine', <Time key="c" at={key.created_at} />,
          key.waits ? <span key="s"><State tone="warn">waits for one of the others</State>{by.length === 0 && <span className="block text-meta text-text2">Where your key is: <code>legatorctl approvals key vouch {key.id}</code></span>}</span> : <State key="s" tone="ok">counts</State>,
          <span key="x" className="flex flex-wrap gap-2">
            {key.waits && by.length > 0 && hasPasskeys() && <Button size="s" aria-label={`Vouch for ${key.name}`} onClick={() => void attempt(() => vouch(key, by), `${key.name} signs your votes`)}>Vouch for it</Button>}
            <Button size="s" look="bad" aria-label={`End ${key.name} for votes`} onClick={() => void attempt(() => ask('DELETE', `/api/v1/approvals/keys/${encodeURIComponent(key.id)}`), `${key.name} signs no votes any more`)}>End it</Button>
          </span>,
        ])} />
      <p className="mt-1 text-meta text-text2">A key that was ended is not taken up again; make another passkey.</p>
    </div>
  );
}
