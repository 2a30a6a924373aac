// What people agreed to ahead: what is in force, what waits, what is over.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { Grant } from '../api/client';
import { q } from '../api/queries';
import { useMay } from '../identity/session';
import { Choice } from '../kit/choices';
import { buttonClass } from '../kit/controls';
import { LevelMark } from '../kit/glyph';
import { Section } from '../kit/panes';
import { Empty, Loaded } from '../kit/states';
import { Time } from '../kit/time';
import { forHow, GrantState, open, uses, What } from './grant';
import { Arranged } from './tabs';

function Row({ grant }: { grant: Grant }) {
  return (
    <li>
      <Link to="/approvals/ahead/$id" params={{ id: grant.id }} className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-4 gap-y-1 py-3 hover:bg-s2">
        <span className="min-w-0 break-words"><span className="font-medium"><bdi>{grant.principal_name}</bdi></span> <What grant={grant} /></span><GrantState state={grant.state} />
        <span className="flex min-w-0 flex-wrap items-center gap-x-4 text-meta text-text2"><LevelMark level={grant.level} /><span>{uses(grant)}</span><span className="min-w-0 truncate">{grant.reason}</span></span>
        <span className="text-end text-meta text-text2">{grant.state === 'active' && grant.until ? <>ends <Time at={grant.until} /></> : grant.state === 'pending' ? `for ${forHow(grant.for_s)}` : grant.ended_at ? <Time at={grant.ended_at} /> : grant.until ? <Time at={grant.until} /> : <Time at={grant.created_at} />}</span>
      </Link>
    </li>
  );
}

export default function Ahead() {
  const may = useMay();
  const grants = useQuery(q.grants());
  const [show, setShow] = useState<'open' | 'all'>('open');
  return (
    <Arranged title="Agreed to ahead" intro="A pattern that people read and agreed to: what it covers passes for a while without asking each time, and each use is counted."
      actions={may('grantAhead') && <Link to="/approvals/ahead/new" className={buttonClass('solid')}>Ask for one</Link>}>
      <Section id="ahead" title="Patterns" aside={<Choice label="Which patterns" value={show} onChange={setShow} options={[['open', 'In force or waiting'], ['all', 'Over as well']]} />}>
        <Loaded query={grants} what="what was agreed to ahead" rows={3}>{(page) => {
          const shown = page.grants.filter((grant) => show === 'all' || open(grant));
          if (shown.length === 0) return <Empty title={page.grants.length ? 'Nothing is in force or waiting' : 'Nothing was agreed to ahead yet'}>{page.grants.length ? <button type="button" className="underline" onClick={() => setShow('all')}>Show those that are over</button> : 'What is asked often and agreed to each time can be agreed to once, for a while.'}</Empty>;
          return <ul className="divide-y divide-line">{shown.map((grant) => <Row key={grant.id} grant={grant} />)}</ul>;
        }}</Loaded>
      </Section>
    </Arranged>
  );
}
