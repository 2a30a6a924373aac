// Single-key shortcuts. Quiet while someone types or a dialog is open, and off altogether where a person said so
// (WCAG 2.1.4).
import { useEffect, useRef } from 'react';

export type KeyMap = Record<string, (event: KeyboardEvent) => void>;

export const keysOn = () => localStorage.getItem('legator-keys') !== 'off';
export const setKeys = (on: boolean) => localStorage.setItem('legator-keys', on ? 'on' : 'off');

const typing = (el: Element | null) => el instanceof HTMLElement && (el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName));

export function useKeys(map: KeyMap) {
  const latest = useRef(map);
  latest.current = map;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.altKey) return;
      const mod = event.metaKey || event.ctrlKey;
      if (!mod && (!keysOn() || typing(event.target as Element | null) || document.querySelector('[role="dialog"]'))) return;
      const act = latest.current[(mod ? 'mod+' : '') + event.key];
      if (act) { event.preventDefault(); act(event); }
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
}
