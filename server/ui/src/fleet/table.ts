// The hosts that match, as a table for a spreadsheet: in the order of the page, everything that the index says of them.
import type { FleetIndex } from '../api/client';
import { csv } from '../kit/save';

const HEAD = ['name', 'id', 'state', 'tags', 'site', 'os', 'arch', 'version', 'level', 'health', 'load_percent', 'memory_percent', 'disk_percent', 'seen'];

export function hostsAsCsv(f: FleetIndex, rows: readonly number[]): string {
  const word = (column: readonly number[], i: number) => f.words[column[i] ?? -1] ?? '';
  // What was never told is an empty cell, not a number.
  const figure = (column: readonly number[], i: number) => { const n = column[i] ?? -1; return n < 0 ? '' : n; };
  const line = (i: number) => [
    f.name[i] ?? '', f.id[i] ?? '', word(f.status, i), (f.tags[i] ?? []).map((tag) => f.words[tag] ?? '').join(' '), word(f.site, i), word(f.os, i), word(f.arch, i), word(f.version, i), word(f.ceiling, i),
    figure(f.score, i), figure(f.cpu, i), figure(f.mem, i), figure(f.disk, i), f.seen[i] ? new Date((f.seen[i] ?? 0) * 1_000).toISOString() : '',
  ];
  return csv([HEAD, ...rows.map(line)]);
}
