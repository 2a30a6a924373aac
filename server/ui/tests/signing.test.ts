// What a vote says is one text, here, on the server and on the command line: the engine's test has the same letters.
import { describe, expect, it } from 'vitest';
import { begin, enrollmentOf, signing, stopOf, textOf, type VoteKey } from '../src/approvals/signing';

const said = { request: 'apr_1', digest: '00ff', choice: 'approve' as const, person: 'usr_1', reason: 'looks right' };

describe('a vote that is signed', () => {
  it('is the text that everybody else makes of it', async () => {
    expect(await textOf({ ...said, at_ms: 7, nonce: '0a' })).toBe(
      'legator vote v1\nrequest apr_1\ndigest 00ff\nchoice approve\nperson usr_1\nstands-for nobody\n'
      + 'reason 52725cf8d307a5d339a7dcd0dbbbf37dc021be0d6402b84a91ecb14ecc00136f\nat 7\nnonce 0a\n');
    expect(enrollmentOf('usr_1', 'AA==')).toBe('legator vote key v1\nperson usr_1\nkey AA==\n');
  });

  it('names by their id in whose place it is', async () => {
    expect(await textOf({ ...said, at_ms: 7, nonce: '0a', standsFor: 'usr_3' })).toContain('person usr_1\nstands-for usr_3\nreason ');
  });

  it('has a nonce of its own, and the time', async () => {
    const [one, two] = [await begin(said), await begin(said)];
    expect(one.nonce).toMatch(/^[0-9a-f]{32}$/);
    expect(one.nonce).not.toBe(two.nonce);
    expect(one.text).toContain(`at ${one.at_ms}\nnonce ${one.nonce}\n`);
  });

  it('is signed by a passkey that was taken up and vouched for, and by no other key', () => {
    const key = { id: 'a', person: 'p', name: 'n', algorithm: 'webauthn', public_key: '', created_at: '' };
    const keys: VoteKey[] = [{ ...key, waits: false }, { ...key, passkey: 'x', waits: true }, { ...key, id: 'b', passkey: 'y', waits: false }];
    expect(signing(keys).map((one) => one.id)).toEqual(['b']);
    expect(signing(undefined)).toEqual([]);
  });

  it('tells what was waved away from what cannot be, and from a fault', () => {
    expect(stopOf(new DOMException('', 'NotAllowedError'))).toBe('waved');
    expect(stopOf(new DOMException('', 'AbortError'))).toBe('waved');
    expect(stopOf(new DOMException('', 'SecurityError'))).toBe('unable');
    expect(stopOf(new Error('NotAllowedError'))).toBeUndefined();
  });
});
