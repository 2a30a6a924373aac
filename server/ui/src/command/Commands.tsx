// What was asked, newest first: one row a command, live.
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import type { Command } from '../api/client';
import { q } from '../api/queries';
import { Rest } from '../shell/Rest';
import { commandState, LevelMark, State } from '../kit/glyph';
import { Newer, useHeld } from '../kit/held';
import { Told } from '../kit/inert';
import { Empty, Loaded } from '../kit/states';
import { Time } from '../kit/time';

/** `inPlace`: a list of always so many, whose rows stay where they are and say something else. */
export function CommandRows({ commands, withHost = true, inPlace = false }: { commands: Command[]; withHost?: boolean; inPlace?: boolean }) {
  return (
    <ul className="divide-y divide-line">
      {commands.map((command, n) => {
        const { tone, word } = commandState(command.state);
        return (
          <li key={inPlace ? n : command.id}>
            <Link to="/commands/$id" params={{ id: command.id }} className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-4 gap-y-0.5 px-4 py-2.5 hover:bg-s2 md:px-6">
              <code className="truncate"><Told>{command.line}</Told></code>
              <State tone={tone}>{word}</State>
              <span className="flex min-w-0 items-center gap-3 text-meta text-text2">{withHost && <span className="truncate">{command.probe_name}</span>}<span className="truncate">{command.requester_name}</span><LevelMark level={command.level} /></span>
              <span className="text-end text-meta text-text2"><Time at={command.created_at} /></span>
            </Link>
          </li>
        );
      })}
    </ul>
  );
}

const idOf = (command: Command) => command.id;
const NONE: Command[] = [];

const SAVED = [['', 'All'], ['held', 'Waiting for people'], ['queued', 'Waiting for room'], ['running', 'Running'], ['succeeded', 'Succeeded'], ['failed', 'Failed'], ['denied', 'Denied']] as const;

export default function Commands() {
  const { state, group } = useSearch({ from: '/commands' });
  const navigate = useNavigate();
  const list = useQuery(q.commands({ limit: 200, ...(state ? { state } : {}), ...(group ? { group } : {}) }));
  const { items, more, show, hands } = useHeld(list.data?.commands ?? NONE, idOf, `${state ?? ''} ${group ?? ''} ${list.isPlaceholderData}`);
  return (
    <div className="flex h-full min-h-0 flex-col">
      <h1 className="sr-only">Commands</h1>
      <div role="group" aria-label="Show" className="flex shrink-0 gap-1 overflow-x-auto border-b hair bg-s1 p-2">
        {SAVED.map(([id, label]) => (
          <button key={id} type="button" aria-pressed={(state ?? '') === id} onClick={() => void navigate({ to: '/commands', search: { ...(id ? { state: id } : {}), ...(group ? { group } : {}) } })}
            className="shrink-0 rounded-m px-2.5 py-1 text-text2 hover:bg-s2 aria-pressed:bg-s3 aria-pressed:text-text">{label}</button>
        ))}
      </div>
      {group && <p className="flex shrink-0 flex-wrap items-center gap-x-3 border-b hair tint-accent px-4 py-1.5 text-meta md:px-6">One ask to several hosts, each decided by itself. <Link to="/commands" search={state ? { state } : {}} className="underline">Show all commands</Link></p>}
      <div className="min-h-0 grow overflow-y-auto" tabIndex={0} role="region" aria-label="Commands" {...hands}>
        <Newer n={more} show={show} />
        <Loaded query={list} what="the commands">
          {(page) => page.commands.length === 0
            ? <Empty title={state ? 'None like that' : 'Nothing has been asked yet'}>{state ? <Link to="/commands" className="underline">Show all commands</Link> : <>Open a host in the <Link to="/fleet" className="underline">fleet</Link> and type one.</>}</Empty>
            : <><CommandRows commands={items} />{page.next_cursor && <Rest>These are the newest 200. Narrow them, or search the <Link to="/activity" className="underline">log</Link> for older ones.</Rest>}</>}
        </Loaded>
      </div>
    </div>
  );
}
