// Asking the server for something once: whether the answer is out, and what was refused.
import { useState } from 'react';

export function useAsking() {
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();
  const ask = async (what: () => Promise<void>) => {
    setBusy(true);
    setFault(undefined);
    try { await what(); } catch (cause) { setFault(cause); } finally { setBusy(false); }
  };
  return { busy, fault, ask, forget: () => setFault(undefined) };
}
