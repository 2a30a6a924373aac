import { describe, expect, it } from 'vitest';
import { covers, fits, mayCover, type Wish } from '../src/approvals/covers';

const wish: Wish = { principal: 'ana', level: 'remediate', programs: ['systemctl'], effects: [], line: 'systemctl restart *', hosts: new Set(['prb_1']) };
const read = (over: object = {}) => ({ classification: { level: 'remediate', parsed: true, known: true, programs: ['systemctl'], effects: ['restart'], targets: [], parts: [], ...over } });
const command = (over: object = {}) => ({ requester_name: 'ana', level: 'remediate', line: 'systemctl restart nginx', probe: 'prb_1', decision: read(), ...over }) as Parameters<typeof covers>[1];

describe('what a pattern would have covered', () => {
  it('a line fits where a star is any text, and nothing else is special', () => {
    expect(fits('systemctl restart *', 'systemctl restart nginx')).toBe(true);
    expect(fits('systemctl restart *', 'systemctl stop nginx')).toBe(false);
    expect(fits('a.c*', 'abc')).toBe(false);
    expect(fits('*(x)*', 'y(x)\nz')).toBe(true);
    expect(fits('systemctl', 'systemctl restart')).toBe(false);
    expect(fits(undefined, 'anything')).toBe(true);
  });
  it('covers the person, the place, the level, the program and the line that it names', () => {
    expect(covers(wish, command())).toBe(true);
    for (const other of [{ requester_name: 'eva' }, { probe: 'prb_2' }, { level: 'destroy' }, { level: 'unheard-of' }, { line: 'systemctl stop nginx' }, { shell: 'systemctl restart nginx' }]) expect(covers(wish, command(other)), JSON.stringify(other)).toBe(false);
  });
  it('never guesses: what was not read, not known, or read as another program is not covered', () => {
    for (const decision of [undefined, {}, read({ parsed: false }), read({ known: false }), read({ programs: [] }), read({ programs: ['systemctl', 'rm'] })]) expect(covers(wish, command({ decision }))).toBe(false);
    expect(mayCover(wish, command({ decision: undefined }))).toBe(true);
  });
  it('holds effects to those that were named, where some were', () => {
    expect(covers({ ...wish, effects: ['restart'] }, command())).toBe(true);
    expect(covers({ ...wish, effects: ['reload'] }, command())).toBe(false);
  });
});
