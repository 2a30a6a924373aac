// The keys of the house that are turned from here: those that hosts share with the server, and the one that seals secrets.
// Never: means all hosts where a tag was forgotten.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { get, http } from '../api/client';
import { client, q } from '../api/queries';
import { KeyState } from '../fleet/ProbeKey';
import { useMay } from '../identity/session';
import { useAsking } from '../kit/asking';
import { Choice } from '../kit/choices';
import { Button, Field } from '../kit/controls';
import { State } from '../kit/glyph';
import { Modal, Section, Table } from '../kit/panes';
import { Loaded, Refusal } from '../kit/states';
import { toast } from '../kit/toasts';

const SHOWN = 50;
const n = (count: number) => count.toLocaleString('en');

function TurnSeveral({ onDone }: { onDone: () => void }) {
  const [all, setAll] = useState(false);
  const [tag, setTag] = useState('');
  const { busy, fault, ask } = useAsking();
  const turn = () => ask(async () => {
    const asked = (await get(http.POST('/api/v1/fleet/rotate-keys', { body: all ? { all } : { tag: tag.trim() } }))).probes.length;
    toast(asked === 0 ? 'No host is meant by that, so no key is turned' : `${n(asked)} ${asked === 1 ? 'host is' : 'hosts are'} given another key`);
    void client.invalidateQueries({ queryKey: ['fleet', 'keys'] });
    onDone();
  });
  return (
    <form aria-label="Turn keys of hosts" className="space-y-4 p-5" onSubmit={(e) => { e.preventDefault(); void turn(); }}>
      <p className="text-text2">Each probe and the server agree on a new key inside their session; nothing is enrolled anew and nothing that runs stops. The old key is good until the new one was proved. A host that is away is asked when it comes back.</p>
      <Choice label="Whose keys" value={all ? 'all' : 'tag'} onChange={(value) => setAll(value === 'all')} options={[['tag', 'Hosts with a tag'], ['all', 'All that I may manage']]} />
      {!all && <Field label="Tag" mono required value={tag} onChange={(e) => setTag(e.target.value)} />}
      {fault !== undefined && <Refusal cause={fault} />}
      <div className="flex justify-end gap-2"><Button look="ghost" onClick={onDone}>Leave them</Button><Button type="submit" look="solid" disabled={busy || (!all && tag.trim() === '')}>{all ? 'Turn the keys of all hosts' : `Turn the keys of ${tag.trim() || '…'}`}</Button></div>
    </form>
  );
}

export function ProbeKeys() {
  const may = useMay();
  const keys = useQuery({ ...q.probeKeysPending(), retry: false });
  const [turning, setTurning] = useState(false);
  return (
    <Section id="probe-keys" title="Keys of the hosts" aside={may('manageProbe') && <Button size="s" onClick={() => setTurning(true)}>Turn several</Button>}>
      <Loaded query={keys} what="the keys that are being turned" rows={1}>{(page) => page.probes.length === 0 ? <State tone="ok">None is being turned</State> : (
        <>
          <p role="status" className="mb-2 text-meta text-text2">{n(page.probes.length)} being turned{page.probes.length > SHOWN && `; the first ${SHOWN} are shown`}</p>
          <Table caption="Keys being turned" head={['Host', 'Key']} keys={page.probes.slice(0, SHOWN).map((one) => one.probe)} rows={page.probes.slice(0, SHOWN).map((one) => [
            <Link key="h" to="/fleet" search={{ probe: one.probe }} className="mono inline-flex min-h-6 items-center underline decoration-edge underline-offset-2">{one.name}</Link>, <KeyState key="s" of={one} />])} />
        </>
      )}</Loaded>
      <Modal open={turning} onOpenChange={setTurning} title="Turn the keys of several hosts">{turning && <TurnSeveral onDone={() => setTurning(false)} />}</Modal>
    </Section>
  );
}

export function SealKey() {
  const turn = useQuery({ ...q.sealKey(), retry: false });
  const [asking, setAsking] = useState(false);
  const { busy, fault, ask, forget } = useAsking();
  const go = () => ask(async () => {
    const { sealed_anew: anew } = await get(http.POST('/api/v1/server/seal-key/rotate'));
    toast(`Another key seals from now on; ${n(anew)} ${anew === 1 ? 'secret was' : 'secrets were'} sealed anew`);
    setAsking(false);
    void client.invalidateQueries({ queryKey: ['health', 'seal-key'] });
  });
  return (
    <Section id="seal-key" title="The key that seals secrets" aside={turn.data && !turn.data.turning && <Button size="s" onClick={() => { forget(); setAsking(true); }}>Turn it</Button>}>
      <Loaded query={turn} what="how the seal key stands" rows={1}>{(found) => found.turning ? <State tone="act">Being turned: the old key goes when nothing is sealed with it any more</State> : <State tone="ok">One key seals everything</State>}</Loaded>
      <Modal open={asking} onOpenChange={setAsking} title="Turn the key that seals secrets">
        <form aria-label="Turn the seal key" className="space-y-3 p-5" onSubmit={(e) => { e.preventDefault(); void go(); }}>
          <p className="text-text2">Keys of hosts, second factors and secrets of providers are sealed with it in the database. They are sealed anew with another one while the server goes on, and the old one is then destroyed.</p>
          <p className="text-text2">A backup of before needs the <code>server.key</code> of before.</p>
          {fault !== undefined && <Refusal cause={fault} />}
          <div className="flex justify-end gap-2"><Button look="ghost" onClick={() => setAsking(false)}>Leave it</Button><Button type="submit" look="bad" disabled={busy}>Turn the key</Button></div>
        </form>
      </Modal>
    </Section>
  );
}
