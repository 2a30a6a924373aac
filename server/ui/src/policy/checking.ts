// What the server says of a draft: asked when the typing pauses, and kept for as long as nothing is typed.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { Checked } from '../api/client';
import { q } from '../api/queries';
import type { Finding, Shown } from '../code/CodeEdit';
import { useMay } from '../identity/session';
import { laid, useDraft } from './draft';

const PAUSE_MS = 400;

function useCalm<T>(value: T): T {
  const [calm, setCalm] = useState(value);
  useEffect(() => { const timer = setTimeout(() => setCalm(value), PAUSE_MS); return () => clearTimeout(timer); }, [value]);
  return calm;
}

/** The draft's check, or that of the bundle that decides where there is no draft. */
export function useChecked(active: string, depth: 'findings' | 'cases' | 'coverage', enabled = true) {
  const draft = useDraft();
  const may = useMay();
  const calm = useCalm(draft);
  const now = calm ?? { base: active, files: {}, removed: [], note: '', count: 0 };
  const allowed = may('publishBundle');
  const query = useQuery({ ...q.checked(laid(now), calm ? now.count : -1, depth), enabled: enabled && allowed, placeholderData: keepPreviousData });
  return { query, allowed, behind: calm?.count !== draft?.count || query.isPlaceholderData || query.isFetching };
}

export const findingsOf = (checked: Checked | undefined, path: string): Finding[] => {
  const found = (checked?.findings ?? []).filter((finding) => finding.file === path);
  const failed = (checked?.cases ?? []).filter((one) => one.file === path && one.problems.length > 0)
    .map((one): Finding => ({ line: one.line, column: 1, width: 1, grade: 'error', message: `${one.name} does not hold: ${one.problems.join('; ')}` }));
  return [...found, ...failed];
};

/** Every line of a file that has something to show, with what is missing in words. */
export function shownOf(checked: Checked | undefined, path: string): Shown[] {
  const points = checked?.coverage?.find((file) => file.file === path)?.points ?? [];
  const byLine = new Map<number, typeof points>();
  for (const point of points) byLine.set(point.line, [...(byLine.get(point.line) ?? []), point]);
  return [...byLine].map(([line, here]) => {
    const sides = here.flatMap((point) => point.sides.map((side) => ({ point, side })));
    const missing = sides.filter(({ side }) => side.times === 0);
    const how = missing.length === 0 ? 'all' : missing.length === sides.length ? 'none' : 'some';
    const seen = sides.map(({ point, side }) => `${short(point.text)}: ${side.name} in ${side.times} ${side.times === 1 ? 'case' : 'cases'}`).join('\n');
    return { line, how, said: seen };
  });
}

const short = (text: string) => (text.length > 48 ? `${text.slice(0, 47)}…` : text);

export const errorsIn = (checked: Checked | undefined) => (checked?.findings ?? []).filter((finding) => finding.grade !== 'warning');
