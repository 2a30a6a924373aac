// The fleet's query language. Words match the name; `key:value` narrows; a comma means or; a leading `-` excludes.
// Never: ignores what it does not understand. An unknown key is told, and matches nothing.
import type { FleetIndex } from '../api/client';

export const KEYS = ['is', 'tag', 'os', 'arch', 'site', 'level', 'version', 'cpu', 'mem', 'disk', 'health', 'seen'] as const;
const FIGURES: Record<string, 'cpu' | 'mem' | 'disk' | 'score'> = { cpu: 'cpu', mem: 'mem', disk: 'disk', health: 'score' };
const WORDS: Record<string, 'status' | 'os' | 'arch' | 'site' | 'ceiling' | 'version'> = { is: 'status', os: 'os', arch: 'arch', site: 'site', level: 'ceiling', version: 'version' };
const LENGTH: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 };

// Ten thousand names are made lower-case once, not at every key. A patched index keeps its columns, so they stay known.
const lowered = new WeakMap<readonly string[], string[]>();
function low(column: readonly string[]): string[] {
  let known = lowered.get(column);
  if (!known) { known = column.map((text) => text.toLowerCase()); lowered.set(column, known); }
  return known;
}

export type Term = { text: string; not: boolean; fault?: string; test: (f: FleetIndex, i: number) => boolean };

function compared(value: string): ((n: number) => boolean) | undefined {
  const hit = /^(>=|<=|>|<)?(\d+(?:\.\d+)?)([smhd%]?)$/.exec(value);
  if (!hit) return undefined;
  const limit = Number(hit[2]) * (LENGTH[hit[3] ?? ''] ?? 1);
  switch (hit[1]) {
    case '<': return (n) => n >= 0 && n < limit;
    case '<=': return (n) => n >= 0 && n <= limit;
    case '>': return (n) => n > limit;
    case '>=': return (n) => n >= limit;
    default: return (n) => n === limit;
  }
}

export function parse(query: string, now = Date.now()): Term[] {
  return query.trim().split(/\s+/).filter(Boolean).map((raw) => {
    const not = raw.startsWith('-') && raw.length > 1;
    const word = (not ? raw.slice(1) : raw).toLowerCase();
    const cut = word.indexOf(':');
    const term = (test: Term['test'], fault?: string): Term => ({ text: raw, not, test, ...(fault ? { fault } : {}) });
    if (cut <= 0) return term((f, i) => (low(f.name)[i] ?? '').includes(word) || (low(f.id)[i] ?? '') === word);
    const key = word.slice(0, cut);
    const values = word.slice(cut + 1).split(',').filter(Boolean);
    const nothing = () => not;
    if (!(KEYS as readonly string[]).includes(key)) return term(nothing, `there is no key “${key}”`);
    if (values.length === 0) return term(() => !not);
    const column = WORDS[key];
    if (column) return term((f, i) => { const said = low(f.words)[f[column][i] ?? 0] ?? ''; return values.some((value) => said.startsWith(value)); });
    if (key === 'tag') {
      return term((f, i) => (f.tags[i] ?? []).some((tag) => values.includes(low(f.words)[tag] ?? '')));
    }
    const tests = values.map(compared);
    if (tests.some((test) => !test)) return term(nothing, `“${raw}” is not a figure; write ${key}:>${key === 'seen' ? '1h' : '80'}`);
    const figure = FIGURES[key];
    if (figure) return term((f, i) => tests.some((test) => test?.(f[figure][i] ?? -1)));
    return term((f, i) => { const at = f.seen[i] ?? 0; const ago = at ? now / 1_000 - at : Infinity; return tests.some((test) => test?.(ago)); });
  });
}

export type Sort = 'name' | 'status' | 'cpu' | 'mem' | 'disk' | 'seen';
const WORST = ['offline', 'degraded', 'pending', 'online'];

/** The places of all that match, in order. */
export function select(f: FleetIndex, terms: Term[], sort: Sort, desc: boolean): number[] {
  const rows: number[] = [];
  for (let i = 0; i < f.id.length; i++) {
    let fits = true;
    for (const term of terms) if (term.test(f, i) === term.not) { fits = false; break; }
    if (fits) rows.push(i);
  }
  const rank = f.words.map((word) => { const at = WORST.indexOf(word); return at < 0 ? 9 : at; });
  const figure = (column: readonly number[]) => (a: number, b: number) => (column[a] ?? 0) - (column[b] ?? 0) || a - b;
  // The index comes in the order of names.
  const by: Record<Sort, (a: number, b: number) => number> = {
    name: (a, b) => a - b,
    status: (a, b) => (rank[f.status[a] ?? 0] ?? 9) - (rank[f.status[b] ?? 0] ?? 9) || a - b,
    cpu: figure(f.cpu), mem: figure(f.mem), disk: figure(f.disk), seen: figure(f.seen),
  };
  rows.sort(by[sort]);
  return desc ? rows.reverse() : rows;
}

/** How many have each status, tag, … for the filters and for what is offered while typing. */
type Census = { status: Map<string, number>; tag: Map<string, number>; os: Map<string, number>; site: Map<string, number> };
const counted = new WeakMap<FleetIndex, Census>();
export function census(f: FleetIndex): Census {
  const known = counted.get(f);
  if (known) return known;
  const out: Census = { status: new Map<string, number>(), tag: new Map<string, number>(), os: new Map<string, number>(), site: new Map<string, number>() };
  const add = (map: Map<string, number>, word: string | undefined) => { if (word) map.set(word, (map.get(word) ?? 0) + 1); };
  for (let i = 0; i < f.id.length; i++) {
    add(out.status, f.words[f.status[i] ?? 0]);
    add(out.os, f.words[f.os[i] ?? 0]);
    add(out.site, f.words[f.site[i] ?? 0]);
    for (const tag of f.tags[i] ?? []) add(out.tag, f.words[tag]);
  }
  counted.set(f, out);
  return out;
}

/** The query with one term put in or taken out. */
export function toggled(query: string, term: string): string {
  const parts = query.trim().split(/\s+/).filter(Boolean);
  return (parts.includes(term) ? parts.filter((part) => part !== term) : [...parts, term]).join(' ');
}

/** What could stand where the cursor is: keys, then values with their counts. */
export function offers(f: FleetIndex, query: string): { text: string; n?: number }[] {
  const word = /\S*$/.exec(query)?.[0] ?? '';
  const bare = word.replace(/^-/, '');
  const minus = word.startsWith('-') ? '-' : '';
  const cut = bare.indexOf(':');
  if (cut < 0) return bare ? KEYS.filter((key) => key.startsWith(bare.toLowerCase())).map((key) => ({ text: `${minus}${key}:` })) : [];
  const key = bare.slice(0, cut);
  const begun = bare.slice(cut + 1).toLowerCase();
  const counts = census(f);
  const of = { is: counts.status, tag: counts.tag, os: counts.os, site: counts.site }[key];
  if (!of) return [];
  return [...of].filter(([value]) => value.toLowerCase().startsWith(begun) && value.toLowerCase() !== begun)
    .sort((a, b) => b[1] - a[1]).slice(0, 8).map(([value, n]) => ({ text: `${minus}${key}:${value}`, n }));
}
