// The switch that turns single keys off (WCAG 2.1.4).
import { useState } from 'react';
import { keysOn, setKeys } from '../kit/keys';

export function KeySwitch() {
  const [on, setOn] = useState(keysOn());
  return (
    <label className="flex items-center gap-2">
      <input type="checkbox" checked={on} className="size-4 accent-(--accent-solid)" onChange={(e) => { setKeys(e.target.checked); setOn(e.target.checked); }} />
      Keys without ⌘ or Ctrl do something
    </label>
  );
}
