// A list that stands still while somebody uses it: rows keep their places, what is gone goes, what is new waits and is
// counted. Never: moves a row under a pointer.
import { type FocusEvent, useMemo, useState } from 'react';

/** `scope` is what the list is of: another one begins anew, wherever the pointer is. */
export function useHeld<T>(fresh: readonly T[], id: (item: T) => string, scope = '') {
  const [busy, setBusy] = useState(false);
  const [held, setHeld] = useState<{ scope: string; ids: readonly string[] }>({ scope, ids: [] });
  const now = useMemo(() => fresh.map(id), [fresh, id]);
  const still = busy && held.scope === scope && held.ids.length > 0;
  const items = useMemo(() => {
    if (!still) return [...fresh];
    const byId = new Map(fresh.map((item) => [id(item), item]));
    return held.ids.flatMap((known) => byId.get(known) ?? []);
  }, [still, held, fresh, id]);
  // Where nothing is held, what is shown is what is held from now on.
  if (!still && (held.scope !== scope || held.ids.length !== now.length || held.ids.some((one, n) => one !== now[n]))) setHeld({ scope, ids: now });
  const known = useMemo(() => new Set(held.ids), [held]);
  return {
    items,
    more: still ? now.filter((one) => !known.has(one)).length : 0,
    show: () => setHeld({ scope, ids: now }),
    hands: {
      onPointerEnter: () => setBusy(true), onPointerLeave: () => setBusy(false), onFocus: () => setBusy(true),
      onBlur: (event: FocusEvent<HTMLElement>) => { if (!event.currentTarget.contains(event.relatedTarget)) setBusy(false); },
    },
  };
}

/** What has come meanwhile, over the list and not in it, so that it moves nothing either. */
export function Newer({ n, show }: { n: number; show: () => void }) {
  return (
    <div role="status" className="pointer-events-none sticky top-0 z-10 h-0">
      {n > 0 && <button type="button" className="pointer-events-auto mx-auto mt-2 block rounded-full bg-accent-solid px-3 py-1 text-meta font-medium text-on-accent shadow-lift max-md:min-h-11" onClick={show}>{n.toLocaleString('en')} new. Show {n === 1 ? 'it' : 'them'}</button>}
    </div>
  );
}
