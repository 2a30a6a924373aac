// Who is signed in here, and what the signing-in changes for the rest of the page.
import { useQuery } from '@tanstack/react-query';
import { useCallback, useSyncExternalStore } from 'react';
import { whenSignedOut } from '../api/client';
import { live } from '../api/live';
import { client, q } from '../api/queries';

let lapsed = false;
const watchers = new Set<() => void>();
function set(to: boolean) {
  if (to === lapsed) return;
  lapsed = to;
  for (const tell of watchers) tell();
}
whenSignedOut(() => set(true));

/** The session ended while somebody worked. The page stays; a dialog over it asks for the sign-in. */
export const useLapsed = () => useSyncExternalStore((tell) => (watchers.add(tell), () => void watchers.delete(tell)), () => lapsed);

/** After a sign-in everything that was refused is asked again. */
export function signedIn() {
  const before = client.getQueryData(q.me().queryKey)?.id;
  set(false);
  live.retry();
  void client.invalidateQueries();
  if (before === undefined) return;
  // Somebody else at the same browser must not see what the one before them saw or wrote.
  void client.fetchQuery({ ...q.me(), staleTime: 0 }).then((me) => { if (me.id !== before) leave(window.location.pathname); }, () => undefined);
}

function leave(to: string) {
  sessionStorage.clear();
  client.clear();
  window.location.assign(to);
}

/** After a sign-out nothing of the person stays in memory. */
export function signedOut(there?: string) {
  // Where somebody came by a provider, they sign out there too.
  leave(there?.startsWith('http') ? there : '/');
}

/**
 * Whether the person may do something. Until their permissions are known nothing is hidden; the server decides anyway.
 */
export function useMay() {
  const me = useQuery({ ...q.me(), enabled: !useLapsed() });
  const may = me.data?.permissions;
  return useCallback((action: string) => !may || (may as string[]).includes(action), [may]);
}
