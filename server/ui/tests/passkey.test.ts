// What passkeys are written as: the server's letters and the browser's bytes are the same thing.
import { describe, expect, it } from 'vitest';
import { bytes, wavedAway, words } from '../src/identity/passkey';

describe('passkeys', () => {
  it('writes bytes in base 64 without padding, and reads them again', () => {
    for (const all of [[], [0], [251, 255, 254], [1, 2, 3, 4], Array.from({ length: 256 }, (_, n) => n)]) {
      const text = words(Uint8Array.from(all).buffer);
      expect(text).toMatch(/^[A-Za-z0-9_-]*$/);
      expect([...bytes(text)]).toEqual(all);
    }
    expect(words(Uint8Array.from([251, 255]).buffer)).toBe('-_8');
  });

  it('takes a dialog that was waved away for no fault', () => {
    expect(wavedAway(new DOMException('', 'NotAllowedError'))).toBe(true);
    expect(wavedAway(new DOMException('', 'SecurityError'))).toBe(false);
    expect(wavedAway(new Error('NotAllowedError'))).toBe(false);
  });
});
