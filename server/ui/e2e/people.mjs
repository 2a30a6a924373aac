// More people for the stories: who comes by a link, with a second factor where a story needs one, and what they ask as themselves.
import { createHmac } from 'node:crypto';

export const WORD = 'a long enough sentence';

/** Six digits of an authenticator app (RFC 6238) for a secret in base 32. */
export function digits(secret, at = Date.now()) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret.replace(/\s/g, '')].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigInt64BE(BigInt(Math.floor(at / 30_000)));
  const mac = createHmac('sha1', key).update(step).digest();
  const from = mac[19] & 0xf;
  return String((mac.readUInt32BE(from) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** Asks the API as the person whose browser it is. */
export async function as(page, base, method, path, data) {
  const answer = await page.request.fetch(`${base}${path}`, { method, headers: { origin: base }, ...(data === undefined ? {} : { data }) });
  const body = await answer.json().catch(() => undefined);
  return { status: answer.status(), body };
}

/** Somebody with a password, signed in on a page of their own. */
export async function comes({ b, w, name, roles, second = false }) {
  const made = await w.ask('POST', '/api/v1/users', { name, roles, invite: true });
  const page = await b.person(w.base);
  const token = decodeURIComponent(made.link.path.split('#')[1]);
  await as(page, w.base, 'POST', '/api/v1/auth/setup', { token, password: WORD });
  if (second) {
    const { body } = await as(page, w.base, 'POST', '/api/v1/auth/totp');
    const confirmed = await as(page, w.base, 'POST', '/api/v1/auth/totp/confirm', { code: digits(body.secret) });
    if (confirmed.status !== 200) throw new Error(`no second factor for ${name}: ${JSON.stringify(confirmed)}`);
  }
  return page;
}
