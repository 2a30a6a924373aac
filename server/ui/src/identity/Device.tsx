// A program without a browser asks to be signed in as me: I compare its code, and agree or not.
import { type FormEvent, useState } from 'react';
import { ask } from '../api/client';
import { Button, Field } from '../kit/controls';
import { Facts, Page, Section } from '../kit/panes';
import { Refusal } from '../kit/states';
import { Time } from '../kit/time';

type Asked = { client: string; address: string; asked_at: string };

export default function Device() {
  const [code, setCode] = useState(() => new URLSearchParams(window.location.search).get('code') ?? '');
  const [asked, setAsked] = useState<Asked>();
  const [ended, setEnded] = useState<'approve' | 'deny'>();
  const [fault, setFault] = useState<unknown>();
  const path = `/api/v1/auth/device/codes/${encodeURIComponent(code)}`;
  const attempt = async (what: () => Promise<void>) => { setFault(undefined); try { await what(); } catch (cause) { setFault(cause); } };
  const look = (event: FormEvent) => { event.preventDefault(); void attempt(async () => setAsked(await ask<Asked>('GET', path))); };
  const answer = (decision: 'approve' | 'deny') => attempt(async () => { await ask('POST', path, { decision }); setEnded(decision); });
  return (
    <Page title="Sign a program in">
      <Section id="device" title={ended ? 'Done' : asked ? 'Is this yours?' : 'Its code'}>
        {fault !== undefined && <div className="mb-4 max-w-xl"><Refusal cause={fault} /></div>}
        {ended && <p role="status">{ended === 'approve' ? 'The program is signed in as you. You can close this page; the session is in your account.' : 'Nothing was signed in.'}</p>}
        {!ended && asked && (
          <div className="max-w-xl space-y-4">
            <Facts rows={[['It says it is', asked.client], ['It asks from', <code key="a">{asked.address}</code>], ['Since', <Time key="t" at={asked.asked_at} />], ['Its code', <code key="c">{code.toUpperCase()}</code>]]} />
            <p>It may then do everything that you may. Agree only if you started it yourself just now, and it shows this code.</p>
            <div className="flex gap-2"><Button look="ok" onClick={() => void answer('approve')}>Sign it in as me</Button><Button look="bad" onClick={() => void answer('deny')}>No</Button></div>
          </div>
        )}
        {!ended && !asked && (
          <form className="max-w-sm space-y-4" aria-label="The program's code" onSubmit={look}>
            <Field label="Code" mono required autoCapitalize="characters" autoComplete="off" spellCheck={false} value={code} onChange={(e) => setCode(e.target.value)} hint="Eight letters, as the program shows them." />
            <Button type="submit" look="solid">Look</Button>
          </form>
        )}
      </Section>
    </Page>
  );
}
