// The keys that votes are signed with: my own, which I can end, and everybody's, which anybody can check a vote by.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { get, http, type VoteKey } from '../api/client';
import { client, q } from '../api/queries';
import { Button, CopyButton } from '../kit/controls';
import { Told } from '../kit/inert';
import { Modal, Table } from '../kit/panes';
import { Loaded, Refusal } from '../kit/states';
import { Time } from '../kit/time';
import { toast } from '../kit/toasts';
import { useMay } from './session';

function Ending({ of, onDone }: { of: VoteKey; onDone: () => void }) {
  const [fault, setFault] = useState<unknown>();
  const send = async () => {
    setFault(undefined);
    try {
      await get(http.DELETE('/api/v1/approvals/keys/{id}', { params: { path: { id: of.id } } }));
      toast(`The key ${of.name} signs nothing any more`);
      void client.invalidateQueries({ queryKey: ['approvals', 'keys'] });
      onDone();
    } catch (cause) { setFault(cause); }
  };
  return (
    <div className="space-y-4 p-5"><p>What it signed stays signed. Where policy wants a signed vote, you vote again when another key of yours is enrolled.</p>{fault !== undefined && <Refusal cause={fault} />}
      <div className="flex justify-end gap-2"><Button look="ghost" onClick={onDone}>Keep it</Button><Button look="bad" onClick={() => void send()}>End the key</Button></div></div>
  );
}

export function VoteKeys({ mine }: { mine: boolean }) {
  const may = useMay();
  const me = useQuery(q.me());
  const users = useQuery({ ...q.users(), enabled: !mine && may('manageUsers'), retry: false });
  const keys = useQuery({ ...q.voteKeys(mine), retry: false });
  const [ending, setEnding] = useState<VoteKey>();
  const who = new Map((users.data?.users ?? []).map((person) => [person.id, person.name]));
  return (
    <Loaded query={keys} what="the keys for votes" rows={1}>
      {(page) => page.keys.length === 0 ? <p className="text-text2">{mine ? 'Your votes are not signed.' : 'Nobody signs votes.'} {(!mine || may('enrollVoteKey')) && <>A key is enrolled where its secret stays: <code>legatorctl approvals key enroll</code></>}</p> : (
        <>
          <Table caption={mine ? 'My keys for votes' : 'Keys for votes'} head={['Key', ...(mine ? [] : ['Whose']), 'Kind', 'Public part', 'Since', '']} keys={page.keys.map((key) => key.id)}
            rows={page.keys.map((key) => [
              <Told key="n">{key.name}</Told>, ...(mine ? [] : [<bdi key="w">{who.get(key.person) ?? (key.person === me.data?.id ? me.data.name : key.person)}</bdi>]), key.algorithm,
              <span key="p" className="inline-flex items-center"><code title={key.public_key}>{key.public_key.slice(0, 12)}…</code><CopyButton text={key.public_key} what={`public part of ${key.name}`} /></span>, <Time key="t" at={key.created_at} />,
              key.person === me.data?.id && may('enrollVoteKey') ? <Button key="x" size="s" look="bad" aria-label={`End the key ${key.name}`} onClick={() => setEnding(key)}>End it</Button> : ''])} />
          <Modal open={ending !== undefined} onOpenChange={(open) => { if (!open) setEnding(undefined); }} title={ending ? `End ${ending.name}` : ''}>{ending && <Ending of={ending} onDone={() => setEnding(undefined)} />}</Modal>
        </>
      )}
    </Loaded>
  );
}
