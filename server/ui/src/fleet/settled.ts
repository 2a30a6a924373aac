// What is being typed, once it stays the same for a moment.
import { useEffect, useState } from 'react';

/** Long enough not to ask at every key, short enough to feel like an answer to the typing. */
const PAUSE_MS = 220;

export function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => { const timer = setTimeout(() => setSettled(text), PAUSE_MS); return () => clearTimeout(timer); }, [text]);
  return settled;
}
