// The server's API, typed from its own document: every check and build writes the types anew (`npm run gen`).
import createFetchClient, { createQuerySerializer } from 'openapi-fetch';
import { Failure, readFailure } from './failure';
import { tenant, within } from './tenant';
import type { components, paths } from '../../generated/schema';

type Schemas = components['schemas'];
/** A request for a command, or (where `revision` is) for a bundle to be put in force; then `command` and `probe` are empty. */
export type Approval = Schemas['ApprovalOut'] & { revision?: string };
export type Command = Schemas['CommandOut'];
export type CommandEvent = Schemas['EventOut'];
export type Probe = Schemas['ProbeOut'];
export type Entry = Schemas['EntryOut'];
export type Bundle = Schemas['BundleOut'];
export type Person = Schemas['PersonOut'];
export type ApiKey = Schemas['KeyOut'];
export type Token = Schemas['TokenOut'];
export type Revision = Schemas['RevisionOut'];
export type RevisionDetail = Schemas['RevisionDetail'];
export type Checked = Schemas['CheckedDraft'];
export type Replay = Schemas['ReplayOut'];
export type Tally = Schemas['TallyOut'];
export type Difference = Schemas['DifferenceOut'];
export type Shadow = Schemas['ShadowOut'];
export type Group = Schemas['GroupOut'];
export type PeopleGroup = Schemas['PeopleGroup'];
export type Role = Schemas['RoleOut'];
export type Permission = Schemas['PermissionOut'];
export type Tenant = Schemas['TenantOut'];
export type Grant = Schemas['Grant'];
export type Delegation = Schemas['Delegation'];
export type BrokenGlass = Schemas['BrokenGlass'];
export type VoteKey = Schemas['VoteKey'];
export type ProbeKey = Schemas['ProbeKeyOut'];
export type FleetIndex = Schemas['FleetIndex'];

/** Told when the server says that nobody is signed in; the shell asks for a sign-in over the page, which stays. */
let onSignedOut: () => void = () => undefined;
export const whenSignedOut = (tell: () => void) => { onSignedOut = tell; };

const query = createQuerySerializer();
/** Every request is for the tenant that the page looks at, but one that names another. */
export const http = createFetchClient<paths>({ baseUrl: '/', credentials: 'same-origin', querySerializer: (given) => query(tenant ? { tenant, ...given } : given) });

/** What an answer held, or a [`Failure`] thrown: one way for every call to go wrong. */
export async function get<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  let answer;
  try {
    answer = await call;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new Failure({ code: 'unreachable', status: 0, title: 'The server cannot be reached', detail: 'Nothing was changed. What is shown may be out of date.' });
  }
  if (answer.response.ok) return answer.data as T;
  const failure = readFailure(answer.response, answer.error);
  if (failure.code === 'unauthenticated') onSignedOut();
  throw failure;
}

/** For addresses that the document of this build does not have (yet), and for answers that are not JSON. */
export async function ask<T>(method: string, path: string, body?: unknown, init: RequestInit = {}): Promise<T> {
  const text = (response: Response) => response.text();
  const call = fetch(path.startsWith('/api/') ? within(path) : path, {
    method, credentials: 'same-origin', ...init,
    headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...init.headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).then(async (response) => {
    const said = await text(response);
    let data: unknown = said;
    try { data = said ? JSON.parse(said) : undefined; } catch { /* plain text */ }
    return response.ok ? { data: data as T, response } : { error: data, response };
  });
  return get<T>(call);
}
