// Everybody's keys for votes: what checks a vote is public.
import { useQuery } from '@tanstack/react-query';
import { q } from '../api/queries';
import { CopyButton } from '../kit/controls';
import { State } from '../kit/glyph';
import { Told } from '../kit/inert';
import { Table } from '../kit/panes';
import { Loaded } from '../kit/states';
import { Time } from '../kit/time';
import { useMay } from './session';

export function AllVoteKeys() {
  const may = useMay();
  const users = useQuery({ ...q.users(), enabled: may('manageUsers'), retry: false });
  const keys = useQuery({ ...q.voteKeys(false), retry: false });
  const who = new Map((users.data?.users ?? []).map((person) => [person.id, person.name]));
  return (
    <Loaded query={keys} what="the keys for votes" rows={1}>
      {(page) => page.keys.length === 0 ? <p className="text-text2">Nobody signs votes. A passkey signs them where its person says so in their account; a key of a machine is enrolled there: <code>legatorctl approvals key enroll</code></p> : (
        <Table caption="Keys for votes" head={['Key', 'Whose', 'Kind', 'Public part', 'Since', 'State']} keys={page.keys.map((key) => key.id)}
          rows={page.keys.map((key) => [
            <Told key="n">{key.name}</Told>, <bdi key="w">{who.get(key.person) ?? key.person}</bdi>, key.passkey ? 'passkey' : 'key of a machine',
            <span key="p" className="inline-flex items-center"><code title={key.public_key}>{key.public_key.slice(0, 12)}…</code><CopyButton text={key.public_key} what={`public part of ${key.name}`} /></span>, <Time key="t" at={key.created_at} />,
            key.waits ? <State key="s" tone="warn">waits</State> : <State key="s" tone="ok">counts</State>])} />
      )}
    </Loaded>
  );
}
