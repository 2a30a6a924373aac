// What was asked of the API, and what the access policies said: each question once an hour, with how often.
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import type { FormEvent } from 'react';
import { q } from '../api/queries';
import { Button, Field } from '../kit/controls';
import { outcomeState, State } from '../kit/glyph';
import { Told } from '../kit/inert';
import { Empty, FailureNote, Skeleton } from '../kit/states';
import { Time } from '../kit/time';

const OUTCOMES = [['', 'All'], ['deny', 'Denied'], ['hold', 'Held'], ['allow', 'Allowed']] as const;

export default function Asked() {
  const { principal, action, outcome } = useSearch({ from: '/asked' });
  const narrow = { ...(principal ? { principal } : {}), ...(action ? { action } : {}), ...(outcome ? { outcome } : {}) };
  const navigate = useNavigate();
  const list = useInfiniteQuery(q.asked(narrow));
  const find = (e: FormEvent<HTMLFormElement>) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget);
    const typed = (name: string) => String(form.get(name) ?? '').trim();
    void navigate({ to: '/asked', search: { ...(typed('principal') ? { principal: typed('principal') } : {}), ...(typed('action') ? { action: typed('action') } : {}), ...(outcome ? { outcome } : {}) } });
  };
  const rows = list.data?.pages.flatMap((page) => page.operations) ?? [];
  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="shrink-0 space-y-3 border-b hair bg-s1 px-4 py-3 md:px-6">
        <div><h1 className="text-head font-semibold">Asked of the API</h1><p className="text-text2">What people and programs wanted of Legator itself. What they wanted of hosts is under <Link to="/commands" className="underline">Commands</Link>.</p></div>
        <form key={`${principal} ${action}`} onSubmit={find} className="flex flex-wrap items-end gap-3">
          <Field label="Who" name="principal" defaultValue={principal ?? ''} spellCheck={false} autoCapitalize="none" autoComplete="off" />
          <Field label="Operation" name="action" defaultValue={action ?? ''} placeholder="manageUsers" spellCheck={false} autoCapitalize="none" autoComplete="off" />
          <Button type="submit">Find</Button>
        </form>
        <div role="group" aria-label="Show" className="-mx-1 flex gap-1 overflow-x-auto">
          {OUTCOMES.map(([id, label]) => <button key={id} type="button" aria-pressed={(outcome ?? '') === id} onClick={() => { const { outcome: _, ...rest } = narrow; void navigate({ to: '/asked', search: { ...rest, ...(id ? { outcome: id } : {}) } }); }} className="shrink-0 rounded-m px-2.5 py-1 text-text2 hover:bg-s2 aria-pressed:bg-s3 aria-pressed:text-text">{label}</button>)}
        </div>
      </div>
      <div className="min-h-0 grow overflow-y-auto" tabIndex={0} role="region" aria-label="Operations">
        {list.isError && !list.data ? <FailureNote cause={list.error} what="what was asked" retry={() => void list.refetch()} />
          : !list.data ? <Skeleton rows={8} />
            : rows.length === 0 ? <Empty title="Nothing of the kind was asked"><Link to="/asked" search={{}} className="underline">Show all</Link></Empty> : (
              <ul className="divide-y divide-line">{rows.map((asked) => {
                const { tone, word } = outcomeState(asked.outcome);
                return (
                  <li key={asked.id}><Link to="/asked/$id" params={{ id: asked.id }} className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-4 gap-y-0.5 px-4 py-2.5 hover:bg-s2 md:px-6">
                    <span className="flex min-w-0 items-baseline gap-x-3"><code className="truncate font-medium">{asked.action}</code><span className="truncate text-text2"><Told>{asked.principal}</Told></span></span>
                    <State tone={tone}>{word}</State>
                    <span className="text-meta text-text2">{asked.times === 1 ? 'once' : `${asked.times.toLocaleString('en')} times`}{asked.tenant !== 'default' && <> · <Told>{asked.tenant}</Told></>}</span>
                    <span className="text-end text-meta text-text2"><Time at={asked.last_at} /></span>
                  </Link></li>
                );
              })}</ul>
            )}
        {list.hasNextPage && <div className="px-4 py-3 md:px-6"><Button onClick={() => void list.fetchNextPage()} disabled={list.isFetchingNextPage}>Show older ones</Button></div>}
      </div>
    </div>
  );
}
