import { describe, expect, it } from 'vitest';
import type { FleetIndex } from '../src/api/client';
import { offers, parse, select, toggled } from '../src/fleet/query';

const f: FleetIndex = {
  words: ['online', 'offline', 'linux', '', 'web', 'prod', 'x86_64', '0.1.0', 'remediate', 'degraded'],
  id: ['prb_1', 'prb_2', 'prb_3'], name: ['db-1', 'web-1', 'web-2'], status: [0, 1, 9], os: [2, 2, 2], arch: [6, 6, 6], version: [7, 7, 7], ceiling: [8, 8, 8], site: [3, 3, 3],
  tags: [[], [4], [4, 5]], score: [100, 50, 75], cpu: [10, -1, 90], mem: [5, -1, 20], disk: [80, -1, 30], seen: [1_000, 400, 0],
};
const found = (query: string, sort: Parameters<typeof select>[2] = 'name', desc = false) => select(f, parse(query, 1_000_000), sort, desc).map((i) => f.name[i]);

describe('the query of the fleet', () => {
  it('matches words against names and ids', () => {
    expect(found('web')).toEqual(['web-1', 'web-2']);
    expect(found('web 2')).toEqual(['web-2']);
    expect(found('prb_1')).toEqual(['db-1']);
  });
  it('narrows by keys, takes a comma as or, and a minus as not', () => {
    expect(found('is:offline,degraded')).toEqual(['web-1', 'web-2']);
    expect(found('tag:web -tag:prod')).toEqual(['web-1']);
    expect(found('-web')).toEqual(['db-1']);
  });
  it('compares figures, and counts what is not known as neither high nor low', () => {
    expect(found('cpu:>80')).toEqual(['web-2']);
    expect(found('cpu:<80')).toEqual(['db-1']);
    expect(found('seen:>5m')).toEqual(['web-1', 'web-2']);
  });
  it('tells what it does not understand, and then matches nothing, excluded or not', () => {
    expect(parse('colour:red')[0]?.fault).toContain('colour');
    expect(found('colour:red')).toEqual([]);
    expect(found('-colour:red')).toEqual([]);
    expect(parse('cpu:much')[0]?.fault).toContain('cpu:>80');
  });
  it('puts what is worst first, and keeps names in order where all else is equal', () => {
    expect(found('', 'status')).toEqual(['web-1', 'web-2', 'db-1']);
    expect(found('', 'name', true)).toEqual(['web-2', 'web-1', 'db-1']);
  });
  it('puts a term in and takes it out again', () => {
    expect(toggled('web', 'is:offline')).toBe('web is:offline');
    expect(toggled('web is:offline', 'is:offline')).toBe('web');
  });
  it('offers keys, then values with their counts', () => {
    expect(offers(f, 'web t')).toEqual([{ text: 'tag:' }]);
    expect(offers(f, '-tag:')).toEqual([{ text: '-tag:web', n: 2 }, { text: '-tag:prod', n: 1 }]);
    expect(offers(f, 'tag:web ')).toEqual([]);
  });
});
