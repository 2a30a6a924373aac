// What people say about a request. It counts for nothing, and is kept with the votes.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { get, http } from '../api/client';
import { failureOf } from '../api/failure';
import { client, q } from '../api/queries';
import { useMay } from '../identity/session';
import { Button } from '../kit/controls';
import { Told } from '../kit/inert';
import { Section } from '../kit/panes';
import { Time } from '../kit/time';

export function Talk({ id }: { id: string }) {
  const said = useQuery(q.comments(id));
  const may = useMay();
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();
  const comments = said.data?.comments ?? [];
  if (comments.length === 0 && !may('commentApproval')) return null;
  const send = async () => {
    setBusy(true);
    setFault(undefined);
    try {
      await get(http.POST('/api/v1/approvals/{id}/comments', { params: { path: { id } }, body: { text } }));
      setText('');
      void client.invalidateQueries({ queryKey: ['approvals', 'talk', id] });
    } catch (cause) { setFault(cause); } finally { setBusy(false); }
  };
  return (
    <Section id="talk" title="Talk">
      <ol className="space-y-3" aria-live="polite">
        {comments.map((comment) => (
          <li key={comment.id} className="min-w-0"><p><span className="font-medium">{comment.name}</span> <span className="text-text2"><Time at={comment.at} /></span></p><p className="break-words whitespace-pre-wrap"><Told>{comment.text}</Told></p></li>
        ))}
      </ol>
      {may('commentApproval') && (
        <form className="mt-3 flex flex-wrap items-end gap-2" onSubmit={(e) => { e.preventDefault(); void send(); }}>
          <label htmlFor="comment" className="sr-only">Say something about this request</label>
          <textarea id="comment" rows={1} value={text} maxLength={4_000} required placeholder="Ask or answer; it is no vote" onChange={(e) => setText(e.target.value)} className="min-w-0 grow basis-64 rounded-m border border-edge bg-bg px-3 py-2 max-md:text-lead" />
          <Button type="submit" disabled={busy || text.trim() === ''} className="max-md:h-11">Say</Button>
          {fault !== undefined && <p role="alert" className="w-full text-bad">{failureOf(fault).said.detail}</p>}
        </form>
      )}
    </Section>
  );
}
