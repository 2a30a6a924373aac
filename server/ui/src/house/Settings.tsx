// How this browser shows things, and how the server is.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { q } from '../api/queries';
import { useMay } from '../identity/session';
import { Choice } from '../kit/choices';
import { Button, CopyButton } from '../kit/controls';
import { DENSITIES, setDensity, useDensity } from '../kit/density';
import { Glyph, State } from '../kit/glyph';
import { Facts, Page, Section } from '../kit/panes';
import { Loaded } from '../kit/states';
import { type Clock, setClock, useClock } from '../kit/time';
import { flipTheme } from '../shell/bar';
import { KeySwitch } from '../shell/KeySwitch';
import { Findings } from './Findings';
import { ProbeKeys, SealKey } from './Keys';
import { LogKeys } from './LogKeys';

/** For whoever reads from right to left; the words stay English. It counts from the next load on. */
function Mirror() {
  const [on, setOn] = useState(localStorage.getItem('legator-dir') === 'rtl');
  const set = (next: boolean) => { localStorage.setItem('legator-dir', next ? 'rtl' : 'ltr'); setOn(next); window.location.reload(); };
  return <label className="flex min-h-7 items-center gap-2"><input type="checkbox" checked={on} className="size-4 accent-(--accent-solid)" onChange={(e) => set(e.target.checked)} />The page is mirrored, for reading from right to left</label>;
}

export default function Settings() {
  const may = useMay();
  const clock = useClock();
  const density = useDensity();
  const [theme, setTheme] = useState(document.documentElement.dataset.theme ?? 'dark');
  const version = useQuery(q.version());
  const health = useQuery(q.health());
  const head = useQuery({ ...q.checkpoint(), enabled: may('readAudit') });
  return (
    <Page title="Settings">
      <Section id="here" title="In this browser">
        <div className="space-y-4">
          <fieldset><legend className="mb-1 font-medium">Times</legend><div className="flex flex-wrap gap-x-6 gap-y-1">{([['relative', 'Relative'], ['local', `Local (${Intl.DateTimeFormat().resolvedOptions().timeZone})`], ['utc', 'UTC']] as [Clock, string][]).map(([value, label]) => <label key={value} className="flex min-h-7 items-center gap-2"><input type="radio" name="clock" className="size-4 accent-(--accent-solid)" checked={clock === value} onChange={() => setClock(value)} />{label}</label>)}</div></fieldset>
          <p className="flex items-center gap-3"><span className="font-medium">Theme</span><span className="text-text2">{theme}</span><Button size="s" onClick={() => setTheme(flipTheme())}>Use the {theme === 'dark' ? 'light' : 'dark'} one</Button></p>
          <p className="flex flex-wrap items-center gap-3"><span className="font-medium">Rows of the fleet</span><Choice label="How high rows are" value={density} onChange={setDensity} options={DENSITIES} /></p>
          <KeySwitch />
          <Mirror />
        </div>
      </Section>
      <Section id="server" title="Server">
        <Loaded query={health} what="the server’s health" rows={1}>{(found) => (
          <div className="space-y-2"><State tone={found.status === 'ok' ? 'ok' : 'warn'}>{found.status === 'ok' ? 'Everything works' : 'Something does not work'}</State>
            {found.problems.map((problem) => <p key={problem} className="flex items-start gap-2"><Glyph tone="bad" className="mt-1" />{problem}</p>)}</div>
        )}</Loaded>
        <div className="mt-4">{version.data && <Facts rows={[['Version', version.data.version], ['Bundle', <code key="b" className="break-all">{version.data.revision}</code>], ['Probe protocol', version.data.wire.join(', ')], ['Hosts connected', String(health.data?.probes_connected ?? '—')]]} />}</div>
      </Section>
      {may('turnKeys') && <Findings />}
      {head.data && (
        <Section id="log" title="The log’s head" aside={<CopyButton text={head.data.note} what="checkpoint" label="Copy the checkpoint" />}>
          <p className="mb-3 max-w-prose text-text2">Keep a copy elsewhere. Held against a later one it shows whether the log was cut or rewritten: <code>legatorctl audit verify</code>.</p>
          <Facts rows={[['Entries', head.data.size.toLocaleString('en')], ['Root', <code key="r" className="break-all">{head.data.root}</code>]]} />
        </Section>
      )}
      <LogKeys />
      {may('turnKeys') && <SealKey />}
      {may('viewFleet') && <ProbeKeys />}
    </Page>
  );
}
