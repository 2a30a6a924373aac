// Proves in the browser that an entry is in the log: RFC 6962 hashes with WebCrypto, the C2SP ticket, the signed head.
// Where the log's key was turned, the turns are followed from the key that this browser saw first.
// Never: believes the server's own word. What could not be checked is said, not passed over.

export type Step = { what: string; ok: boolean | undefined; said: string };
export type Verdict = { ok: boolean; steps: Step[]; size: number; root: string };
/** A turn of the log's key: the entry in which the old key names the new one, and its proof. */
export type KeyTurn = { index: number; entry: string; proof: string };
/** What this browser knew of the log's key before, and the turns that the server tells of. */
export type Known = { verifier: string; turns: KeyTurn[] };
export type Proof = { index: number; entry?: string; leaf_hash: string; proof: string; verifier: string };

type Bytes = Uint8Array<ArrayBuffer>;
const raw = (text: string): Bytes => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
const text64 = (bytes: Bytes) => btoa(String.fromCharCode(...bytes));
const same = (a: Bytes, b: Bytes) => a.length === b.length && a.every((byte, at) => byte === b[at]);

async function sha256(...parts: Bytes[]): Promise<Bytes> {
  const all = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) { all.set(part, at); at += part.length; }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', all));
}
export const leafHash = (entry: string) => sha256(new Uint8Array([0]), new TextEncoder().encode(entry));
const nodeHash = (left: Bytes, right: Bytes) => sha256(new Uint8Array([1]), left, right);

/** The root that a path leads to (RFC 9162, 2.1.3.2). Nothing if the path has the wrong length. */
export async function rootOf(index: number, size: number, leaf: Bytes, path: Bytes[]): Promise<Bytes | undefined> {
  if (index >= size) return undefined;
  let at = BigInt(index);
  let last = BigInt(size - 1);
  let hash = leaf;
  for (const sibling of path) {
    if (last === 0n) return undefined;
    if ((at & 1n) === 1n || at === last) {
      hash = await nodeHash(sibling, hash);
      if ((at & 1n) === 0n) while ((at & 1n) === 0n && at !== 0n) { at >>= 1n; last >>= 1n; }
    } else hash = await nodeHash(hash, sibling);
    at >>= 1n;
    last >>= 1n;
  }
  return last === 0n ? hash : undefined;
}

type Note = { origin: string; size: number; root: string; more: string[]; signed: string; signatures: { name: string; bytes: Bytes }[] };
export type Ticket = Note & { index: number; path: Bytes[] };

/** A C2SP checkpoint: origin, size, root, lines of others, and who signed. */
function readNote(note: string): Note {
  const end = note.indexOf('\n\n');
  const signed = note.slice(0, end + 1);
  const [origin, size, root, ...more] = signed.trimEnd().split('\n');
  if (end < 0 || !origin || !/^\d+$/.test(size ?? '') || !root) throw new Error('the proof carries no checkpoint');
  const signatures = note.slice(end + 2).split('\n').filter((line) => line.startsWith('— ')).map((line) => {
    const [, name = '', bytes = ''] = line.split(' ');
    return { name, bytes: raw(bytes) };
  });
  return { origin, size: Number(size), root, more, signed, signatures };
}

/** A C2SP `tlog-proof`: index, path, and the checkpoint with its signatures. */
export function readTicket(text: string): Ticket {
  const cut = text.indexOf('\n\n');
  const head = text.slice(0, cut).split('\n');
  const index = /^index (\d+)$/.exec(head[1] ?? '')?.[1];
  if (cut < 0 || head[0] !== 'c2sp.org/tlog-proof@v1' || index === undefined) throw new Error('this is not a proof of a log');
  return { index: Number(index), path: head.slice(2).map(raw), ...readNote(text.slice(cut + 2)) };
}

/** Whether the checkpoint is signed by the key; nothing where this browser cannot check it. */
async function signedBy(note: Note, verifier: string): Promise<boolean | undefined> {
  // A key may contain `+` in its base 64, but not in its name or number.
  const [name = '', number = '', ...rest] = verifier.split('+');
  const key = raw(rest.join('+'));
  if (key[0] !== 1 || key.length !== 33) return undefined;
  const by = note.signatures.find((one) => one.name === name && one.bytes.length === 68 && [...one.bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join('') === number);
  if (!by) return false;
  try {
    const imported = await crypto.subtle.importKey('raw', key.slice(1), 'Ed25519', false, ['verify']);
    return await crypto.subtle.verify('Ed25519', imported, by.bytes.slice(4), new TextEncoder().encode(note.signed));
  } catch { return undefined; }
}

/** Whether a turn leads from one key to the next: of this log, in this place, signed by both. */
async function turns(turn: KeyTurn, from: string): Promise<string | undefined> {
  const entry = JSON.parse(turn.entry) as { kind?: string; index?: number; body?: { old?: string; new?: string; note?: string } };
  const { old, new: next, note } = entry.body ?? {};
  if (entry.kind !== 'log-key.turned' || entry.index !== turn.index || old !== from || !next || !note) return undefined;
  const said = readNote(note);
  const named = (key: string) => key.split('+')[0] === said.origin;
  const right = said.size === turn.index && said.more.length === 1 && said.more[0] === `next-key ${next}` && named(old) && named(next);
  return right && (await signedBy(said, old)) && (await signedBy(said, next)) ? next : undefined;
}

/** Follows from the key that was known to the one that signs now. Each turn has to stand in the log that is signed now. */
async function follow(known: Known, now: string): Promise<Step> {
  const what = 'Key';
  if (known.verifier === now) return { what, ok: true, said: 'the one that this browser saw first' };
  let key = known.verifier;
  let count = 0;
  for (const turn of known.turns) {
    const next = await turns(turn, key);
    if (next === undefined) continue;
    const stands = await verify({ index: turn.index, entry: turn.entry, leaf_hash: text64(await leafHash(turn.entry)), proof: turn.proof, verifier: now });
    if (!stands.ok) break;
    key = next;
    count += 1;
  }
  const leads = key === now;
  return { what, ok: leads, said: leads ? `turned ${count === 1 ? 'once' : `${count} times`} since this browser first saw it, each time signed by both keys` : 'another one than this browser saw before, and no turn leads there: this may be another log' };
}

export async function verify(proof: Proof, known?: Known): Promise<Verdict> {
  const ticket = readTicket(proof.proof);
  const steps: Step[] = [];
  const leaf = proof.entry === undefined ? raw(proof.leaf_hash) : await leafHash(proof.entry);
  const fits = proof.entry === undefined ? undefined : same(leaf, raw(proof.leaf_hash));
  steps.push({ what: 'Entry', ok: fits, said: fits === undefined ? 'the entry’s text is no longer kept; its hash is' : fits ? `its SHA-256 is ${text64(leaf).slice(0, 12)}…` : 'its text does not have the hash that the server names' });
  const right = ticket.index === proof.index;
  const root = right ? await rootOf(ticket.index, ticket.size, leaf, ticket.path) : undefined;
  const found = root !== undefined && text64(root) === ticket.root;
  steps.push({ what: 'Path', ok: found, said: found ? `${ticket.path.length} hashes lead to the root of ${ticket.size.toLocaleString('en')} entries` : 'the hashes do not lead to the log’s root' });
  const signed = await signedBy(ticket, proof.verifier);
  steps.push({ what: 'Signature', ok: signed, said: signed === undefined ? 'this browser cannot check Ed25519; `legatorctl audit check-proof` can' : signed ? `the head is signed by ${ticket.origin}` : `the head is not signed by ${ticket.origin}` });
  if (known) steps.push(await follow(known, proof.verifier));
  return { ok: steps.every((step) => step.ok !== false) && found, steps, size: ticket.size, root: ticket.root };
}
