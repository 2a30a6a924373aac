// The first start: whoever holds the link that the server printed makes the first administrator.
import { type FormEvent, useState } from 'react';
import { ask } from '../api/client';
import { client } from '../api/queries';
import { Button, Field } from '../kit/controls';
import { Refusal } from '../kit/states';
import { Front } from './SignIn';
import { signedIn } from './session';

/** Fewer are guessed too soon; the server has its own, stricter say. */
const SHORTEST = 12;

export function SetupPage() {
  const [token, setToken] = useState(() => decodeURIComponent(window.location.hash.slice(1)));
  const fromLink = token !== '' && window.location.hash.length > 1;
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();

  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setFault(undefined);
    try {
      await ask('POST', '/api/v1/auth/setup', { token, name, password });
      window.history.replaceState(null, '', '/overview');
      await client.invalidateQueries({ queryKey: ['auth'] });
      signedIn();
    } catch (cause) {
      setFault(cause);
    } finally {
      setBusy(false);
    }
  }

  return (
    <Front title="Set Legator up">
      <p className="mb-5 text-text2">This server is new. The first administrator can add everybody else.</p>
      <form onSubmit={(event) => void submit(event)} className="space-y-4" aria-label="Set up">
        {fault !== undefined && <Refusal cause={fault} />}
        {!fromLink && <Field label="Setup token" mono required autoFocus value={token} onChange={(e) => setToken(e.target.value)} hint="The server printed it, with a link, when it first started." />}
        <Field label="Name" name="username" autoComplete="username" autoCapitalize="none" spellCheck={false} required autoFocus={fromLink} value={name} onChange={(e) => setName(e.target.value)} hint="What others see you by." />
        <Field label="Password" name="password" type="password" autoComplete="new-password" required minLength={SHORTEST} value={password} onChange={(e) => setPassword(e.target.value)} hint={`At least ${SHORTEST} characters. A sentence is easier to keep than a riddle.`} />
        <Button type="submit" look="solid" size="l" className="w-full" disabled={busy}>{busy ? 'Setting up' : 'Make the administrator'}</Button>
      </form>
    </Front>
  );
}
