import { describe, expect, it } from 'vitest';
import { leafHash, readTicket, rootOf, verify } from '../src/timeline/proof';

type Bytes = Uint8Array<ArrayBuffer>;
const join = async (left: Bytes, right: Bytes): Promise<Bytes> => new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array([1, ...left, ...right])));
const text64 = (bytes: Bytes) => btoa(String.fromCharCode(...bytes));
const split = (n: number) => { let k = 1; while (k * 2 < n) k *= 2; return k; };

/** RFC 9162, written down a second time: root and path by their recursive definitions. */
async function root(leaves: Bytes[]): Promise<Bytes> {
  if (leaves.length === 1) return leaves[0] as Bytes;
  const k = split(leaves.length);
  return join(await root(leaves.slice(0, k)), await root(leaves.slice(k)));
}
async function path(at: number, leaves: Bytes[]): Promise<Bytes[]> {
  if (leaves.length === 1) return [];
  const k = split(leaves.length);
  return at < k ? [...await path(at, leaves.slice(0, k)), await root(leaves.slice(k))] : [...await path(at - k, leaves.slice(k)), await root(leaves.slice(0, k))];
}

const entries = (n: number) => Array.from({ length: n }, (_, i) => `{"index":${i}}`);

async function signedProof(n: number, at: number) {
  const leaves = await Promise.all(entries(n).map(leafHash));
  const pair = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']) as CryptoKeyPair;
  const key = new Uint8Array([1, ...new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey))]);
  const body = `test/log\n${n}\n${text64(await root(leaves))}\n`;
  const signature = new Uint8Array(await crypto.subtle.sign('Ed25519', pair.privateKey, new TextEncoder().encode(body)));
  const note = `${body}\n— test/log ${text64(new Uint8Array([1, 2, 3, 4, ...signature]))}\n`;
  const proof = ['c2sp.org/tlog-proof@v1', `index ${at}`, ...(await path(at, leaves)).map(text64), '', note].join('\n');
  return { index: at, entry: entries(n)[at] ?? '', leaf_hash: text64(leaves[at] as Bytes), proof, verifier: `test/log+01020304+${text64(key)}` };
}

type Pair = { verifier: string; sign: (text: string) => Promise<string> };

/** A key of the log, and its signature lines. */
async function pair(id: number): Promise<Pair> {
  const made = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']) as CryptoKeyPair;
  const key = new Uint8Array([1, ...new Uint8Array(await crypto.subtle.exportKey('raw', made.publicKey))]);
  const sign = async (text: string) => {
    const signature = new Uint8Array(await crypto.subtle.sign('Ed25519', made.privateKey, new TextEncoder().encode(text)));
    return `— test/log ${text64(new Uint8Array([id, id, id, id, ...signature]))}\n`;
  };
  return { verifier: `test/log+${`0${id}`.repeat(4)}+${text64(key)}`, sign };
}

/** A log of six entries whose key was turned in entry 2; what the server tells of it. */
async function turned(old: Pair, next: Pair, by: Pair[] = [old, next]) {
  const before = await Promise.all(entries(2).map(leafHash));
  const said = `test/log\n2\n${text64(await root(before))}\nnext-key ${next.verifier}\n`;
  const note = `${said}\n${(await Promise.all(by.map((one) => one.sign(said)))).join('')}`;
  const entry = JSON.stringify({ v: 1, index: 2, kind: 'log-key.turned', body: { old: old.verifier, new: next.verifier, note } });
  const lines = [...entries(2), entry, ...entries(6).slice(3)];
  const leaves = await Promise.all(lines.map(leafHash));
  const prove = async (at: number) => {
    const head = `test/log\n6\n${text64(await root(leaves))}\n`;
    return ['c2sp.org/tlog-proof@v1', `index ${at}`, ...(await path(at, leaves)).map(text64), '', `${head}\n${await next.sign(head)}`].join('\n');
  };
  const proof = { index: 4, entry: lines[4] ?? '', leaf_hash: text64(leaves[4] as Bytes), proof: await prove(4), verifier: next.verifier };
  return { proof, turn: { index: 2, entry, proof: await prove(2) }, prove };
}

describe('the key of the log', () => {
  const key = async (verdict: ReturnType<typeof verify>) => (await verdict).steps.find((step) => step.what === 'Key');
  it('is followed from the one that was seen first, by the turn that both signed', async () => {
    const [old, next] = [await pair(1), await pair(2)];
    const { proof, turn } = await turned(old, next);
    const verdict = await verify(proof, { verifier: old.verifier, turns: [turn] });
    expect(verdict.ok).toBe(true);
    expect((await key(verify(proof, { verifier: old.verifier, turns: [turn] })))?.said).toContain('turned once');
    expect((await key(verify(proof, { verifier: next.verifier, turns: [] })))?.ok).toBe(true);
  });
  it('is another log’s where the turn is missing, signed by others, in another place or not in the log', async () => {
    const [old, next, thief] = [await pair(1), await pair(2), await pair(3)];
    const { proof, turn, prove } = await turned(old, next);
    const known = (turns: typeof turn[]) => ({ verifier: old.verifier, turns });
    expect((await verify(proof, known([]))).ok).toBe(false);
    for (const by of [[next], [old], [thief, next]]) {
      const forged = await turned(old, next, by);
      expect((await verify(forged.proof, known([forged.turn]))).ok).toBe(false);
    }
    expect((await verify(proof, known([{ ...turn, index: 3 }]))).ok).toBe(false);
    expect((await verify(proof, known([{ ...turn, proof: await prove(1) }]))).ok).toBe(false);
    expect((await verify(proof, { verifier: thief.verifier, turns: [turn] })).ok).toBe(false);
  });
});

describe('the proof of an entry', () => {
  it('leads to the root for every entry of every small log, and from no other place', async () => {
    for (let n = 1; n <= 9; n++) {
      const leaves = await Promise.all(entries(n).map(leafHash));
      const top = text64(await root(leaves));
      for (let at = 0; at < n; at++) {
        const way = await path(at, leaves);
        expect(text64((await rootOf(at, n, leaves[at] as Bytes, way)) as Bytes)).toBe(top);
        const other = await rootOf((at + 1) % n, n, leaves[at] as Bytes, way);
        if (n > 1) expect(other && text64(other)).not.toBe(top);
        expect(await rootOf(at, n, leaves[at] as Bytes, [...way, leaves[0] as Bytes])).toBeUndefined();
      }
    }
  });
  it('holds with its signature', async () => {
    const verdict = await verify(await signedProof(7, 3));
    expect(verdict.ok).toBe(true);
    expect(verdict.steps.map((step) => step.ok)).toEqual([true, true, true]);
  });
  it('fails for another text, another place, another key and another size', async () => {
    const good = await signedProof(7, 3);
    expect((await verify({ ...good, entry: '{"index":4}' })).ok).toBe(false);
    expect((await verify({ ...good, index: 4 })).ok).toBe(false);
    expect((await verify({ ...good, verifier: (await signedProof(2, 1)).verifier })).ok).toBe(false);
    expect((await verify({ ...good, proof: good.proof.replace('\n7\n', '\n8\n') })).ok).toBe(false);
  });
  it('is refused when it is no proof at all', () => {
    expect(() => readTicket('')).toThrow('not a proof');
    expect(() => readTicket('c2sp.org/tlog-proof@v1\nindex 1\n\n')).toThrow('no checkpoint');
  });
});
