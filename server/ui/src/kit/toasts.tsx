// Short notes on what was done, with a way back where there is one. Never: the only place where something is said.
import { X } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { Button } from './controls';

type Toast = { id: number; text: string; undo?: (() => void) | undefined };
let toasts: readonly Toast[] = [];
let next = 1;
const watchers = new Set<() => void>();
const change = (to: readonly Toast[]) => { toasts = to; for (const tell of watchers) tell(); };
const drop = (id: number) => change(toasts.filter((toast) => toast.id !== id));

export function toast(text: string, undo?: () => void) {
  const id = next++;
  change([...toasts.slice(-2), { id, text, undo }]);
  setTimeout(() => drop(id), undo ? 10_000 : 5_000);
}

export function Toasts() {
  const shown = useSyncExternalStore((tell) => (watchers.add(tell), () => void watchers.delete(tell)), () => toasts);
  return (
    <div role="status" aria-label="Notes" className="pointer-events-none fixed inset-x-3 bottom-4 z-50 flex flex-col items-center gap-2">
      {shown.map((note) => (
        <div key={note.id} className="pointer-events-auto flex max-w-lg items-center gap-3 rounded-l border hair bg-s2 py-2 pe-2 ps-4 shadow-lift">
          <span className="min-w-0 break-words">{note.text}</span>
          {note.undo && <Button size="s" onClick={() => { note.undo?.(); drop(note.id); }}>Undo</Button>}
          <Button look="ghost" size="s" aria-label="Close this note" onClick={() => drop(note.id)}><X className="size-4" aria-hidden /></Button>
        </div>
      ))}
    </div>
  );
}
