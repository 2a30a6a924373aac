// What was agreed to ahead, as lists and pages show it: its state, what it is for, and its end.
import { type ReactNode, useState } from 'react';
import { get, type Grant, http } from '../api/client';
import { client } from '../api/queries';
import { Area, Button } from '../kit/controls';
import { State, type Tone } from '../kit/glyph';
import { Told } from '../kit/inert';
import { Modal } from '../kit/panes';
import { Refusal } from '../kit/states';
import { span } from '../kit/time';
import { toast } from '../kit/toasts';

const STATE: Record<string, { tone: Tone; word: string }> = {
  pending: { tone: 'act', word: 'Waits for people' }, active: { tone: 'ok', word: 'In force' }, expired: { tone: 'mute', word: 'Ran out' },
  'used-up': { tone: 'mute', word: 'Used up' }, refused: { tone: 'bad', word: 'Refused' }, revoked: { tone: 'mute', word: 'Revoked' },
};
export function GrantState({ state }: { state: string }) {
  const { tone, word } = STATE[state] ?? { tone: 'bad' as Tone, word: `Unknown state: ${state}` };
  return <State tone={tone}>{word}</State>;
}

/** Whether it covers something, or will when people agree. */
export const open = (grant: Pick<Grant, 'state'>) => grant.state === 'active' || grant.state === 'pending';

export function uses(grant: Grant): ReactNode {
  return grant.uses === undefined ? `${grant.used.toLocaleString('en')} used` : `${Math.max(0, grant.uses - grant.used).toLocaleString('en')} of ${grant.uses.toLocaleString('en')} left`;
}

export function What({ grant }: { grant: Pick<Grant, 'programs' | 'line' | 'place'> }) {
  return <><code className="break-words"><Told>{grant.line ?? grant.programs.join(', ')}</Told></code> <span className="text-text2">on <Told>{grant.place}</Told></span></>;
}

export const forHow = (seconds: number) => span(seconds);

export function Revoke({ grant, onDone }: { grant: Grant; onDone: (after: Grant) => void }) {
  const [asking, setAsking] = useState(false);
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();
  if (!open(grant)) return null;
  const send = async () => {
    setBusy(true);
    setFault(undefined);
    try {
      const after = await get(http.POST('/api/v1/grants/{id}/revoke', { params: { path: { id: grant.id } }, body: { reason: reason.trim() } }));
      setAsking(false);
      toast('It covers nothing any more');
      void client.invalidateQueries({ queryKey: ['approvals'] });
      onDone(after);
    } catch (cause) { setFault(cause); } finally { setBusy(false); }
  };
  return (
    <>
      <Button look="bad" onClick={() => setAsking(true)}>{grant.state === 'pending' ? 'Take the wish back' : 'Revoke'}</Button>
      <Modal open={asking} onOpenChange={setAsking} title={grant.state === 'pending' ? 'Take the wish back' : 'Revoke what was agreed to'} description="From then on each command is judged as ever. What ran with it has run.">
        <form className="space-y-4 p-5" aria-label="Revoke" onSubmit={(e) => { e.preventDefault(); void send(); }}>
          <Area label="Why" rows={2} required value={reason} onChange={(e) => setReason(e.target.value)} hint="Kept in the audit log." />
          {fault !== undefined && <Refusal cause={fault} />}
          <div className="flex justify-end gap-2"><Button look="ghost" onClick={() => setAsking(false)}>Let it stand</Button><Button type="submit" look="bad" disabled={busy || reason.trim() === ''}>End it</Button></div>
        </form>
      </Modal>
    </>
  );
}
