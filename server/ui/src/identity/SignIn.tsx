// Signing in: name and password, the second factor when the server asks for it, or another provider.
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { ask } from '../api/client';
import { failureOf } from '../api/failure';
import { q } from '../api/queries';
import { Button, buttonClass, Field } from '../kit/controls';
import { Refusal } from '../kit/states';
import { hasPasskeys, show, wavedAway } from './passkey';
import { signedIn } from './session';

/** What the address says of a sign-in by a provider that came to nothing. */
const REFUSED: Record<string, string> = {
  expired: 'That took too long, or was begun in another browser. Try again.',
  provider: 'The provider does not answer as it should. An administrator can check it.',
  refused: 'You were not signed in. The server has the reason in its log.',
  'no-account': 'Nobody here is connected with you there. Ask an administrator to add you, or sign in and connect in your account.',
  'name-taken': 'Somebody here has your name already. If that is you, sign in and connect in your account; else ask an administrator.',
};

export function SignInForm({ again }: { again?: boolean }) {
  const auth = useQuery({ ...q.auth(), enabled: !again });
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const [second, setSecond] = useState(false);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();
  const codeBox = useRef<HTMLDivElement>(null);
  useEffect(() => { if (second) codeBox.current?.querySelector('input')?.focus(); }, [second]);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setFault(undefined);
    try {
      await ask('POST', '/api/v1/auth/sign-in', { name, password, ...(second ? { code: code.replace(/\s/g, '') } : {}) });
      setPassword('');
      signedIn();
    } catch (cause) {
      const { code: why } = failureOf(cause);
      if (why === 'second-factor-needed' && !second) setSecond(true);
      else setFault(cause);
    } finally {
      setBusy(false);
    }
  }

  async function byPasskey() {
    setBusy(true);
    setFault(undefined);
    try {
      const proof = await show();
      if (second) await ask('POST', '/api/v1/auth/sign-in', { name, password, passkey: proof });
      else await ask('POST', '/api/v1/auth/passkeys/sign-in', proof);
      setPassword('');
      signedIn();
    } catch (cause) {
      if (!wavedAway(cause)) setFault(cause);
    } finally {
      setBusy(false);
    }
  }

  const here = window.location.pathname;
  const next = encodeURIComponent(here === '/sign-in' ? '/overview' : here + window.location.search);
  const refused = again ? undefined : new URLSearchParams(window.location.search).get('refused');
  return (
    <form onSubmit={(event) => void submit(event)} className="space-y-4" aria-label="Sign in">
      {refused && fault === undefined && <p role="alert" className="rounded-m border border-warn px-3 py-2">{REFUSED[refused] ?? REFUSED.refused}</p>}
      {fault !== undefined && <Refusal cause={fault} />}
      <Field label="Name" name="username" autoComplete="username" autoCapitalize="none" spellCheck={false} required autoFocus value={name} onChange={(e) => setName(e.target.value)} />
      <Field label="Password" name="password" type="password" autoComplete="current-password" required value={password} onChange={(e) => setPassword(e.target.value)} />
      {second && (
        <div ref={codeBox}>
          <Field label="Code" name="code" mono inputMode="numeric" autoComplete="one-time-code" required={second} value={code} onChange={(e) => setCode(e.target.value)} hint="Six digits from your authenticator, or one of your recovery codes." />
        </div>
      )}
      <Button type="submit" look="solid" size="l" className="w-full" disabled={busy}>{busy ? 'Signing in' : 'Sign in'}</Button>
      {hasPasskeys() && <Button size="l" className="w-full" disabled={busy} onClick={() => void byPasskey()}>{second ? 'Use a passkey instead' : 'Sign in with a passkey'}</Button>}
      {(auth.data?.providers ?? []).map((provider) => (
        <a key={provider.id} href={`/api/v1/auth/oidc/${encodeURIComponent(provider.id)}/start?next=${next}`} className={`${buttonClass('plain', 'l')} w-full`}>Sign in with {provider.name}</a>
      ))}
    </form>
  );
}

/** The whole page, while nobody is signed in. The address stays, so that a link leads on after the sign-in. */
export function SignInPage() {
  return (
    <Front title="Sign in">
      <SignInForm />
    </Front>
  );
}

export function Front({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <main className="grid min-h-full place-items-center overflow-y-auto bg-bg p-4">
      <div className="w-full max-w-sm">
        <div className="mb-6 flex items-center gap-3"><img src="/mark.svg" alt="" className="size-9" /><span className="text-lead font-semibold">Legator</span></div>
        <h1 className="mb-4 text-head font-semibold">{title}</h1>
        {children}
      </div>
    </main>
  );
}
