// A draft of the bundle: what was changed and not yet published. It lives in this browser, so that neither a reload nor a
// session that ends nor a refusal takes it away. Never: the only copy of anything that was published.
import { useSyncExternalStore } from 'react';

export type Draft = {
  /** The revision that it is laid over. */
  base: string;
  /** Path to text, of files that are new or changed. */
  files: Record<string, string>;
  removed: string[];
  note: string;
  /** Counts up with every change; what was found out about one count is true of it alone. */
  count: number;
};

export type Laid = { base: string; files: Record<string, string>; remove: string[] };

let owner = '';
let draft: Draft | undefined;
/** The browser refused to keep it: private windows and full disks do. */
let kept = true;
const watchers = new Set<() => void>();
const key = () => `legator-draft-${owner}`;

function read(text: string | null): Draft | undefined {
  try {
    const found = JSON.parse(text ?? '') as Draft;
    return typeof found.base === 'string' && found.files && Array.isArray(found.removed) ? found : undefined;
  } catch { return undefined; }
}

function put(next: Draft | undefined) {
  draft = next;
  try {
    if (next) localStorage.setItem(key(), JSON.stringify(next)); else localStorage.removeItem(key());
    kept = true;
  } catch { kept = false; }
  for (const tell of watchers) tell();
}

/** Takes up the draft of a person; another tab of theirs writes the same one. */
export function openDraft(person: string) {
  if (person === owner) return;
  owner = person;
  draft = read(localStorage.getItem(key()));
  for (const tell of watchers) tell();
}
if (typeof window !== 'undefined') {
  window.addEventListener('storage', (event) => {
    if (event.key !== key()) return;
    draft = read(event.newValue);
    for (const tell of watchers) tell();
  });
}

const same = (left: Draft) => Object.keys(left.files).length === 0 && left.removed.length === 0 && left.note === '';
const from = (base: string): Draft => draft ?? { base, files: {}, removed: [], note: '', count: 0 };
const step = (next: Draft) => put(same(next) ? undefined : { ...next, count: next.count + 1 });

/** Writes a file. What is as it was in the base is no change. */
export function write(base: string, path: string, text: string, original: string | undefined) {
  const now = from(base);
  const files = { ...now.files, [path]: text };
  if (text === original) delete files[path];
  step({ ...now, files, removed: now.removed.filter((gone) => gone !== path) });
}

/** Takes a file away; one that only the draft had is simply gone. */
export function remove(base: string, path: string, inBase: boolean) {
  const now = from(base);
  const files = { ...now.files };
  delete files[path];
  step({ ...now, files, removed: inBase ? [...new Set([...now.removed, path])].sort() : now.removed });
}

/** Gives a file back as the base has it. */
export function restore(path: string) {
  if (!draft) return;
  const files = { ...draft.files };
  delete files[path];
  step({ ...draft, files, removed: draft.removed.filter((gone) => gone !== path) });
}

export function setNote(base: string, note: string) {
  const now = from(base);
  // A note changes nothing that a check would look at.
  const next = { ...now, note };
  put(same(next) ? undefined : next);
}

/** Lays the same changes over another revision. */
export function rebase(base: string) {
  if (draft) put({ ...draft, base, count: draft.count + 1 });
}

/** Throws it away, and gives what is needed to take that back. */
export function discard(): () => void {
  const before = draft;
  put(undefined);
  return () => { if (before && !draft) put(before); };
}

export const laid = (of: Draft): Laid => ({ base: of.base, files: of.files, remove: of.removed });
export const changed = (of: Draft | undefined) => (of ? [...new Set([...Object.keys(of.files), ...of.removed])].sort() : []);
export const currentDraft = () => draft;
export const useDraft = () => useSyncExternalStore((tell) => (watchers.add(tell), () => void watchers.delete(tell)), () => draft);
export const useKept = () => useSyncExternalStore((tell) => (watchers.add(tell), () => void watchers.delete(tell)), () => kept);

const PARTS = ['policies/', 'scripts/', 'tests/'];
const ENDINGS = /\.(cedar|cedarschema|toml|rhai)$/;
/** Why a path cannot be one of a bundle; nothing if it can. */
export function wrongPath(path: string, taken: readonly string[]): string | undefined {
  if (taken.includes(path)) return 'The bundle has a file of that name.';
  if (path === 'bundle.toml') return undefined;
  if (!PARTS.some((part) => path.startsWith(part))) return 'It begins with policies/, scripts/ or tests/.';
  if (!ENDINGS.test(path)) return 'It ends in .cedar, .rhai or .toml.';
  if (path.split('/').some((part) => part === '' || part.startsWith('.')) || !/^[\w./-]+$/.test(path)) return 'Letters, digits, - and _ between the slashes.';
  return undefined;
}
