// The bundle that decides: its files as a tree, and each policy and script as it is written.
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { ArrowLeft, FileCode2, RotateCw } from 'lucide-react';
import { lazy, Suspense, useEffect, useMemo, useState } from 'react';
import { type Bundle, get, http } from '../api/client';
import { client, q } from '../api/queries';
import { useMay } from '../identity/session';
import { count } from '../kit/bytes';
import { Button, CopyButton } from '../kit/controls';
import { Glyph } from '../kit/glyph';
import { Empty, Loaded, Refusal } from '../kit/states';
import { Time } from '../kit/time';
import { toast } from '../kit/toasts';

const CodeView = lazy(() => import('../code/CodeView'));

type PolicyFile = { path: string; language: 'cedar' | 'rhai' | 'toml' | 'plain'; policies: Bundle['policies']; source: string };
type Fault = { file?: string; path?: string; line?: number; span?: { line?: number }; message?: string; help?: string };

/** The bundle's files, as far as the server shows them: Cedar by its policies, scripts whole. */
export function files(bundle: Pick<Bundle, 'policies' | 'scripts'>): PolicyFile[] {
  const byFile = new Map<string, Bundle['policies']>();
  for (const policy of bundle.policies) byFile.set(policy.file, [...(byFile.get(policy.file) ?? []), policy]);
  const cedar = [...byFile].map(([path, policies]): PolicyFile => ({ path, language: 'cedar', policies: policies.toSorted((a, b) => a.line - b.line), source: '' }));
  const scripts = bundle.scripts.map((script): PolicyFile => ({ path: script.path, language: script.path.endsWith('.toml') ? 'toml' : 'rhai', policies: [], source: script.source }));
  return [...cedar, ...scripts].sort((a, b) => a.path.localeCompare(b.path));
}

function Tree({ all, current }: { all: PolicyFile[]; current: string | undefined }) {
  const folders = new Map<string, PolicyFile[]>();
  for (const file of all) { const folder = file.path.split('/').slice(0, -1).join('/'); folders.set(folder, [...(folders.get(folder) ?? []), file]); }
  return (
    <nav aria-label="Files of the bundle">
      {[...folders].map(([folder, held]) => (
        <div key={folder} className="mb-3">
          <p className="mono px-2 pb-1 text-meta text-text2">{folder || 'bundle'}/</p>
          <ul>{held.map((file) => (
            <li key={file.path}>
              <Link to="/policies" search={{ file: file.path }} aria-current={current === file.path ? 'true' : undefined} className="flex min-h-7 items-center gap-2 rounded-m px-2 hover:bg-s2 aria-[current]:bg-s3 max-md:min-h-11">
                <FileCode2 className="size-4 shrink-0 text-text3" aria-hidden /><span className="mono truncate">{file.path.split('/').at(-1)}</span>{file.policies.length > 0 && <span className="ml-auto text-meta text-text2">{file.policies.length}</span>}
              </Link>
            </li>
          ))}</ul>
        </div>
      ))}
    </nav>
  );
}

function Source({ file, line }: { file: PolicyFile; line: number | undefined }) {
  useEffect(() => { if (line) document.getElementById(`line-${line}`)?.scrollIntoView({ block: 'start' }); }, [file.path, line]);
  const wait = (text: string) => <div aria-busy className="rounded-m border hair bg-bg" style={{ height: text.split('\n').length * 20 + 16 }} />;
  if (file.source) return <Suspense fallback={wait(file.source)}><CodeView source={file.source} language={file.language} label={`Source of ${file.path}`} /></Suspense>;
  return (
    <div className="space-y-6">
      {file.policies.map((policy) => (
        <section key={policy.id} id={`line-${policy.line}`} aria-labelledby={`policy-${policy.id}`} className="scroll-mt-4">
          <h2 id={`policy-${policy.id}`} className="flex flex-wrap items-center gap-x-3 font-semibold"><code className="break-all">{policy.id}</code><span className={`rounded-s border px-1.5 text-meta font-normal ${policy.effect === 'forbid' ? 'border-bad/60 text-bad' : 'border-ok/60 text-ok'}`}>{policy.effect}</span></h2>
          <p className="mt-0.5 mb-2 text-text2">{policy.rationale}</p>
          <Suspense fallback={wait(policy.source)}><CodeView source={policy.source} language="cedar" firstLine={policy.line} label={`Cedar source of ${policy.id}`} /></Suspense>
        </section>
      ))}
    </div>
  );
}

function Faults({ bundle }: { bundle: Bundle }) {
  const faults = bundle.faults as Fault[];
  if (faults.length === 0) return null;
  return (
    <div role="alert" className="m-4 rounded-l border border-warn/60 tint-warn p-4 md:mx-6">
      <p className="flex items-center gap-2 font-semibold"><Glyph tone="warn" />{count(faults.length, 'fault')} in what {bundle.source} holds now; the bundle below goes on deciding</p>
      <ul className="mt-2 space-y-1">{faults.map((fault, n) => <li key={n}><code>{fault.file ?? fault.path}{(fault.line ?? fault.span?.line) ? `:${fault.line ?? fault.span?.line}` : ''}</code> {fault.message} {fault.help && <span className="text-text2">{fault.help}</span>}</li>)}</ul>
    </div>
  );
}

function BundlePage({ bundle }: { bundle: Bundle }) {
  const search = useSearch({ from: '/policies' });
  const navigate = useNavigate();
  const may = useMay();
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();
  const all = useMemo(() => files(bundle), [bundle]);
  const file = all.find((one) => one.path === search.file);
  const first = all[0]?.path;
  useEffect(() => { if (!search.file && first && matchMedia('(min-width: 64rem)').matches) void navigate({ to: '/policies', search: { file: first }, replace: true }); }, [search.file, first, navigate]);
  const reload = async () => {
    setBusy(true);
    setFault(undefined);
    try {
      const after = await get(http.POST('/api/v1/policies/reload'));
      toast(after.changed ? `Another bundle decides now: ${after.revision.slice(0, 10)}` : 'The same bundle as before');
      void client.invalidateQueries({ queryKey: ['policies'] });
    } catch (cause) { setFault(cause); } finally { setBusy(false); }
  };
  return (
    <div className="flex h-full min-h-0 flex-col">
      <h1 className="sr-only">Policies</h1>
      <div className="flex shrink-0 flex-wrap items-center gap-x-5 gap-y-1 border-b hair bg-s1 px-4 py-2 md:px-6">
        <span className="flex items-center">Bundle <code className="ml-1.5 font-semibold" title={bundle.revision}>{bundle.revision.slice(0, 10)}</code><CopyButton text={bundle.revision} what="revision" /></span>
        <span className="text-text2">{bundle.source === 'shipped' ? 'as it ships with this server' : bundle.source}</span>
        <span className="text-text2">active since <Time at={bundle.activated_at} /></span>
        {bundle.source !== 'shipped' && may('activateBundle') && <Button size="s" className="ml-auto" disabled={busy} onClick={() => void reload()}><RotateCw className="size-4" aria-hidden />Read it again</Button>}
      </div>
      {fault !== undefined && <div className="p-4"><Refusal cause={fault} /></div>}
      <Faults bundle={bundle} />
      <div className="grid min-h-0 grow grid-cols-[minmax(0,1fr)] grid-rows-[minmax(0,1fr)] lg:grid-cols-[264px_minmax(0,1fr)]">
        <div className={`min-h-0 overflow-y-auto border-r hair bg-s1 p-2 ${file ? 'hidden lg:block' : ''}`}><Tree all={all} current={search.file} /></div>
        <div className={`min-h-0 overflow-y-auto p-4 md:p-6 ${file ? '' : 'hidden lg:block'}`} tabIndex={0} role="region" aria-label="Source">
          {file ? <><Link to="/policies" className="mb-3 inline-flex min-h-6 items-center gap-1.5 text-text2 lg:hidden"><ArrowLeft className="size-4" aria-hidden />Files</Link><p className="mono mb-4 text-text2">{file.path}</p><Source file={file} line={search.line} /></>
            : <Empty title={search.file ? 'The bundle has no such file' : 'Choose a file'} />}
        </div>
      </div>
    </div>
  );
}

export default function Policies() {
  const bundle = useQuery(q.bundle());
  return <Loaded query={bundle} what="the policies">{(found) => <BundlePage bundle={found} />}</Loaded>;
}
