// Signing in: name and password, the second factor when the server asks for it, or another provider.
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { ask } from '../api/client';
import { failureOf } from '../api/failure';
import { q } from '../api/queries';
import { Button, buttonClass, Field } from '../kit/controls';
import { Refusal } from '../kit/states';
import { signedIn } from './session';

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

  const next = encodeURIComponent(window.location.pathname + window.location.search);
  return (
    <form onSubmit={(event) => void submit(event)} className="space-y-4" aria-label="Sign in">
      {fault !== undefined && <Refusal cause={fault} />}
      <Field label="Name" name="username" autoComplete="username" autoCapitalize="none" spellCheck={false} required autoFocus value={name} onChange={(e) => setName(e.target.value)} />
      <Field label="Password" name="password" type="password" autoComplete="current-password" required value={password} onChange={(e) => setPassword(e.target.value)} />
      {second && (
        <div ref={codeBox}>
          <Field label="Code" name="code" mono inputMode="numeric" autoComplete="one-time-code" required value={code} onChange={(e) => setCode(e.target.value)} hint="Six digits from your authenticator, or one of your recovery codes." />
        </div>
      )}
      <Button type="submit" look="solid" size="l" className="w-full" disabled={busy}>{busy ? 'Signing in' : 'Sign in'}</Button>
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
