// One question to the API: the answer with its reasons, and the facts that it was based on.
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { ArrowLeft } from 'lucide-react';
import { q } from '../api/queries';
import { Reasons } from '../command/Reasons';
import type { Decision } from '../command/decision';
import { Id } from '../kit/controls';
import { outcomeState, State } from '../kit/glyph';
import { Prose, Told } from '../kit/inert';
import { Facts, Section } from '../kit/panes';
import { Loaded } from '../kit/states';
import { Time } from '../kit/time';

export default function AskedOnce() {
  const { id } = useParams({ from: '/asked/$id' });
  const query = useQuery(q.askedOnce(id));
  return (
    <div className="h-full overflow-y-auto" tabIndex={0} role="region" aria-label="Operation">
      {!query.data && <h1 className="sr-only">Operation</h1>}
      <Link to="/asked" className="mx-4 mt-4 inline-flex min-h-6 items-center gap-1.5 text-text2 md:mx-6"><ArrowLeft className="size-4 rtl:rotate-180" aria-hidden />Asked of the API</Link>
      <Loaded query={query} what="the operation">
        {(asked) => {
          const { tone, word } = outcomeState(asked.outcome);
          return (
            <>
              <header className="px-4 pt-2 pb-5 md:px-6">
                <h1 className="text-head font-semibold"><code>{asked.action}</code></h1>
                <p className="mt-1 flex flex-wrap items-baseline gap-x-3"><State tone={tone}>{word}</State><span className="text-text2"><Prose>{asked.summary}</Prose></span></p>
                <div className="mt-3"><Facts rows={[
                  ['Who', <Told key="w">{asked.principal}</Told>],
                  ['Asked', <span key="a">{asked.times === 1 ? 'once' : `${asked.times.toLocaleString('en')} times`}, <Time at={asked.at} exact />{asked.times > 1 && <> to <Time at={asked.last_at} exact /></>}</span>],
                  ['Bundle', <code key="b" title={asked.revision}>{asked.revision.slice(0, 10)}</code>],
                  ['Id', <Id key="i" id={asked.id} />],
                ]} /></div>
              </header>
              <Reasons decision={asked.decision as Decision} />
              <Section id="facts" title="Facts"><pre className="mono overflow-x-auto rounded-m border hair bg-bg p-3 text-[0.8125rem] leading-5" tabIndex={0} role="group" aria-label="Facts"><Told>{JSON.stringify(asked.facts, null, 2)}</Told></pre></Section>
            </>
          );
        }}
      </Loaded>
    </div>
  );
}
