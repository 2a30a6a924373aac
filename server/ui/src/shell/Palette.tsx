// Search and commands: every page, host, waiting request, policy and action, from anywhere.
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { q } from '../api/queries';
import { revealed } from '../kit/inert';
import { Modal } from '../kit/panes';
import { useMay } from '../identity/session';
import { INNER, MAP } from './map';
import { doings } from './onPage';

export type Action = { id: string; label: string; meta?: string; run: () => void };
const MOST = 12;

export default function Palette({ open, onOpenChange, actions }: { open: boolean; onOpenChange: (open: boolean) => void; actions: Action[] }) {
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const navigate = useNavigate();
  const may = useMay();
  const fleet = useQuery({ ...q.fleet(), enabled: open && may('viewFleet') });
  const waiting = useQuery({ ...q.approvals('pending'), enabled: open && may('viewApprovals') });
  const bundle = useQuery({ ...q.bundle(), enabled: open && may('viewPolicies') });
  // As the page was when the palette opened; behind it nothing moves.
  const onPage = useMemo(() => (open ? doings() : []), [open]);
  const found = useMemo(() => {
    if (!open) return [];
    const words = text.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (said: string) => words.every((word) => said.toLowerCase().includes(word));
    const fixed: Action[] = [
      ...MAP.filter((place) => !place.needs || may(place.needs)).map((place) => ({ id: place.to, label: `Go to ${place.label}`, meta: `g ${place.key}`, run: () => void navigate({ to: place.to }) })),
      ...INNER.filter((place) => may(place.needs)).map((place) => ({ id: place.to, label: `Go to ${place.label}`, meta: place.in, run: () => void navigate({ to: place.to }) })),
      ...actions,
      ...(waiting.data?.approvals ?? []).map((request) => ({ id: request.id, label: `${revealed(request.line)} on ${request.probe_name}`, meta: 'waits for people', run: () => void navigate({ to: '/approvals/$id', params: { id: request.id } }) })),
    ].filter((action) => fits(`${action.label} ${action.meta ?? ''} ${action.id}`));
    const hosts: Action[] = [];
    const index = fleet.data;
    if (index && words.length) {
      for (let i = 0; i < index.name.length && hosts.length < 8; i++) {
        const name = index.name[i] ?? '';
        const id = index.id[i] ?? '';
        if (fits(`${name} ${id}`)) hosts.push({ id, label: name, meta: index.words[index.status[i] ?? 0] ?? '', run: () => void navigate({ to: '/fleet', search: { probe: name } }) });
      }
    }
    const rules: Action[] = words.length === 0 ? [] : (bundle.data?.policies ?? []).filter((policy) => fits(`${policy.id} policy`)).slice(0, 6)
      .map((policy) => ({ id: `policy-${policy.id}`, label: policy.id, meta: `${policy.effect}, ${policy.file.split('/').at(-1)}`, run: () => void navigate({ to: '/policies', search: { file: policy.file, line: policy.line } }) }));
    const here = words.length === 0 ? [] : onPage.filter((doing) => fits(doing.label)).map((doing): Action => ({ ...doing, meta: 'on this page' }));
    const said = new Set(fixed.map((action) => action.label));
    return [...fixed, ...here.filter((action) => !said.has(action.label)), ...hosts, ...rules].slice(0, words.length ? MOST + 8 : MOST);
  }, [open, text, actions, waiting.data, fleet.data, bundle.data, onPage, navigate, may]);
  const close = () => { onOpenChange(false); setText(''); setAt(0); };
  // After the dialog has given the focus back: what runs may want it.
  const choose = (n: number) => { const hit = found[n]; if (hit) { close(); setTimeout(hit.run, 0); } };
  return (
    <Modal bare open={open} onOpenChange={(next) => (next ? onOpenChange(true) : close())} title="Search and commands">
      <input autoFocus role="combobox" aria-expanded="true" aria-controls="palette-list" aria-activedescendant={found[at] ? `pal-${at}` : undefined} aria-label="Search pages, hosts, requests and actions"
        value={text} placeholder="Search pages, hosts, requests, policies and actions" onChange={(e) => { setText(e.target.value); setAt(0); }}
        onKeyDown={(e) => {
          if (e.key === 'ArrowDown') { e.preventDefault(); setAt((n) => Math.min(n + 1, found.length - 1)); }
          if (e.key === 'ArrowUp') { e.preventDefault(); setAt((n) => Math.max(n - 1, 0)); }
          if (e.key === 'Enter') { e.preventDefault(); choose(at); }
        }}
        className="h-12 w-full rounded-t-l border-b hair bg-transparent px-4 text-lead outline-offset-[-3px] placeholder:text-text3" />
      <ul id="palette-list" role="listbox" aria-label="Results" className="max-h-80 overflow-y-auto p-1">
        {found.map((hit, n) => (
          <li key={hit.id} id={`pal-${n}`} role="option" aria-selected={n === at} onMouseMove={() => setAt(n)} onClick={() => choose(n)}
            className="flex justify-between gap-4 rounded-m px-3 py-2 aria-selected:bg-s3"><bdi className="truncate">{hit.label}</bdi><span className="mono shrink-0 text-meta text-text2">{hit.meta}</span></li>
        ))}
        {found.length === 0 && <li role="option" aria-selected="false" aria-disabled="true" className="px-3 py-4 text-text2">Nothing matches “{text}”.</li>}
      </ul>
    </Modal>
  );
}
