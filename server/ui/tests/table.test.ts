// What goes out of the page for a spreadsheet: every cell is text there, and says what the page says.
import { expect, test } from 'vitest';
import type { FleetIndex } from '../src/api/client';
import { hostsAsCsv } from '../src/fleet/table';
import { csv } from '../src/kit/save';

test('no cell is a formula, and none ends early', () => {
  expect(csv([['ana', 'a","b\r\nc', 7]])).toBe('"ana","a"",""b\r\nc",7\r\n');
  for (const text of ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', ' =1', '\u00a0=1', '＝1']) expect(csv([[text]])).toMatch(/^"'/);
});

test('hosts come in the order of the page, with what is not known left empty', () => {
  const f = {
    words: ['online', 'linux', 'x86_64', '0.1.0', 'destroy', 'web', 'eu', 'offline', ''], id: ['prb_1', 'prb_2'], name: ['web-1', '=cmd'], status: [0, 7], tags: [[5], []], site: [6, 8], os: [1, 1], arch: [2, 2], version: [3, 3], ceiling: [4, 4],
    score: [100, 50], cpu: [12, -1], mem: [40, -1], disk: [80, -1], seen: [1_700_000_000, 0],
  } as unknown as FleetIndex;
  const lines = hostsAsCsv(f, [1, 0]).trimEnd().split('\r\n');
  expect(lines[0]).toContain('"name","id","state"');
  expect(lines[1]).toBe('"\'=cmd","prb_2","offline","","","linux","x86_64","0.1.0","destroy",50,"","","",""');
  expect(lines[2]).toBe('"web-1","prb_1","online","web","eu","linux","x86_64","0.1.0","destroy",100,12,40,80,"2023-11-14T22:13:20.000Z"');
});
