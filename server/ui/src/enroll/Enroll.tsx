// How hosts come in: a token, one line to type on the host, and the host appearing.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { get, http, type Token } from '../api/client';
import { live } from '../api/live';
import { client, q } from '../api/queries';
import { Button, CopyButton, Field, Id } from '../kit/controls';
import { Glyph, State } from '../kit/glyph';
import { Page, Section, Table } from '../kit/panes';
import { Loaded, Refusal } from '../kit/states';
import { Time, useNow } from '../kit/time';
import { toast } from '../kit/toasts';

const LIVES: [number, string][] = [[3_600, 'one hour'], [86_400, 'one day'], [604_800, 'one week']];

function alive(token: Token, now: number): boolean {
  return !token.revoked_at && new Date(token.expires_at).getTime() > now && (token.max_uses === undefined || token.max_uses === null || token.uses < token.max_uses);
}

/** A host that has come since the token was made. */
function Arrivals({ since }: { since: number }) {
  const [came, setCame] = useState<{ id: string; name: string }[]>([]);
  useEffect(() => live.on((events) => {
    for (const event of events) {
      if (!['probe.enrolled', 'probe.reenrolled', 'probe.online'].includes(event.topic)) continue;
      if (event.at && new Date(event.at).getTime() < since) continue;
      void get(http.GET('/api/v1/probes/{id}', { params: { path: { id: event.id } } })).then((probe) => setCame((old) => (old.some((one) => one.id === probe.id) ? old : [...old, { id: probe.id, name: probe.name }])), () => undefined);
    }
  }), [since]);
  return (
    <div role="status" className="mt-4 rounded-m border hair bg-bg px-3 py-2">
      {came.length === 0 ? <State tone="act">Waiting for the host to connect</State> : <ul className="space-y-1">{came.map((host) => <li key={host.id} className="flex items-center gap-2"><Glyph tone="ok" /><Link to="/fleet" search={{ probe: host.name }} className="font-medium underline underline-offset-2">{host.name}</Link> is here</li>)}</ul>}
    </div>
  );
}

function Making() {
  const [tags, setTags] = useState('');
  const [name, setName] = useState('');
  const [uses, setUses] = useState('1');
  const [ttl, setTtl] = useState(3_600);
  const [made, setMade] = useState<{ token: string; at: number }>();
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();
  const shown = useRef<HTMLDivElement>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFault(undefined);
    try {
      const minted = await get(http.POST('/api/v1/tokens', { body: { name: name.trim(), tags: tags.split(/[\s,]+/).filter(Boolean), max_uses: uses === '' ? null : Number(uses), ttl_s: ttl } as never })) as unknown as { token: string };
      setMade({ token: minted.token, at: Date.now() });
      void client.invalidateQueries({ queryKey: ['tokens'] });
      requestAnimationFrame(() => shown.current?.focus());
    } catch (cause) { setFault(cause); } finally { setBusy(false); }
  };
  const line = made && `LEGATOR_TOKEN=${made.token} legator-probe init --server ${window.location.origin}`;
  if (made && line) {
    return (
      <div ref={shown} tabIndex={-1} className="outline-none">
        <p className="mb-2">On the host, as root. The token is shown this once; it is all that a machine needs to join, so treat it like a password.</p>
        <div className="flex items-start gap-2 rounded-m border hair bg-bg py-2 pe-2 ps-3"><pre className="mono min-w-0 grow whitespace-pre-wrap break-all">{line}</pre><CopyButton text={line} what="line" /></div>
        <p className="mt-2 text-text2">Then <code>systemctl enable --now legator-probe</code>, or <code>legator-probe run</code> to try it.</p>
        <Arrivals since={made.at} />
        <Button className="mt-4" onClick={() => setMade(undefined)}>Make another token</Button>
      </div>
    );
  }
  return (
    <form onSubmit={(e) => void submit(e)} className="grid max-w-2xl gap-4 md:grid-cols-2" aria-label="New token">
      <Field label="Tags" mono value={tags} onChange={(e) => setTags(e.target.value)} placeholder="web prod" hint="Every host that comes with it gets these. Guardrails go by tags." />
      <Field label="Note" value={name} onChange={(e) => setName(e.target.value)} hint="What it is for, to be recognised later." />
      <Field label="Hosts" type="number" min={1} value={uses} onChange={(e) => setUses(e.target.value)} hint="How many may join with it; empty for any number." />
      <div><label htmlFor="ttl" className="font-medium">Good for</label><select id="ttl" value={ttl} onChange={(e) => setTtl(Number(e.target.value))} className="mt-1 h-9 w-full rounded-m border border-edge bg-bg px-2 max-md:h-11">{LIVES.map(([value, label]) => <option key={value} value={value}>{label}</option>)}</select></div>
      {fault !== undefined && <div className="md:col-span-2"><Refusal cause={fault} /></div>}
      <div className="md:col-span-2"><Button type="submit" look="solid" disabled={busy}>Make a token</Button></div>
    </form>
  );
}

function TokenRows({ tokens }: { tokens: Token[] }) {
  const now = useNow();
  const revoke = async (token: Token) => {
    try {
      await get(http.DELETE('/api/v1/tokens/{id}', { params: { path: { id: token.id } } }));
      toast('The token lets nobody in any more');
    } catch (cause) { toast(cause instanceof Error ? cause.message : 'The token could not be ended'); }
    void client.invalidateQueries({ queryKey: ['tokens'] });
  };
  const open = tokens.filter((token) => alive(token, now));
  if (open.length === 0) return <p className="text-text2">None is open. Tokens that were used up, ended or expired are in the <Link to="/activity" search={{ kind: 'token.' }} className="underline">log</Link>.</p>;
  return (
    <Table caption="Open tokens" head={['Token', 'Tags', 'Used', 'Made by', 'Until', '']} keys={open.map((token) => token.id)}
      rows={open.map((token) => [<span key="n">{token.name || <Id id={token.id} />}</span>, <code key="t">{token.tags.join(' ') || '—'}</code>, `${token.uses} of ${token.max_uses ?? 'any'}`, token.created_by, <Time key="e" at={token.expires_at} />, <Button key="r" size="s" look="bad" aria-label={`End token ${token.name || token.id}`} onClick={() => void revoke(token)}>End it</Button>])} />
  );
}

export default function Enroll() {
  const tokens = useQuery(q.tokens());
  return (
    <Page title="Enroll a host" intro="A host joins with a token, once. From then on it has a key of its own.">
      <Section id="new" title="A new token"><Making /></Section>
      <Section id="open" title="Open tokens"><Loaded query={tokens} what="the tokens" rows={2}>{(page) => <TokenRows tokens={page.tokens} />}</Loaded></Section>
    </Page>
  );
}
