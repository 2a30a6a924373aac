import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { looking, within } from '../src/api/tenant';
import { ACTIONS, grantInWords, grouped, halves, inWords, reaches, reachInWords } from '../src/identity/words';

describe('actions and grants in words', () => {
  it('has words for every action that an operation asks for, and for the four levels', () => {
    const source = readFileSync(new URL('../../src/identity/acts.rs', import.meta.url), 'utf8');
    const asked = [...source.matchAll(/=> "(\w+)",/g)].map(([, action]) => action ?? '');
    expect(asked.length).toBeGreaterThan(20);
    for (const action of [...asked, 'observe', 'diagnose', 'remediate', 'destroy']) expect(inWords(action), action).not.toBe(action);
    expect(ACTIONS.flatMap(([, of]) => of).length).toBe(asked.length + 4);
  });
  it('shows an action of a bundle of one’s own by its name, and hides none', () => {
    expect(grouped(['viewFleet', 'danceOnTables'])).toEqual([['The fleet', ['viewFleet']], ['Others', ['danceOnTables']]]);
  });
  it('reads a grant, and says what it reaches', () => {
    expect(halves('scope:a:b')).toEqual(['scope', 'a:b']);
    expect(grantInWords('org:house')).toContain('every tenant');
    expect(reachInWords([], ['default'])).toBe('default');
    expect(reachInWords(['tenant:blue', 'scope:web'], ['blue'])).toBe('blue; of these, only hosts tagged web, and no people, keys, tokens or log');
  });
  it('adds grants up as the server does', () => {
    const blue = { name: 'blue', org: 'acme' };
    expect(reaches([], { name: 'default' })).toBe(true);
    expect(reaches([], blue)).toBe(false);
    expect(reaches(['scope:web'], { name: 'default' })).toBe(true);
    expect(reaches(['org:acme'], blue)).toBe(true);
    expect(reaches(['org:acme'], { name: 'red' })).toBe(false);
    expect(reaches(['org:house'], { name: 'red' })).toBe(true);
    expect(reaches(['tenant:blue'], { name: 'default' })).toBe(false);
  });
});

describe('one tenant in an address', () => {
  it('is put behind whatever the address has already', () => {
    expect(within('/api/v1/events', 'blue')).toBe('/api/v1/events?tenant=blue');
    expect(within('/api/v1/audit?limit=1', 'a b')).toBe('/api/v1/audit?limit=1&tenant=a%20b');
    expect(within('/api/v1/events', undefined)).toBe('/api/v1/events');
  });
  it('leaves what was open of the tenant before', () => {
    expect(looking('blue', '/commands/cmd_1')).toBe('/commands?tenant=blue');
    expect(looking('blue', '/access/people/ana')).toBe('/access?tenant=blue');
    expect(looking(undefined, '/fleet')).toBe('/fleet');
    expect(looking('blue', '/approvals/figures')).toBe('/approvals/figures?tenant=blue');
  });
});
