// @vitest-environment happy-dom
import { expect, it } from 'vitest';
import { bytes, count } from '../src/kit/bytes';
import { span } from '../src/kit/time';

it.each([[0, '0 s'], [59, '59 s'], [61, '1 min 1 s'], [3_600, '1 h'], [7_500, '2 h 5 min'], [86_400 * 12 + 3_600, '12 d'], [-90, '1 min 30 s']])('%s seconds are %s', (seconds, said) => expect(span(seconds)).toBe(said));
it.each([[0, '0 B'], [1023, '1023 B'], [1536, '1.5 KiB'], [25_276_502_016, '23.5 GiB']])('%s bytes are %s', (n, said) => expect(bytes(n)).toBe(said));
it('counts one and many', () => expect([count(1, 'policy', 'policies'), count(2_000, 'host')]).toEqual(['1 policy', '2,000 hosts']));
