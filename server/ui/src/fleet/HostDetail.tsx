// One host: how it stands, what it is made of, what was done to it, and the command bar.
import { useQuery } from '@tanstack/react-query';
import { ArrowLeft, X } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { get, http, type Probe } from '../api/client';
import { client, q } from '../api/queries';
import { CommandRows } from '../command/Commands';
import { useMay } from '../identity/session';
import { bytes } from '../kit/bytes';
import { Button, Field, Id } from '../kit/controls';
import { Glyph, LevelMark, probeState, State } from '../kit/glyph';
import { Told } from '../kit/inert';
import { Facts, Table, Tabs } from '../kit/panes';
import { Empty, FailureNote, Loaded, Refusal } from '../kit/states';
import { span, Time } from '../kit/time';
import { toast } from '../kit/toasts';
import { CommandBar } from './CommandBar';
import { ProbeKeyFact } from './ProbeKey';

type Sections = Record<string, unknown>;
type SystemSection = { os?: string; os_version?: string; kernel?: string; cpus?: number; cpu_model?: string; mem_bytes?: number; virtualization?: string; machine_id?: string };
type Interface = { name: string; mac?: string; addrs?: string[]; state?: string };
type Service = { name: string; state?: string; sub?: string; enabled?: boolean | string; description?: string };
type Package = { name: string; version: string; manager?: string };
/** Who may do nothing at all on hosts has no command bar. */
const LEVELS = ['observe', 'diagnose', 'remediate', 'destroy'];
const list = <T,>(sections: Sections, name: string): T[] => (Array.isArray(sections[name]) ? sections[name] as T[] : []);

function Meter({ share, text }: { share: number; text: string }) {
  return (
    <span className="flex items-center gap-2"><span className="h-1 w-20 shrink-0 rounded-full bg-s3" aria-hidden><span className={`block h-full rounded-full ${share > 85 ? 'bg-warn' : 'bg-text3'}`} style={{ width: `${Math.min(100, share)}%` }} /></span>
      <span className={share > 85 ? 'text-warn' : ''}>{text}</span></span>
  );
}

function Tags({ probe }: { probe: Probe }) {
  const may = useMay();
  const [editing, setEditing] = useState(false);
  const [text, setText] = useState(probe.tags.join(' '));
  const [fault, setFault] = useState<unknown>();
  const save = async (tags: string[], undo?: string[]) => {
    setFault(undefined);
    try {
      await get(http.PUT('/api/v1/probes/{id}/tags', { params: { path: { id: probe.id } }, body: { tags } }));
      setEditing(false);
      toast(`${probe.name} is tagged ${tags.join(', ') || 'with nothing'}`, undo && (() => void save(undo)));
    } catch (cause) { setFault(cause); }
    void client.invalidateQueries({ queryKey: ['fleet'] });
  };
  if (!editing) {
    return (
      <span className="flex flex-wrap items-center gap-1.5">{probe.tags.map((tag) => <code key={tag} className="rounded-s border hair px-1.5 text-meta">{tag}</code>)}{probe.tags.length === 0 && <span className="text-text3">none</span>}
        {may('manageProbe') && <Button look="ghost" size="s" onClick={() => { setText(probe.tags.join(' ')); setEditing(true); }}>Change</Button>}</span>
    );
  }
  return (
    <form className="space-y-2" onSubmit={(e) => { e.preventDefault(); void save(text.split(/[\s,]+/).filter(Boolean), probe.tags); }}>
      <Field label="Tags" mono value={text} onChange={(e) => setText(e.target.value)} hint="Separated by spaces. Guardrails go by them." autoFocus />
      {fault !== undefined && <Refusal cause={fault} />}
      <div className="flex gap-2"><Button type="submit" look="solid" size="s">Tag it</Button><Button look="ghost" size="s" onClick={() => setEditing(false)}>Leave it</Button></div>
    </form>
  );
}

function SystemTab({ probe, system }: { probe: Probe; system: SystemSection }) {
  const { load } = probe;
  const share = (used: number, total: number) => (total > 0 ? (used / total) * 100 : 0);
  const rows: [string, ReactNode][] = [
    ['Health', probe.health.warnings.length ? <span key="h">{probe.health.score} of 100: {probe.health.warnings.join('; ')}</span> : `${probe.health.score} of 100`],
    ['Tags', <Tags key="t" probe={probe} />],
    ['Asked at most for', <LevelMark key="c" level={probe.ceiling} />],
    ...(probe.site ? [['Site', probe.site] as [string, ReactNode]] : []),
    ...(load ? [
      ['Processors', <Meter key="p" share={share(load.load[0] ?? 0, load.cpus)} text={`${load.cpus}, load ${load.load.map((n) => n.toFixed(2)).join(' ')}`} />],
      ['Memory', <Meter key="m" share={share(load.mem_used_bytes, load.mem_total_bytes)} text={`${bytes(load.mem_used_bytes)} of ${bytes(load.mem_total_bytes)}`} />],
      ['Disk', <Meter key="d" share={share(load.disk_used_bytes, load.disk_total_bytes)} text={`${bytes(load.disk_used_bytes)} of ${bytes(load.disk_total_bytes)}`} />],
      ['Up for', span(load.uptime_s)],
    ] as [string, ReactNode][] : []),
    ['System', [system.os ?? probe.os, system.os_version].filter(Boolean).join(' ')],
    ...(system.kernel ? [['Kernel', system.kernel] as [string, ReactNode]] : []),
    ...(system.cpu_model ? [['Processor', system.cpu_model] as [string, ReactNode]] : []),
    ...(system.virtualization ? [['Runs in', system.virtualization] as [string, ReactNode]] : []),
    ['Architecture', probe.arch],
    ['Host name', <Told key="n" mono>{probe.hostname}</Told>],
    ['Key', <ProbeKeyFact key="k" probe={probe} />],
    ['Probe', <span key="v">version {probe.version}, <Id id={probe.id} /></span>],
    ['Enrolled', <Time key="e" at={probe.enrolled_at} exact />],
  ];
  return <div className="p-5"><Facts rows={rows} />{probe.floor !== undefined && <details className="mt-4"><summary className="text-text2">What the host itself forbids</summary><pre className="mono mt-2 text-[0.8125rem] whitespace-pre-wrap" tabIndex={0}>{JSON.stringify(probe.floor, null, 2)}</pre></details>}</div>;
}

function PackagesTab({ packages }: { packages: Package[] }) {
  const [text, setText] = useState('');
  const found = packages.filter((one) => one.name.includes(text.trim()));
  const shown = found.slice(0, 200);
  return (
    <div className="p-4">
      <input value={text} onChange={(e) => setText(e.target.value)} aria-label="Filter packages" placeholder="Filter packages" className="mb-3 h-8 w-full rounded-m border border-edge bg-bg px-3 placeholder:text-text3 max-md:h-11" />
      <p role="status" className="mb-2 text-meta text-text2">{found.length.toLocaleString('en')} of {packages.length.toLocaleString('en')}{found.length > shown.length ? '; the first 200 are shown' : ''}</p>
      <Table caption="Packages" head={['Package', 'Version', 'From']} keys={shown.map((one) => `${one.manager}/${one.name}`)} rows={shown.map((one) => [<code key="n">{one.name}</code>, <code key="v">{one.version}</code>, one.manager ?? ''])} />
    </div>
  );
}

function ActivityTab({ probe }: { probe: Probe }) {
  const commands = useQuery(q.commands({ probe: probe.id, limit: 50 }));
  return <Loaded query={commands} what="what was done here">{(page) => page.commands.length ? <CommandRows commands={page.commands} withHost={false} /> : <Empty title="Nothing was asked of this host yet" />}</Loaded>;
}

export function HostDetail({ id, tab, onTab, onClose }: { id: string; tab: string; onTab: (tab: string) => void; onClose: () => void }) {
  const may = useMay();
  const found = useQuery(q.probe(id));
  const inventory = useQuery({ ...q.inventory(id), retry: false });
  const sections = (inventory.data?.sections ?? {}) as Sections;
  const interfaces = list<Interface>(sections, 'interfaces');
  const services = list<Service>(sections, 'services');
  const packages = list<Package>(sections, 'packages');
  const probe = found.data;
  const silent = <Empty title="Not told yet">The probe sends what its host is made of when it first connects.</Empty>;
  const { tone, word } = probeState(probe?.status ?? '');
  const away = probe && (probe.status === 'offline' || probe.status === 'pending');
  return (
    <aside aria-label="Host" className="flex h-full min-h-0 flex-col bg-s1 lg:border-s lg:hair">
      <header className="px-4 pt-3 pb-3 md:px-5">
        <button type="button" onClick={onClose} className="mb-2 inline-flex min-h-6 items-center gap-1.5 text-text2 lg:hidden"><ArrowLeft className="size-4 rtl:-scale-x-100" aria-hidden />Fleet</button>
        <div className="flex items-start justify-between gap-3"><h2 className="mono text-lead font-semibold break-all">{probe?.name ?? id}</h2><Button look="ghost" size="s" className="hidden lg:inline-flex" aria-label="Close the host" onClick={onClose}><X className="size-4" aria-hidden /></Button></div>
        {probe && <p className="mt-1 flex flex-wrap gap-x-4 text-text2"><State tone={tone}>{word}</State>{probe.last_seen_at && <span>{away ? 'as of' : 'seen'} <Time at={probe.last_seen_at} /></span>}</p>}
        {away && <p className="mt-2 flex items-center gap-2 text-meta text-text2"><Glyph tone="warn" />{probe.status === 'offline' ? 'What follows is what was last known. A command waits until the host is back, or expires.' : 'The probe has not connected yet.'}</p>}
      </header>
      {found.isError && !probe ? <FailureNote cause={found.error} what="the host" retry={() => void found.refetch()} /> : (
        <Tabs label="Host details" value={tab} onChange={onTab} items={[
          { id: 'system', label: 'System', body: <Loaded query={found} what="the host">{(one) => <SystemTab key={one.id} probe={one} system={(sections.system ?? {}) as SystemSection} />}</Loaded> },
          { id: 'network', label: 'Network', count: inventory.data && interfaces.length, body: <Loaded query={inventory} what="the interfaces">{() => interfaces.length ? <div className="p-4"><Table caption="Network interfaces" head={['Interface', 'Addresses', 'State']} keys={interfaces.map((one) => one.name)} rows={interfaces.map((one) => [<code key="n">{one.name}</code>, <code key="a" className="break-all">{one.addrs?.join(' ') || '—'}</code>, one.state ?? ''])} /></div> : silent}</Loaded> },
          { id: 'services', label: 'Services', count: inventory.data && services.length, body: <Loaded query={inventory} what="the services">{() => services.length ? <div className="p-4"><Table caption="Services" head={['Unit', 'State']} keys={services.map((one) => one.name)} rows={services.map((one) => [<code key="n">{one.name}</code>, [one.state, one.sub].filter(Boolean).join(', ')])} /></div> : 'services' in sections ? <Empty title="No services">The host named none; it may run without systemd.</Empty> : silent}</Loaded> },
          { id: 'packages', label: 'Packages', count: inventory.data && packages.length, body: <Loaded query={inventory} what="the packages">{() => packages.length ? <PackagesTab packages={packages} /> : silent}</Loaded> },
          { id: 'activity', label: 'Activity', body: probe ? <ActivityTab probe={probe} /> : null },
        ]} />
      )}
      {probe && LEVELS.some(may) && <CommandBar key={probe.id} probe={probe.id} name={probe.name} />}
    </aside>
  );
}
