// Every address of the interface, with its typed search. What is not understood in an address is left out of it.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Link, redirect, retainSearchParams } from '@tanstack/react-router';
import type { Show } from './approvals/Queue';
import type { FleetSearch } from './fleet/Fleet';
import type { Narrow } from './policy/Differences';
import { Empty, FailureNote } from './kit/states';
import { isGone } from './shell/OtherVersion';
import { Root } from './shell/Root';

type Raw = Record<string, unknown>;
const text = (raw: Raw, name: string) => (typeof raw[name] === 'string' && raw[name] !== '' ? raw[name] : typeof raw[name] === 'number' ? String(raw[name]) : undefined);
/** Keeps only what has a value, so that an address carries nothing that is the default. */
function kept<T extends object>(search: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as T;
}
const one = <T extends string>(value: string | undefined, of: readonly T[]): T | undefined => of.find((known) => known === value);

const root = createRootRoute({
  // Which tenant is looked at goes with every link; `api/tenant.ts` reads it once.
  validateSearch: (raw: Raw): { tenant?: string } => kept<{ tenant?: string }>({ tenant: text(raw, 'tenant') } as never),
  search: { middlewares: [retainSearchParams(['tenant'])] },
  component: Root,
  notFoundComponent: () => <Empty title="There is no such page"><Link to="/overview" className="underline">Go to the overview</Link></Empty>,
  errorComponent: ({ error, reset }) => isGone(error)
    ? <Empty title="The server is of another version now">This page belongs to the one before. What you typed and have not sent stays. <button type="button" className="underline" onClick={() => window.location.reload()}>Load it again</button></Empty>
    : <FailureNote cause={error} what="this page" retry={reset} />,
});
const index = createRoute({ getParentRoute: () => root, path: '/', beforeLoad: () => { throw redirect({ to: '/overview' }); } });
// The setup link leads here; when nothing is to be set up any more, it is an address like any other.
const setup = createRoute({ getParentRoute: () => root, path: '/setup', beforeLoad: () => undefined, component: () => <Empty title="This server is set up already"><Link to="/overview" className="underline">Go to the overview</Link></Empty> });

const overview = createRoute({ getParentRoute: () => root, path: '/overview', component: lazyRouteComponent(() => import('./house/Overview')) });

const fleet = createRoute({
  getParentRoute: () => root, path: '/fleet',
  validateSearch: (raw: Raw): FleetSearch => kept<FleetSearch>({
    q: text(raw, 'q'), sort: one(text(raw, 'sort'), ['name', 'status', 'cpu', 'mem', 'disk', 'seen'] as const), dir: one(text(raw, 'dir'), ['desc'] as const),
    probe: text(raw, 'probe'), tab: one(text(raw, 'tab'), ['network', 'services', 'packages', 'activity'] as const), run: one(text(raw, 'run'), ['chosen', 'matching'] as const),
  } as never),
  component: lazyRouteComponent(() => import('./fleet/Fleet')),
});

type ApprovalSearch = { show?: Show };
const approvals = createRoute({
  getParentRoute: () => root, path: '/approvals',
  validateSearch: (raw: Raw): ApprovalSearch => kept<ApprovalSearch>({ show: one(text(raw, 'show'), ['mine', 'pending', 'all'] as const) } as never),
  component: lazyRouteComponent(() => import('./approvals/Queue')),
});
const ahead = createRoute({ getParentRoute: () => root, path: '/approvals/ahead', component: lazyRouteComponent(() => import('./approvals/Ahead')) });
const aheadNew = createRoute({ getParentRoute: () => root, path: '/approvals/ahead/new', component: lazyRouteComponent(() => import('./approvals/AskAhead')) });
const aheadOne = createRoute({ getParentRoute: () => root, path: '/approvals/ahead/$id', component: lazyRouteComponent(() => import('./approvals/AheadOne')) });
const standingIn = createRoute({
  getParentRoute: () => root, path: '/approvals/standing-in', validateSearch: (raw: Raw): { all?: boolean } => kept<{ all?: boolean }>({ all: raw.all === true || undefined } as never),
  component: lazyRouteComponent(() => import('./approvals/StandingIn')),
});
const glass = createRoute({
  getParentRoute: () => root, path: '/approvals/broken-glass', validateSearch: (raw: Raw): { all?: boolean } => kept<{ all?: boolean }>({ all: raw.all === true || undefined } as never),
  component: lazyRouteComponent(() => import('./approvals/GlassPage')),
});
const figures = createRoute({
  getParentRoute: () => root, path: '/approvals/figures', validateSearch: (raw: Raw): { days?: number } => kept<{ days?: number }>({ days: [7, 90, 365].find((days) => days === Number(raw.days)) } as never),
  component: lazyRouteComponent(() => import('./approvals/FiguresPage')),
});
const approval = createRoute({ getParentRoute: () => approvals, path: '$id', component: lazyRouteComponent(() => import('./approvals/Request')) });

type CommandsSearch = { state?: string; group?: string };
const commands = createRoute({
  getParentRoute: () => root, path: '/commands', validateSearch: (raw: Raw): CommandsSearch => kept<CommandsSearch>({ state: text(raw, 'state'), group: text(raw, 'group') } as never),
  component: lazyRouteComponent(() => import('./command/Commands')),
});
const command = createRoute({ getParentRoute: () => root, path: '/commands/$id', component: lazyRouteComponent(() => import('./command/Story')) });

export type ActivitySearch = { q?: string; kind?: string; actor?: string; command?: string; probe?: string; since?: string; until?: string };
const activity = createRoute({
  getParentRoute: () => root, path: '/activity',
  validateSearch: (raw: Raw): ActivitySearch => kept<ActivitySearch>({ q: text(raw, 'q'), kind: text(raw, 'kind'), actor: text(raw, 'actor'), command: text(raw, 'command'), probe: text(raw, 'probe'), since: text(raw, 'since'), until: text(raw, 'until') } as never),
  component: lazyRouteComponent(() => import('./timeline/Activity')),
});
const entry = createRoute({ getParentRoute: () => activity, path: '$index', component: lazyRouteComponent(() => import('./timeline/Entry')) });

type AskedSearch = { principal?: string; action?: string; outcome?: 'allow' | 'hold' | 'deny' };
const asked = createRoute({
  getParentRoute: () => root, path: '/asked',
  validateSearch: (raw: Raw): AskedSearch => kept<AskedSearch>({ principal: text(raw, 'principal'), action: text(raw, 'action'), outcome: one(text(raw, 'outcome'), ['allow', 'hold', 'deny'] as const) } as never),
  component: lazyRouteComponent(() => import('./timeline/Asked')),
});
const askedOnce = createRoute({ getParentRoute: () => root, path: '/asked/$id', component: lazyRouteComponent(() => import('./timeline/AskedOnce')) });

export type PolicySearch = { file?: string; line?: number; rev?: string; cover?: boolean };
const policies = createRoute({ getParentRoute: () => root, path: '/policies', component: lazyRouteComponent(() => import('./policy/Policies')) });
const policySource = createRoute({
  getParentRoute: () => policies, path: '/',
  validateSearch: (raw: Raw): PolicySearch => kept<PolicySearch>({ file: text(raw, 'file'), line: Number(raw.line) > 0 ? Number(raw.line) : undefined, rev: text(raw, 'rev'), cover: raw.cover === true || undefined } as never),
  component: lazyRouteComponent(() => import('./policy/Source')),
});
const policyChanges = createRoute({ getParentRoute: () => policies, path: 'changes', component: lazyRouteComponent(() => import('./policy/Changes')) });
const policyCases = createRoute({
  getParentRoute: () => policies, path: 'cases', validateSearch: (raw: Raw): { q?: string } => kept<{ q?: string }>({ q: text(raw, 'q') } as never),
  component: lazyRouteComponent(() => import('./policy/Cases')),
});
const policyReplays = createRoute({
  getParentRoute: () => policies, path: 'replays', validateSearch: (raw: Raw): { candidate?: string } => kept<{ candidate?: string }>({ candidate: text(raw, 'candidate') } as never),
  component: lazyRouteComponent(() => import('./policy/Replays')),
});
const narrowed = (raw: Raw): Narrow => kept<Narrow>({ kind: text(raw, 'kind'), principal: text(raw, 'principal'), tag: text(raw, 'tag'), action: text(raw, 'action'), policy: text(raw, 'policy') } as never);
const policyReplay = createRoute({ getParentRoute: () => policies, path: 'replays/$id', validateSearch: narrowed, component: lazyRouteComponent(() => import('./policy/Replay')) });
const policyShadow = createRoute({ getParentRoute: () => policies, path: 'shadow', validateSearch: narrowed, component: lazyRouteComponent(() => import('./policy/ShadowPage')) });
type Between = { from?: string; to?: string };
const policyHistory = createRoute({
  getParentRoute: () => policies, path: 'history', validateSearch: (raw: Raw): Between => kept<Between>({ from: text(raw, 'from'), to: text(raw, 'to') } as never),
  component: lazyRouteComponent(() => import('./policy/History')),
});
const policyRevision = createRoute({ getParentRoute: () => policies, path: 'history/$rev', component: lazyRouteComponent(() => import('./policy/Revision')) });
const enroll = createRoute({ getParentRoute: () => root, path: '/enroll', component: lazyRouteComponent(() => import('./enroll/Enroll')) });
const access = createRoute({ getParentRoute: () => root, path: '/access', component: lazyRouteComponent(() => import('./identity/Access')) });
const accessPeople = createRoute({ getParentRoute: () => access, path: '/', component: lazyRouteComponent(() => import('./identity/People')) });
const accessPerson = createRoute({ getParentRoute: () => access, path: 'people/$id', component: lazyRouteComponent(() => import('./identity/PersonPage')) });
const accessGroups = createRoute({ getParentRoute: () => access, path: 'groups', component: lazyRouteComponent(() => import('./identity/Groups')) });
const accessRoles = createRoute({ getParentRoute: () => access, path: 'roles', component: lazyRouteComponent(() => import('./identity/Roles')) });
const accessKeys = createRoute({
  getParentRoute: () => access, path: 'keys', validateSearch: (raw: Raw): { all?: boolean } => kept<{ all?: boolean }>({ all: raw.all === true || undefined } as never),
  component: lazyRouteComponent(() => import('./identity/Keys')),
});
const accessTenants = createRoute({ getParentRoute: () => access, path: 'tenants', component: lazyRouteComponent(() => import('./identity/Tenants')) });
const accessProviders = createRoute({ getParentRoute: () => access, path: 'providers', component: lazyRouteComponent(() => import('./identity/ProvidersPage')) });
const account = createRoute({ getParentRoute: () => root, path: '/account', component: lazyRouteComponent(() => import('./identity/Account')) });
const device = createRoute({ getParentRoute: () => root, path: '/device', component: lazyRouteComponent(() => import('./identity/Device')) });
// Where a sign-in by a provider ends that came to nothing; who is signed in has no business there.
const signIn = createRoute({ getParentRoute: () => root, path: '/sign-in', beforeLoad: () => { throw redirect({ to: '/overview' }); } });
const settings = createRoute({ getParentRoute: () => root, path: '/settings', component: lazyRouteComponent(() => import('./house/Settings')) });

export const router = createRouter({
  routeTree: root.addChildren([index, setup, overview, fleet, approvals.addChildren([approval]), ahead, aheadNew, aheadOne, standingIn, glass, figures, commands, command, activity.addChildren([entry]), asked, askedOnce, policies.addChildren([policySource, policyChanges, policyCases, policyReplays, policyReplay, policyShadow, policyHistory, policyRevision]), enroll, access.addChildren([accessPeople, accessPerson, accessGroups, accessRoles, accessKeys, accessTenants, accessProviders]), account, device, signIn, settings]),
  defaultPreload: 'intent', scrollRestoration: true,
});
declare module '@tanstack/react-router' { interface Register { router: typeof router } }
