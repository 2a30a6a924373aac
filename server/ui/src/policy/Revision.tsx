// One revision: what it is, what its cases came to, what it would change; and from here it is put in force.
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { ArrowLeft } from 'lucide-react';
import { useState } from 'react';
import { get, http } from '../api/client';
import { client, q } from '../api/queries';
import { useMay } from '../identity/session';
import { bytes, count } from '../kit/bytes';
import { Button, buttonClass, CopyButton } from '../kit/controls';
import { Glyph, State } from '../kit/glyph';
import { Prose } from '../kit/inert';
import { Facts, Section } from '../kit/panes';
import { Loaded, Refusal } from '../kit/states';
import { Time } from '../kit/time';
import { toast } from '../kit/toasts';
import { Answers } from './Answers';
import { Diff } from './Diff';
import { originOf } from './History';
import { InForce } from './InForce';
import { parsed } from './lines';
import { useActive } from './Policies';

export function Difference({ from, to }: { from: string; to: string }) {
  const query = useQuery(q.difference(from, to));
  return (
    <Loaded query={query} what="the difference" rows={3}>
      {({ files, policies }) => files.length === 0 && policies.length === 0 ? <p className="text-text2">Their files are the same.</p> : (
        <>
          {policies.length > 0 && <ul className="mb-4 space-y-0.5">{policies.map((one) => <li key={one.id} className="flex flex-wrap items-baseline gap-x-2"><span className={`w-16 text-meta ${one.change === 'added' ? 'text-ok' : one.change === 'removed' ? 'text-bad' : 'text-text2'}`}>{one.change}</span><code className="font-semibold break-all">{one.id}</code><span className="text-text2">{(one.after ?? one.before)?.effect}: {(one.after ?? one.before)?.rationale}</span></li>)}</ul>}
          {files.map((file) => <Diff key={file.path} path={file.path} change={file.change} hunks={parsed(file.diff)} />)}
        </>
      )}
    </Loaded>
  );
}

function Shadow({ revision }: { revision: string }) {
  const [fault, setFault] = useState<unknown>();
  const start = async () => {
    setFault(undefined);
    try {
      await get(http.POST('/api/v1/bundles/{rev}/shadow', { params: { path: { rev: revision } } }));
      toast('It decides in the shadow now');
      void client.invalidateQueries({ queryKey: ['shadow'] });
    } catch (cause) { setFault(cause); }
  };
  return <><Button onClick={() => void start()}>Let it decide in the shadow</Button>{fault !== undefined && <div className="basis-full"><Refusal cause={fault} /></div>}</>;
}

export default function RevisionPage() {
  const { rev } = useParams({ from: '/policies/history/$rev' });
  const active = useActive();
  const may = useMay();
  const query = useQuery(q.revision(rev));
  return (
    <div className="h-full overflow-y-auto" tabIndex={0} role="region" aria-label="Revision">
      {!query.data && <h1 className="sr-only">Revision</h1>}
      <Link to="/policies/history" className="mx-4 mt-4 inline-flex min-h-6 items-center gap-1.5 text-text2 md:mx-6"><ArrowLeft className="size-4 rtl:-scale-x-100" aria-hidden />All revisions</Link>
      <Loaded query={query} what="the revision">
        {(found) => (
          <>
            <header className="px-4 pt-2 pb-5 md:px-6">
              <h1 className="flex flex-wrap items-center gap-x-2 text-head font-semibold">Revision <code title={found.revision}>{found.revision.slice(0, 10)}</code><CopyButton text={found.revision} what="revision" /></h1>
              {found.message && <p className="mt-1 max-w-prose break-words whitespace-pre-wrap">{found.message}</p>}
              <div className="mt-3"><Facts rows={[
                ['Published', <span key="p">by {found.publisher}, <Time at={found.published_at} exact /></span>],
                ['Origin', <span key="o">{originOf(found.origin.kind)}{found.origin.place && <> · <code className="break-all">{/^[0-9a-f]{64}$/.test(found.origin.place) ? `over ${found.origin.place.slice(0, 10)}` : found.origin.place}</code></>}{found.origin.commit && <> · commit <code>{found.origin.commit.slice(0, 10)}</code></>}{found.origin.signer && <> · signed by {found.origin.signer}</>}</span>],
                ['Cases', <span key="c" className="flex flex-wrap gap-x-4"><State tone={found.passed ? 'ok' : 'bad'}>{found.report.cases - found.report.failed.length} of {found.report.cases} hold</State>{found.report.gaps.length > 0 && <span className="text-text2">{count(found.report.gaps.length, 'thing')} without a case</span>}</span>],
              ]} /></div>
            </header>
            {found.report.failed.length > 0 && <Section id="failed" title="Cases that do not hold"><ul className="space-y-2">{found.report.failed.map((one) => <li key={`${one.file}:${one.line}`} className="flex items-start gap-2"><Glyph tone="bad" className="mt-1" /><div className="min-w-0 break-words"><p className="font-medium">{one.name}</p>{one.problems.map((problem, n) => <p key={n} className="text-text2"><Prose>{problem}</Prose></p>)}<code className="text-meta text-text2">{one.file}:{one.line}</code></div></li>)}</ul></Section>}
            <Section id="force" title="In force">
              <div className="space-y-4">
                {may('activateBundle') || found.revision === active.revision ? <InForce key={found.revision} revision={found.revision} active={active.revision} passed={found.passed} /> : <p className="text-text2">Putting it in force takes a role that may activate bundles.</p>}
                {found.revision !== active.revision && <div className="flex flex-wrap gap-2">{may('replayDecisions') && <Link to="/policies/replays" search={{ candidate: found.revision }} className={buttonClass()}>Replay the last days under it</Link>}{may('shadowBundle') && <Shadow revision={found.revision} />}</div>}
              </div>
            </Section>
            {found.revision !== active.revision && <Section id="difference" title="What it would change" aside={<>from <code>{active.revision.slice(0, 10)}</code>, which decides now</>}><Difference from={active.revision} to={found.revision} />{may('publishBundle') && <Answers key={`${active.revision} ${found.revision}`} of={{ revision: found.revision }} against={active.revision} />}</Section>}
            <Section id="files" title="Files" aside={count(found.files.length, 'file')}><ul className="columns-1 gap-8 md:columns-2">{found.files.map((file) => <li key={file.path} className="flex min-h-7 items-center justify-between gap-3 max-md:min-h-11"><Link to="/policies" search={{ file: file.path, rev: found.revision }} className="mono min-w-0 truncate py-0.5 underline decoration-edge underline-offset-2">{file.path}</Link><span className="mono text-meta text-text2">{bytes(file.bytes)}</span></li>)}</ul></Section>
          </>
        )}
      </Loaded>
    </div>
  );
}
