// Which bundle is tried out: the draft, or a published revision.
import { useQuery } from '@tanstack/react-query';
import { useId } from 'react';
import { q } from '../api/queries';
import { useDraft } from './draft';

/** `draft`, or the name of a revision. */
export function CandidateField({ value, onChange, active }: { value: string; onChange: (value: string) => void; active: string }) {
  const id = useId();
  const draft = useDraft();
  const revisions = useQuery({ ...q.revisions(), retry: false });
  const known = revisions.data?.bundles ?? [];
  return (
    <div>
      <label htmlFor={id} className="font-medium">Candidate</label>
      <select id={id} value={value} onChange={(e) => onChange(e.target.value)} className="mt-1 block h-9 w-full rounded-m border border-edge bg-bg px-2 max-md:h-11 max-md:text-lead">
        {draft && <option value="draft">The draft, as it is now</option>}
        {value !== 'draft' && value !== '' && !known.some((one) => one.revision === value) && <option value={value}>{value.slice(0, 10)}</option>}
        {known.map((one) => <option key={one.revision} value={one.revision}>{one.revision.slice(0, 10)}{one.revision === active ? ', decides now' : ''}{one.message ? ` — ${one.message.slice(0, 60)}` : ''}</option>)}
      </select>
    </div>
  );
}

/** The candidate as the API takes it. */
export function chosen(value: string, draft: { base: string; files: Record<string, string>; removed: string[] } | undefined) {
  return value === 'draft' && draft ? { files: draft.files, base: draft.base, remove: draft.removed } : { revision: value, remove: [] };
}
