// What an action of the policies is in words, and how far a grant reaches in words.
// Never: hides what it has no words for. An action of a bundle of one's own is shown by its name.

export const ACTIONS: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  ['On hosts', [['observe', 'look, without changing anything'], ['diagnose', 'look closer, at some load'], ['remediate', 'change and restart things'], ['destroy', 'destroy things for good'], ['simulateCommand', 'ask what would happen'], ['cancelCommand', 'stop a command']]],
  ['The fleet', [['viewFleet', 'see hosts and what they are made of'], ['viewCommands', 'see commands and their output'], ['viewCapacity', 'see load and room'], ['watchEvents', 'watch as it happens'], ['viewMetrics', 'read metrics'], ['manageProbe', 'tag and remove hosts'], ['manageTokens', 'enroll hosts']]],
  ['What waits', [['viewApprovals', 'see requests and votes'], ['decideApproval', 'vote'], ['commentApproval', 'say something about a request'], ['delegateVotes', 'let somebody stand in'], ['enrollVoteKey', 'have a key that signs votes'], ['grantAhead', 'ask for agreement ahead'], ['revokeGrant', 'end what was agreed to ahead'], ['reviewBreakglass', 'review broken glass']]],
  ['Policies', [['viewPolicies', 'read the policies'], ['publishBundle', 'publish a bundle'], ['activateBundle', 'put a bundle in force'], ['replayDecisions', 'decide again what was decided'], ['shadowBundle', 'let a bundle decide in the shadow']]],
  ['The record', [['readAudit', 'read and prove the log'], ['exportAudit', 'take the log along']]],
  ['People and keys', [['manageUsers', 'add and change people'], ['manageKeys', 'make and end API keys'], ['manageTenants', 'make tenants'], ['manageProviders', 'say by which providers people sign in'], ['turnKeys', 'turn the server’s own keys']]],
];

const SAID = new Map(ACTIONS.flatMap(([, actions]) => actions.map(([action, words]) => [action, words] as const)));
export const inWords = (action: string) => SAID.get(action) ?? action;

/** The known actions in their groups, and those of a bundle of one's own behind them. */
export function grouped(actions: readonly string[]): (readonly [string, readonly string[]])[] {
  const known = ACTIONS.map(([group, of]) => [group, of.map(([action]) => action).filter((action) => actions.includes(action))] as const);
  const rest = actions.filter((action) => !SAID.has(action));
  return [...known, ['Others', rest] as const].filter(([, of]) => of.length > 0);
}

export type GrantKind = 'tenant' | 'org' | 'scope';
/** A grant as its two halves; a text that is none is a tenant that there is not. */
export function halves(grant: string): [GrantKind, string] {
  const cut = grant.indexOf(':');
  const kind = grant.slice(0, cut);
  return kind === 'org' || kind === 'scope' ? [kind, grant.slice(cut + 1)] : ['tenant', grant.slice(cut + 1)];
}

export function grantInWords(grant: string): string {
  const [kind, of] = halves(grant);
  if (kind === 'scope') return `of these, the hosts tagged ${of} alone`;
  if (kind === 'org') return of === 'house' ? 'every tenant, and what spans them' : `every tenant of ${of}, and those that join it`;
  return `the tenant ${of}`;
}

/** All that somebody's grants come to, in one sentence. */
export function reachInWords(grants: readonly string[], tenants: readonly string[]): string {
  const scopes = grants.map(halves).filter(([kind]) => kind === 'scope').map(([, of]) => of);
  const where = grants.includes('org:house') ? 'Every tenant' : tenants.length === 0 ? 'No tenant' : tenants.join(', ');
  if (scopes.length === 0) return where;
  return `${where}; of these, only hosts tagged ${scopes.join(' or ')}, and no people, keys, tokens or log`;
}

/** Whether grants reach a tenant, as the server adds them up. */
export function reaches(grants: readonly string[], tenant: { name: string; org?: string | undefined }): boolean {
  const wide = grants.map(halves).filter(([kind]) => kind !== 'scope');
  if (wide.length === 0) return tenant.name === 'default';
  return wide.some(([kind, of]) => (kind === 'tenant' ? of === tenant.name : of === 'house' || of === tenant.org));
}
