// The key that a host's probe and the server share: how it stands, and the turn to the next.
import { useQuery } from '@tanstack/react-query';
import { get, http, type Probe, type ProbeKey } from '../api/client';
import { client, q } from '../api/queries';
import { useMay } from '../identity/session';
import { useAsking } from '../kit/asking';
import { Button } from '../kit/controls';
import { State } from '../kit/glyph';
import { Told } from '../kit/inert';
import { Refusal } from '../kit/states';
import { Time } from '../kit/time';
import { toast } from '../kit/toasts';

/** What a turn waits for; a state that this page does not know is none that is settled. */
const WAITS: Record<string, string> = { asked: 'the probe has to take its part', kept: 'the probe has to prove the new one' };

export function KeyState({ of }: { of: ProbeKey }) {
  if (of.state === 'settled') return of.turned_at ? <State tone="ok">turned <Time at={of.turned_at} /></State> : <State tone="mute">the one of the enrollment</State>;
  return (
    <span><State tone="act">being turned{of.asked_at && <>, asked <Time at={of.asked_at} /></>}{of.asked_by && <> by <bdi>{of.asked_by}</bdi></>}</State>
      <span className="block text-meta text-text2">Until it is done the old key is good: <Told>{of.why ?? WAITS[of.state] ?? of.state}</Told></span></span>
  );
}

export function ProbeKeyFact({ probe }: { probe: Probe }) {
  const may = useMay();
  const key = useQuery({ ...q.probeKey(probe.id), retry: false });
  const { busy, fault, ask } = useAsking();
  const turn = () => ask(async () => {
    client.setQueryData(q.probeKey(probe.id).queryKey, await get(http.POST('/api/v1/probes/{id}/rotate-key', { params: { path: { id: probe.id } } })));
    toast(`${probe.name} is given another key`);
  });
  if (!key.data) return <span className="text-text3">{key.isError ? 'not known' : '…'}</span>;
  return (
    <span className="block space-y-2"><span className="flex flex-wrap items-center gap-x-3 gap-y-1"><KeyState of={key.data} />
      {may('manageProbe') && key.data.state === 'settled' && <Button look="ghost" size="s" disabled={busy} aria-label={`Turn the key of ${probe.name}`} onClick={() => void turn()}>Turn it</Button>}</span>
      {fault !== undefined && <Refusal cause={fault} />}</span>
  );
}
