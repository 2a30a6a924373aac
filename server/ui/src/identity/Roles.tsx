// Roles, each as what it may do: a table of actions that the server computed from the policies in force.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Role } from '../api/client';
import { q } from '../api/queries';
import { Glyph } from '../kit/glyph';
import { Page, Section } from '../kit/panes';
import { Empty, Loaded } from '../kit/states';
import { MayDo } from './forms';
import { grouped, inWords } from './words';

function Cell({ role, action }: { role: Role; action: string }) {
  const person = role.permissions.includes(action);
  const agent = role.agent_permissions.includes(action);
  if (!person && !agent) return <span className="text-text3"><span aria-hidden>·</span><span className="sr-only">no</span></span>;
  if (person && !agent) return <span className="inline-flex" title="People, not language models"><Glyph tone="act" /><span className="sr-only">people, not language models</span></span>;
  return <span className="inline-flex" title={person ? 'Yes' : 'Language models alone'}><Glyph tone={person ? 'ok' : 'warn'} /><span className="sr-only">{person ? 'yes' : 'language models alone'}</span></span>;
}

function Matrix({ roles }: { roles: readonly Role[] }) {
  const actions = [...new Set(roles.flatMap((role) => [...role.permissions, ...role.agent_permissions]))];
  return (
    <div className="overflow-x-auto" tabIndex={0} role="group" aria-label="What each role may do, a table">
      <table className="w-full text-start">
        <caption className="sr-only">What each role may do, at least somewhere</caption>
        <thead><tr><th scope="col" className="sticky start-0 bg-bg pb-2 pe-4 text-start text-meta font-normal text-text3">May, at least somewhere</th>{roles.map((role) => <th key={role.name} scope="col" className="px-2 pb-2 text-center font-medium whitespace-nowrap">{role.name}</th>)}</tr></thead>
        {grouped(actions).map(([group, of]) => (
          <tbody key={group}>
            <tr><th scope="rowgroup" colSpan={roles.length + 1} className="pt-4 pb-1 text-start text-meta font-normal text-text3">{group}</th></tr>
            {of.map((action) => (
              <tr key={action} className="border-t hair hover:bg-s2"><th scope="row" className="sticky start-0 bg-bg py-1.5 pe-4 text-start font-normal" title={action}>{inWords(action)}</th>{roles.map((role) => <td key={role.name} className="px-2 text-center align-middle"><Cell role={role} action={action} /></td>)}</tr>
            ))}
          </tbody>
        ))}
      </table>
    </div>
  );
}

export default function Roles() {
  const roles = useQuery(q.roles());
  return (
    <Page title="Roles" intro={<>What a role may do is written in the policies, and computed from those in force. <Link to="/policies" search={{ file: 'policies/roles.cedar' }} className="underline decoration-edge underline-offset-2">Read or change them</Link></>}>
      <Section id="roles" title="What each may do" aside={<span className="flex flex-wrap gap-x-4"><span className="inline-flex items-center gap-1.5"><Glyph tone="ok" />may</span><span className="inline-flex items-center gap-1.5"><Glyph tone="act" />people, not language models</span><span className="inline-flex items-center gap-1.5"><Glyph tone="warn" />language models alone</span></span>}>
        <Loaded query={roles} what="the roles" rows={8}>{(page) => page.roles.length === 0 ? <Empty title="The policies name no role">Without one, nobody may do anything.</Empty> : (
          <>
            <div className="hidden md:block"><Matrix roles={page.roles} /></div>
            <ul className="divide-y divide-line md:hidden">{page.roles.map((role) => <li key={role.name}><details><summary className="flex min-h-11 items-center gap-3"><span className="font-medium">{role.name}</span><span className="text-meta text-text2">{role.permissions.length} actions</span></summary><div className="pb-4"><MayDo actions={role.permissions} /></div></details></li>)}</ul>
          </>
        )}</Loaded>
        <p className="mt-4 max-w-prose text-text2">“At least somewhere”: a guardrail can still forbid one host, or hold a command until people agree. What one command would come to is shown in the command bar of its host.</p>
      </Section>
    </Page>
  );
}
