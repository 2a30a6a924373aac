// What is different between two texts, line by line; and the same read from a unified diff of the server's.
export type Line = { kind: 'same' | 'added' | 'removed'; text: string; before?: number; after?: number };
export type Hunk = { head: string; lines: Line[] };

const AROUND = 3;
/** Above this a changed middle is shown as taken out and put in as a whole: a table of all pairs would not fit. */
const MOST_PAIRS = 4_000_000;

/** Every line of both texts in order, by the longest common run of lines. */
export function compare(before: string, after: string): Line[] {
  const a = before === '' ? [] : before.replace(/\n$/, '').split('\n');
  const b = after === '' ? [] : after.replace(/\n$/, '').split('\n');
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  const out: Line[] = [];
  const kept = (i: number, j: number) => out.push({ kind: 'same', text: a[i] ?? '', before: i + 1, after: j + 1 });
  const gone = (i: number) => out.push({ kind: 'removed', text: a[i] ?? '', before: i + 1 });
  const come = (j: number) => out.push({ kind: 'added', text: b[j] ?? '', after: j + 1 });
  for (let i = 0; i < head; i++) kept(i, i);
  const n = a.length - head - tail;
  const m = b.length - head - tail;
  if (n * m > MOST_PAIRS) {
    for (let i = 0; i < n; i++) gone(head + i);
    for (let j = 0; j < m; j++) come(head + j);
  } else {
    const wide = m + 1;
    const longest = new Uint32Array((n + 1) * wide);
    for (let i = n - 1; i >= 0; i--) {
      for (let j = m - 1; j >= 0; j--) {
        longest[i * wide + j] = a[head + i] === b[head + j] ? (longest[(i + 1) * wide + j + 1] ?? 0) + 1 : Math.max(longest[(i + 1) * wide + j] ?? 0, longest[i * wide + j + 1] ?? 0);
      }
    }
    let i = 0, j = 0;
    while (i < n || j < m) {
      if (i < n && j < m && a[head + i] === b[head + j]) { kept(head + i, head + j); i += 1; j += 1; }
      else if (i < n && (j >= m || (longest[(i + 1) * wide + j] ?? 0) >= (longest[i * wide + j + 1] ?? 0))) { gone(head + i); i += 1; }
      else { come(head + j); j += 1; }
    }
  }
  for (let i = 0; i < tail; i++) kept(a.length - tail + i, b.length - tail + i);
  return out;
}

/** Only what changed, with a few lines around it. */
export function hunks(lines: readonly Line[]): Hunk[] {
  const out: Hunk[] = [];
  let at = 0;
  while (at < lines.length) {
    while (at < lines.length && lines[at]?.kind === 'same') at += 1;
    if (at >= lines.length) break;
    let end = at;
    for (let next = at; next < lines.length && next <= end + AROUND * 2; next++) if (lines[next]?.kind !== 'same') end = next;
    const part = lines.slice(Math.max(0, at - AROUND), Math.min(lines.length, end + 1 + AROUND));
    const first = part[0];
    out.push({ head: `Line ${first?.after ?? first?.before ?? 1}`, lines: part });
    at = end + 1;
  }
  return out;
}

/** A unified diff, as the server writes one for two revisions. */
export function parsed(diff: string): Hunk[] {
  const out: Hunk[] = [];
  let before = 0, after = 0;
  for (const raw of diff.split('\n')) {
    const at = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/.exec(raw);
    if (at) { before = Number(at[1]); after = Number(at[2]); out.push({ head: `Line ${after}`, lines: [] }); continue; }
    const lines = out.at(-1)?.lines;
    if (!lines) continue;
    const text = raw.slice(1);
    if (raw.startsWith('+')) lines.push({ kind: 'added', text, after: after++ });
    else if (raw.startsWith('-')) lines.push({ kind: 'removed', text, before: before++ });
    else if (raw.startsWith(' ')) lines.push({ kind: 'same', text, before: before++, after: after++ });
  }
  return out;
}

export const tally = (parts: readonly Hunk[]) => {
  const count = (kind: Line['kind']) => parts.reduce((sum, part) => sum + part.lines.filter((line) => line.kind === kind).length, 0);
  return { added: count('added'), removed: count('removed') };
};
