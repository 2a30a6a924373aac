// What several pages about people ask with: roles as ticks, actions as ticks, and what is shown only once.
import type { Role } from '../api/client';
import { Button, CopyButton } from '../kit/controls';
import { Tick } from '../kit/choices';
import { grouped, inWords } from './words';

export const split = (text: string) => text.split(/[\s,]+/).filter(Boolean);

/** Something that is never shown again. */
export function ShownOnce({ what, text, done, onDone, children }: { what: string; text: string; done: string; onDone: () => void; children: React.ReactNode }) {
  return (
    <div className="space-y-4 p-5">
      <p>{children}</p>
      <div className="flex items-start gap-2 rounded-m border hair bg-bg py-2 ps-3 pe-2"><code className="min-w-0 grow break-all">{text}</code><CopyButton text={text} what={what} /></div>
      <div className="flex justify-end"><Button look="solid" onClick={onDone}>{done}</Button></div>
    </div>
  );
}

/** One link that works once; whoever opens it chooses a password. */
export function LinkShown({ path, name, onDone }: { path: string; name: string; onDone: () => void }) {
  return <ShownOnce what="link" text={window.location.origin + path} done="Done" onDone={onDone}>Give this to {name}. It works once, and whoever opens it chooses {name}’s password. It is shown this once.</ShownOnce>;
}

export function RoleBoxes({ roles, chosen, onChange }: { roles: readonly Role[]; chosen: readonly string[]; onChange: (roles: string[]) => void }) {
  return (
    <fieldset><legend className="font-medium">Roles</legend>
      <div className="mt-1 space-y-1">{roles.map((role) => (
        <Tick key={role.name} on={chosen.includes(role.name)} onChange={(on) => onChange(on ? [...chosen, role.name] : chosen.filter((one) => one !== role.name))}><span className="shrink-0">{role.name}</span><span className="truncate text-meta text-text2" title={role.permissions.map(inWords).join(', ')}>{role.permissions.map(inWords).join(', ')}</span></Tick>
      ))}</div>
    </fieldset>
  );
}

/** Actions in their groups, each with a tick. */
export function ActionBoxes({ actions, chosen, onChange }: { actions: readonly string[]; chosen: readonly string[]; onChange: (actions: string[]) => void }) {
  return (
    <div className="max-h-72 space-y-3 overflow-y-auto rounded-m border hair p-3" tabIndex={0} role="group" aria-label="Actions">
      {grouped(actions).map(([group, of]) => (
        <fieldset key={group}><legend className="text-meta text-text3">{group}</legend>
          {of.map((action) => <Tick key={action} on={chosen.includes(action)} onChange={(on) => onChange(on ? [...chosen, action] : chosen.filter((one) => one !== action))}><code className="shrink-0">{action}</code>{inWords(action) !== action && <span className="truncate text-meta text-text2">{inWords(action)}</span>}</Tick>)}
        </fieldset>
      ))}
    </div>
  );
}

/** What somebody may do, group by group. */
export function MayDo({ actions }: { actions: readonly string[] }) {
  if (actions.length === 0) return <p className="text-text2">Nothing by itself.</p>;
  return (
    <dl className="grid gap-x-6 gap-y-3 md:grid-cols-2 xl:grid-cols-3">{grouped(actions).map(([group, of]) => (
      <div key={group}><dt className="text-meta text-text3">{group}</dt><dd><ul>{of.map((action) => <li key={action} title={action}>{inWords(action)}</li>)}</ul></dd></div>
    ))}</dl>
  );
}
