// A one-time link: it makes the first administrator, or lets who was invited choose a password.
import { type FormEvent, useState } from 'react';
import { ask } from '../api/client';
import { client } from '../api/queries';
import { Button, Field } from '../kit/controls';
import { Refusal } from '../kit/states';
import { Front } from './SignIn';
import { signedIn } from './session';

/** Fewer are guessed too soon; the server has its own, stricter say. */
const SHORTEST = 12;

export function SetupPage({ first }: { first: boolean }) {
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
      await ask('POST', '/api/v1/auth/setup', { token, password, ...(first ? { name } : {}) });
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
    <Front title={first ? 'Set Legator up' : 'Choose your password'}>
      <p className="mb-5 text-text2">{first ? 'This server is new. The first administrator can add everybody else.' : 'You were given a link that works once. With a password you can come back.'}</p>
      <form onSubmit={(event) => void submit(event)} className="space-y-4" aria-label="Set up">
        {fault !== undefined && <Refusal cause={fault} />}
        {!fromLink && <Field label="Setup token" mono required autoFocus value={token} onChange={(e) => setToken(e.target.value)} hint="The server printed it, with a link, when it first started." />}
        {first && <Field label="Name" name="username" autoComplete="username" autoCapitalize="none" spellCheck={false} required autoFocus={fromLink} value={name} onChange={(e) => setName(e.target.value)} hint="What others see you by." />}
        <Field label="Password" name="password" type="password" autoComplete="new-password" required autoFocus={!first} minLength={SHORTEST} value={password} onChange={(e) => setPassword(e.target.value)} hint={`At least ${SHORTEST} characters. A sentence is easier to keep than a riddle.`} />
        <Button type="submit" look="solid" size="l" className="w-full" disabled={busy}>{busy ? 'One moment' : first ? 'Make the administrator' : 'Choose it and sign in'}</Button>
      </form>
    </Front>
  );
}
