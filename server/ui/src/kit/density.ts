// How high a row is: what somebody likes on a desk, and a thumb's width on a phone.
import { useSyncExternalStore } from 'react';

export const DENSITIES = [['compact', 'Compact'], ['default', 'Default'], ['comfortable', 'Comfortable']] as const;
export type Density = (typeof DENSITIES)[number][0];
const HEIGHTS: Record<Density, number> = { compact: 28, default: 32, comfortable: 40 };
const THUMB = 44;
const KEY = 'legator-density';

const read = (text: string | null): Density => DENSITIES.find(([known]) => known === text)?.[0] ?? 'default';
let density = read(localStorage.getItem(KEY));
const phone = window.matchMedia('(max-width: 47.99rem)');
const watchers = new Set<() => void>();
const watch = (tell: () => void) => {
  watchers.add(tell);
  phone.addEventListener('change', tell);
  return () => { watchers.delete(tell); phone.removeEventListener('change', tell); };
};

export function setDensity(next: Density) {
  density = next;
  localStorage.setItem(KEY, next);
  for (const tell of watchers) tell();
}
export const useDensity = () => useSyncExternalStore(watch, () => density);
export const useRowHeight = () => useSyncExternalStore(watch, () => (phone.matches ? THUMB : HEIGHTS[density]));
