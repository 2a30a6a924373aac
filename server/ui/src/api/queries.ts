// Every read of the API, by name, so that live updates know what an event makes stale.
import { QueryClient, queryOptions, keepPreviousData } from '@tanstack/react-query';
import { type FleetIndex, get, http } from './client';
import { Failure } from './failure';
import { type LiveEvent, live } from './live';

export const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      refetchOnWindowFocus: true,
      // What policy refuses does not become permitted by asking again.
      retry: (n, cause) => n < 2 && (!(cause instanceof Failure) || cause.status === 0 || cause.status >= 500),
      retryDelay: (n) => 400 * 2 ** n,
    },
  },
});


let known: { etag: string; index: FleetIndex } | undefined;
async function fleetIndex(signal: AbortSignal): Promise<FleetIndex> {
  const answer = await http.GET('/api/v1/fleet/index', { signal, ...(known ? { params: { header: { 'If-None-Match': known.etag } } } : {}) });
  if (answer.response.status === 304 && known) return known.index;
  const index = await get(Promise.resolve(answer));
  known = { etag: answer.response.headers.get('etag') ?? '', index };
  return index;
}

export type FindingFilter = { kind?: string; principal?: string; tag?: string; action?: string; policy?: string };
type AuditFilter = { actor?: string; kind?: string; command?: string; probe?: string; q?: string; since?: string; until?: string };

export const q = {
  auth: () => queryOptions({ queryKey: ['auth'], queryFn: () => get(http.GET('/api/v1/auth/state')), retry: 1 }),
  me: () => queryOptions({ queryKey: ['me'], queryFn: () => get(http.GET('/api/v1/me')), staleTime: 300_000 }),
  version: () => queryOptions({ queryKey: ['version'], queryFn: () => get(http.GET('/version')) }),
  health: () => queryOptions({
    queryKey: ['health'], refetchInterval: 30_000,
    queryFn: async () => (await http.GET('/healthz').then((a) => a.data ?? (a.error as never))) as { status: string; problems: string[]; probes_connected: number },
  }),
  doctor: () => queryOptions({ queryKey: ['health', 'findings'], retry: false, queryFn: () => get(http.GET('/api/v1/server/findings')) }),
  fleet: () => queryOptions({ queryKey: ['fleet', 'index'], queryFn: ({ signal }) => fleetIndex(signal), refetchInterval: 60_000, placeholderData: keepPreviousData }),
  summary: () => queryOptions({ queryKey: ['fleet', 'summary'], queryFn: () => get(http.GET('/api/v1/fleet/summary')) }),
  probe: (id: string) => queryOptions({ queryKey: ['fleet', 'probe', id], refetchInterval: 30_000, queryFn: () => get(http.GET('/api/v1/probes/{id}', { params: { path: { id } } })) }),
  inventory: (id: string) => queryOptions({ queryKey: ['fleet', 'inventory', id], queryFn: () => get(http.GET('/api/v1/probes/{id}/inventory', { params: { path: { id } } })) }),
  probeKey: (id: string) => queryOptions({ queryKey: ['fleet', 'probe', id, 'key'], queryFn: () => get(http.GET('/api/v1/probes/{id}/key', { params: { path: { id } } })) }),
  probeKeysPending: () => queryOptions({ queryKey: ['fleet', 'keys'], queryFn: () => get(http.GET('/api/v1/fleet/keys', { params: { query: { pending: true } } })) }),
  // Nothing is published when a turn of it is over.
  sealKey: () => queryOptions({ queryKey: ['health', 'seal-key'], refetchInterval: (query) => (query.state.data?.turning ? 5_000 : false), queryFn: () => get(http.GET('/api/v1/server/seal-key')) }),
  approvals: (status: 'pending' | 'all') => queryOptions({ queryKey: ['approvals', 'list', status], queryFn: () => get(http.GET('/api/v1/approvals', { params: { query: { status, limit: 200 } } })), placeholderData: keepPreviousData }),
  approval: (id: string) => queryOptions({ queryKey: ['approvals', 'one', id], queryFn: () => get(http.GET('/api/v1/approvals/{id}', { params: { path: { id } } })) }),
  comments: (id: string) => queryOptions({ queryKey: ['approvals', 'talk', id], queryFn: () => get(http.GET('/api/v1/approvals/{id}/comments', { params: { path: { id } } })) }),
  glass: (all = false) => queryOptions({ queryKey: ['approvals', 'glass', all], queryFn: () => get(http.GET('/api/v1/breakglass', { params: { query: all ? { limit: 200 } : { unreviewed: true } } })), placeholderData: keepPreviousData }),
  figures: (days = 30) => queryOptions({
    queryKey: ['approvals', 'figures', days], placeholderData: keepPreviousData,
    queryFn: () => get(http.GET('/api/v1/approvals/figures', { params: { query: { since: new Date(Date.now() - days * 86_400_000).toISOString() } } })),
  }),
  grants: () => queryOptions({ queryKey: ['approvals', 'grants'], queryFn: () => get(http.GET('/api/v1/grants', { params: { query: { limit: 200 } } })) }),
  grant: (id: string) => queryOptions({ queryKey: ['approvals', 'grant', id], queryFn: () => get(http.GET('/api/v1/grants/{id}', { params: { path: { id } } })) }),
  delegations: (all: boolean) => queryOptions({ queryKey: ['approvals', 'delegations', all], queryFn: () => get(http.GET('/api/v1/approvals/delegations', { params: { query: all ? { all } : {} } })), placeholderData: keepPreviousData }),
  voteKeys: (mine: boolean) => queryOptions({ queryKey: ['approvals', 'keys', mine], queryFn: () => get(http.GET('/api/v1/approvals/keys', { params: { query: mine ? { mine } : {} } })) }),
  command: (id: string) => queryOptions({ queryKey: ['commands', 'one', id], queryFn: () => get(http.GET('/api/v1/commands/{id}', { params: { path: { id } } })) }),
  explain: (id: string) => queryOptions({ queryKey: ['commands', 'explain', id], queryFn: () => get(http.GET('/api/v1/commands/{id}/explain', { params: { path: { id } } })) }),
  commands: (filter: { probe?: string; state?: string; group?: string; limit?: number }) => queryOptions({
    queryKey: ['commands', 'list', filter], queryFn: () => get(http.GET('/api/v1/commands', { params: { query: { limit: 50, ...filter } } })), placeholderData: keepPreviousData,
  }),
  asked: (narrow: { principal?: string; action?: string; outcome?: string }) => ({
    queryKey: ['asked', 'list', narrow],
    queryFn: ({ pageParam }: { pageParam: string | undefined }) => get(http.GET('/api/v1/decisions/operations', { params: { query: { ...narrow, limit: 100, ...(pageParam === undefined ? {} : { cursor: pageParam }) } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: { next_cursor?: string }) => page.next_cursor,
  }),
  askedOnce: (id: string) => queryOptions({ queryKey: ['asked', 'one', id], queryFn: () => get(http.GET('/api/v1/decisions/operations/{id}', { params: { path: { id } } })) }),
  bundle: () => queryOptions({ queryKey: ['policies'], queryFn: () => get(http.GET('/api/v1/policies')) }),
  revision: (name: string) => queryOptions({ queryKey: ['bundles', 'one', name], queryFn: () => get(http.GET('/api/v1/bundles/{revision}', { params: { path: { revision: name } } })) }),
  // A revision's name is the digest of its content: what was read of it stays true.
  file: (revision: string, path: string) => queryOptions({ queryKey: ['file', revision, path], staleTime: Infinity, queryFn: () => get(http.GET('/api/v1/bundles/{revision}/files/{path}', { params: { path: { revision, path } } })) }),
  revisions: () => queryOptions({ queryKey: ['bundles', 'list'], queryFn: () => get(http.GET('/api/v1/bundles', { params: { query: { limit: 200 } } })) }),
  activations: () => queryOptions({ queryKey: ['bundles', 'history'], queryFn: () => get(http.GET('/api/v1/bundles/history', { params: { query: { limit: 100 } } })) }),
  source: () => queryOptions({ queryKey: ['bundles', 'source'], queryFn: () => get(http.GET('/api/v1/bundles/source')) }),
  difference: (from: string, to: string) => queryOptions({ queryKey: ['difference', from, to], staleTime: Infinity, queryFn: () => get(http.GET('/api/v1/bundles/{revision}/diff/{other}', { params: { path: { revision: from, other: to } } })) }),
  checked: (draft: { base: string; files: Record<string, string>; remove: string[] }, count: number, depth: 'findings' | 'cases' | 'coverage') => queryOptions({
    queryKey: ['checked', draft.base, count, depth], staleTime: Infinity, retry: false,
    queryFn: ({ signal }) => get(http.POST('/api/v1/bundles/check', { params: { query: { depth } }, body: draft, signal })),
  }),
  replays: () => queryOptions({ queryKey: ['replays', 'list'], queryFn: () => get(http.GET('/api/v1/replays', { params: { query: { limit: 50 } } })) }),
  replay: (id: string) => queryOptions({ queryKey: ['replays', 'one', id], refetchInterval: (query) => (query.state.data?.ended ? false : 2_000), queryFn: () => get(http.GET('/api/v1/replays/{id}', { params: { path: { id } } })) }),
  findings: (id: string, narrow: FindingFilter, over: boolean) => ({
    queryKey: ['replays', 'findings', id, narrow, over],
    queryFn: ({ pageParam }: { pageParam: number | undefined }) => get(http.GET('/api/v1/replays/{id}/findings', { params: { path: { id }, query: { ...narrow, limit: 100, ...(pageParam === undefined ? {} : { cursor: pageParam }) } } })),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (page: { next_cursor?: number }) => page.next_cursor,
  }),
  replayed: (id: string, command: string, n: number) => queryOptions({ queryKey: ['compared', id, command, n], staleTime: Infinity, queryFn: () => get(http.GET('/api/v1/replays/{id}/findings/{command}/{n}', { params: { path: { id, command, n } } })) }),
  shadow: (kind?: string) => queryOptions({ queryKey: ['shadow', kind ?? ''], queryFn: () => get(http.GET('/api/v1/bundles/shadow', { params: { query: { limit: 200, ...(kind ? { kind } : {}) } } })), refetchInterval: 30_000 }),
  shadowed: (candidate: string, command: string, n: number) => queryOptions({ queryKey: ['compared', candidate, command, n], staleTime: Infinity, queryFn: () => get(http.GET('/api/v1/bundles/shadow/{command}/{n}', { params: { path: { command, n } } })) }),
  tokens: () => queryOptions({ queryKey: ['tokens'], queryFn: () => get(http.GET('/api/v1/tokens')) }),
  users: () => queryOptions({ queryKey: ['users'], queryFn: () => get(http.GET('/api/v1/users')) }),
  user: (id: string) => queryOptions({ queryKey: ['users', 'one', id], queryFn: () => get(http.GET('/api/v1/users/{id}', { params: { path: { id } } })) }),
  reach: (id: string) => queryOptions({ queryKey: ['users', 'grants', id], queryFn: () => get(http.GET('/api/v1/users/{id}/grants', { params: { path: { id } } })) }),
  groups: () => queryOptions({ queryKey: ['users', 'groups'], queryFn: () => get(http.GET('/api/v1/groups')) }),
  permissions: () => queryOptions({ queryKey: ['roles', 'permissions'], queryFn: () => get(http.GET('/api/v1/auth/permissions')) }),
  /** All that the person reaches, whichever of them the page looks at. */
  tenants: () => queryOptions({ queryKey: ['tenants'], staleTime: 300_000, retry: false, queryFn: () => get(http.GET('/api/v1/tenants', { querySerializer: () => '' })) }),
  roles: () => queryOptions({ queryKey: ['roles'], queryFn: () => get(http.GET('/api/v1/roles')) }),
  sessions: () => queryOptions({ queryKey: ['sessions'], queryFn: () => get(http.GET('/api/v1/auth/sessions')) }),
  totp: () => queryOptions({ queryKey: ['totp'], queryFn: () => get(http.GET('/api/v1/auth/totp')) }),
  keys: () => queryOptions({ queryKey: ['keys'], queryFn: () => get(http.GET('/api/v1/auth/keys')) }),
  checkpoint: () => queryOptions({ queryKey: ['audit', 'checkpoint'], queryFn: () => get(http.GET('/api/v1/audit/checkpoint')) }),
  logKeys: () => queryOptions({ queryKey: ['audit', 'keys'], queryFn: () => get(http.GET('/api/v1/audit/keys')) }),
  entry: (index: number) => queryOptions({ queryKey: ['entry', index], staleTime: Infinity, queryFn: () => get(http.GET('/api/v1/audit/entries/{index}', { params: { path: { index } } })) }),
  proof: (index: number) => queryOptions({ queryKey: ['audit', 'proof', index], queryFn: () => get(http.GET('/api/v1/audit/entries/{index}/proof', { params: { path: { index } } })) }),
  entries: (filter: AuditFilter) => ({
    queryKey: ['audit', 'list', filter],
    queryFn: ({ pageParam }: { pageParam: number | undefined }) => get(http.GET('/api/v1/audit', { params: { query: { ...filter, limit: 100, ...(pageParam === undefined ? {} : { cursor: pageParam }) } } })),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (page: { next_cursor?: number }) => page.next_cursor,
  }),
};

const STATUS_TOPIC: Record<string, string> = { 'probe.online': 'online', 'probe.offline': 'offline' };

/** What an event makes stale. A probe's status is put into the index as it is, so that ten thousand are not read again. */
export function apply(events: LiveEvent[], into: QueryClient = client) {
  const stale = new Set<string>();
  const status = new Map<string, string>();
  for (const event of events) {
    const family = event.topic.split('.')[0];
    if (event.topic === 'resync') { void into.invalidateQueries(); return; }
    if (family === 'approval' || family === 'breakglass' || family === 'grant' || family === 'votes') stale.add('approvals');
    if (family === 'vote-key') { stale.add('vote-keys'); stale.add('approvals'); }
    if (family === 'command') { stale.add('commands'); stale.add('approvals'); }
    if (family === 'bundle') { stale.add('roles'); stale.add('policies'); stale.add('bundles'); stale.add('version'); stale.add('health'); }
    if (family === 'replay') stale.add('replays');
    if (family === 'shadow') stale.add('shadow');
    if (family === 'probe') {
      const now = STATUS_TOPIC[event.topic] ?? (event.topic === 'probe.status' ? (event.body as { status?: string } | null)?.status : undefined);
      if (now) {
        status.set(event.id, now);
        void into.invalidateQueries({ queryKey: ['fleet', 'probe', event.id] });
        void into.invalidateQueries({ queryKey: ['fleet', 'summary'] });
      } else if (event.topic === 'probe.inventory') void into.invalidateQueries({ queryKey: ['fleet', 'inventory', event.id] });
      else { stale.add('fleet'); stale.add('tokens'); }
    }
    stale.add('audit');
  }
  if (status.size) {
    let found = 0;
    into.setQueryData<FleetIndex>(['fleet', 'index'], (old) => {
      if (!old) return old;
      const next = { ...old, words: [...old.words], status: [...old.status], seen: [...old.seen] };
      old.id.forEach((id, at) => {
        const now = status.get(id);
        if (now === undefined) return;
        found += 1;
        let word = next.words.indexOf(now);
        if (word < 0) word = next.words.push(now) - 1;
        next.status[at] = word;
        next.seen[at] = Math.floor(Date.now() / 1000);
      });
      return next;
    });
    if (found < status.size) stale.add('fleet');
  }
  for (const key of stale) refresh(key, into);
}

// At once, and then at most so often: a busy fleet must not make a page read the same long list ten times a second.
const CALM_MS = 200;
const LONG_MS: Record<string, number> = { fleet: 1_000, audit: 1_000 };
const calming = new Map<string, boolean>();
function refresh(key: string, into: QueryClient) {
  if (calming.has(key)) { calming.set(key, true); return; }
  void into.invalidateQueries({ queryKey: [key] });
  calming.set(key, false);
  setTimeout(() => {
    const again = calming.get(key);
    calming.delete(key);
    if (again) refresh(key, into);
  }, LONG_MS[key] ?? CALM_MS);
}

export function startLive() {
  live.on((events) => apply(events));
  live.start();
}
