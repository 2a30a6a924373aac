// A vote that a passkey signs: the text, written exactly as the server and `legatorctl audit verify` write it, and what
// came of asking. Never: a vote that goes out unsigned because the signing went wrong; that is the voter's to say.
import { queryOptions } from '@tanstack/react-query';
import { ask } from '../api/client';
import { type Proof, sign } from '../identity/passkey';

export type VoteKey = { id: string; person: string; name: string; algorithm: string; public_key: string; passkey?: string; waits: boolean; created_at: string };
export type Signature = { key: string; at_ms: number; nonce: string; passkey: Proof };
type Said = { request: string; digest: string; choice: 'approve' | 'deny'; person: string; reason: string; at_ms: number; nonce: string; standsFor?: string };

export const myKeys = () => queryOptions({ queryKey: ['vote-keys'], queryFn: () => ask<{ keys: VoteKey[] }>('GET', '/api/v1/approvals/keys?mine=true') });

/** Passkeys of mine that sign votes now. */
export const signing = (keys: VoteKey[] | undefined) => (keys ?? []).filter((key) => key.passkey !== undefined && !key.waits);

const hex = (all: Uint8Array) => Array.from(all, (byte) => byte.toString(16).padStart(2, '0')).join('');

export async function textOf({ request, digest, choice, person, reason, at_ms, nonce, standsFor = 'nobody' }: Said): Promise<string> {
  const hash = hex(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(reason))));
  return `legator vote v1\nrequest ${request}\ndigest ${digest}\nchoice ${choice}\nperson ${person}\nstands-for ${standsFor}\nreason ${hash}\nat ${at_ms}\nnonce ${nonce}\n`;
}

/** What somebody signs to show that a key is theirs, or to vouch for it. */
export const enrollmentOf = (person: string, publicKey: string) => `legator vote key v1\nperson ${person}\nkey ${publicKey}\n`;

/** The vote's text, made now. */
export async function begin(said: Omit<Said, 'at_ms' | 'nonce'>): Promise<{ text: string; at_ms: number; nonce: string }> {
  const [at_ms, nonce] = [Date.now(), hex(crypto.getRandomValues(new Uint8Array(16)))];
  return { text: await textOf({ ...said, at_ms, nonce }), at_ms, nonce };
}

/** Asks the authenticator for one of these passkeys. */
export async function signVote(begun: { text: string; at_ms: number; nonce: string }, keys: VoteKey[], stop: AbortSignal): Promise<Signature> {
  const passkey = await sign(begun.text, keys.flatMap((key) => key.passkey ?? []), stop);
  const key = keys.find((one) => one.passkey === passkey.id);
  if (!key) throw new DOMException('another passkey answered', 'InvalidStateError');
  return { key: key.id, at_ms: begun.at_ms, nonce: begun.nonce, passkey };
}

/** Why nothing was signed: somebody waved it away or took too long, or this browser has no way to. */
export type Stop = 'waved' | 'unable';
export function stopOf(cause: unknown): Stop | undefined {
  if (!(cause instanceof DOMException)) return undefined;
  return cause.name === 'NotAllowedError' || cause.name === 'AbortError' || cause.name === 'TimeoutError' ? 'waved' : 'unable';
}
