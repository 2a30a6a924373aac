// Passkeys: what the server says, as the browser wants it, and what the browser answers, as the server wants it.
import { ask } from '../api/client';

type Making = { challenge: string; rp_id: string; user_id: string; user_name: string; exclude: string[]; timeout_ms: number };
type Challenge = { challenge: string; rp_id: string; timeout_ms: number };
export type Proof = { id: string; client_data: string; authenticator_data: string; signature: string };
export type Added = { passkey: { id: string; name: string }; recovery_codes: string[] };

export const hasPasskeys = () => typeof window.PublicKeyCredential === 'function' && window.isSecureContext;

export function bytes(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
  return Uint8Array.from(plain, (c) => c.charCodeAt(0));
}

export function words(buffer: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

/** Makes a passkey on this device or on a key, and takes it into use. */
export async function make(name: string): Promise<Added> {
  const begun = await ask<Making>('POST', '/api/v1/auth/passkeys');
  const made = await navigator.credentials.create({
    publicKey: {
      challenge: bytes(begun.challenge), timeout: begun.timeout_ms, attestation: 'none',
      rp: { id: begun.rp_id, name: 'Legator' },
      user: { id: bytes(begun.user_id), name: begun.user_name, displayName: begun.user_name },
      pubKeyCredParams: [-7, -8, -257].map((alg) => ({ alg, type: 'public-key' as const })),
      excludeCredentials: begun.exclude.map((id) => ({ id: bytes(id), type: 'public-key' as const })),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    },
  }) as PublicKeyCredential;
  const answer = made.response as AuthenticatorAttestationResponse;
  return ask<Added>('POST', '/api/v1/auth/passkeys/confirm', { name, client_data: words(answer.clientDataJSON), attestation: words(answer.attestationObject) });
}

/** Shows a passkey. */
export async function show(): Promise<Proof> {
  const begun = await ask<Challenge>('POST', '/api/v1/auth/passkeys/challenge');
  const shown = await navigator.credentials.get({
    publicKey: { challenge: bytes(begun.challenge), timeout: begun.timeout_ms, rpId: begun.rp_id, userVerification: 'required' },
  }) as PublicKeyCredential;
  const answer = shown.response as AuthenticatorAssertionResponse;
  return { id: words(shown.rawId), client_data: words(answer.clientDataJSON), authenticator_data: words(answer.authenticatorData), signature: words(answer.signature) };
}

/** Has one of these passkeys sign a text: what it is asked with is the text's own hash. */
export async function sign(text: string, ids: string[], stop?: AbortSignal): Promise<Proof> {
  const challenge = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  const shown = await navigator.credentials.get({
    // A little less than the server waits, so that what comes late does not come too late.
    publicKey: { challenge, timeout: 240_000, userVerification: 'required', allowCredentials: ids.map((id) => ({ id: bytes(id), type: 'public-key' as const })) },
    ...(stop ? { signal: stop } : {}),
  }) as PublicKeyCredential;
  const answer = shown.response as AuthenticatorAssertionResponse;
  return { id: words(shown.rawId), client_data: words(answer.clientDataJSON), authenticator_data: words(answer.authenticatorData), signature: words(answer.signature) };
}

/** Whether somebody waved the browser's dialog away, which is no fault. */
export const wavedAway = (cause: unknown) => cause instanceof DOMException && (cause.name === 'NotAllowedError' || cause.name === 'AbortError');
