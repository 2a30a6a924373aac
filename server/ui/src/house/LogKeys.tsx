// The keys that sign the log, one after the other, and the turn to the next.
// Never: turns another key than the one on the screen.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { get, http } from '../api/client';
import { failureOf } from '../api/failure';
import { client, q } from '../api/queries';
import { useMay } from '../identity/session';
import { useAsking } from '../kit/asking';
import { Button, CopyButton } from '../kit/controls';
import { State } from '../kit/glyph';
import { Modal, Section, Table } from '../kit/panes';
import { Loaded, Refusal } from '../kit/states';
import { Time } from '../kit/time';
import { toast } from '../kit/toasts';

function Turning({ verifier, onDone }: { verifier: string; onDone: () => void }) {
  const { busy, fault, ask } = useAsking();
  const turn = () => ask(async () => {
    try {
      const turned = await get(http.POST('/api/v1/server/log-key/rotate', { body: { expect: verifier } }));
      toast(`Another key signs the log, from ${turned.size.toLocaleString('en')} entries on`);
      onDone();
    } catch (cause) {
      // Somebody else was faster: the page shows which key it is now.
      if (failureOf(cause).status === 409) void client.invalidateQueries({ queryKey: ['audit'] });
      throw cause;
    }
  });
  return (
    <form aria-label="Turn the log’s key" className="space-y-3 p-5" onSubmit={(e) => { e.preventDefault(); void turn(); }}>
      <p className="text-text2">The key of now names the next one in the log; both sign that. From then on the next one signs, and the private half of <code className="break-all">{verifier}</code> is destroyed on the server.</p>
      <p className="text-text2">Who keeps a key or a checkpoint of before goes on: <code>legatorctl audit verify</code> follows. Backups of before need the key file of before.</p>
      {fault !== undefined && <Refusal cause={fault} />}
      <div className="flex justify-end gap-2"><Button look="ghost" onClick={onDone}>Leave it</Button><Button type="submit" look="bad" disabled={busy}>Turn the key</Button></div>
    </form>
  );
}

export function LogKeys() {
  const may = useMay();
  const [turning, setTurning] = useState(false);
  const keys = useQuery({ ...q.logKeys(), enabled: may('readAudit') });
  if (!may('readAudit')) return null;
  const done = () => { setTurning(false); void client.invalidateQueries({ queryKey: ['audit'] }); };
  return (
    <Section id="log-keys" title="The log’s key" aside={may('turnKeys') && keys.data && <Button size="s" onClick={() => setTurning(true)}>Turn it</Button>}>
      <Loaded query={keys} what="the log’s keys" rows={1}>{(found) => (
        <Table caption="Keys of the log" head={['Key', 'Signs', 'Since', 'Turned by', '']} keys={found.keys.map((key) => key.verifier)} rows={found.keys.toReversed().map((key) => [
          <code key="k" className="break-all">{key.verifier}</code>,
          key.until === undefined ? <State tone="ok">Now</State> : `Up to ${key.until.toLocaleString('en')} entries`,
          key.since ? <Time at={key.since} exact /> : '—',
          key.turn ? <Link key="t" to="/activity/$index" params={{ index: String(key.turn.index) }} className="underline decoration-edge underline-offset-2">{key.turn.by}</Link> : 'The first one',
          <CopyButton key="c" text={key.verifier} what="key" />,
        ])} />
      )}</Loaded>
      <Modal open={turning} onOpenChange={setTurning} title="Turn the log’s key" description="It signs every head of the log. The log stays one.">{turning && keys.data && <Turning verifier={keys.data.verifier} onDone={done} />}</Modal>
    </Section>
  );
}
