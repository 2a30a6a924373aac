// The frame around every page: where one can go, what waits, whether the page is live.
import { useQuery } from '@tanstack/react-query';
import { Link, Outlet, useNavigate, useRouterState } from '@tanstack/react-router';
import { Menu, Search } from 'lucide-react';
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from 'react';
import { failureOf } from '../api/failure';
import { q } from '../api/queries';
import { GlassBanner } from '../approvals/Glass';
import { SignInForm } from '../identity/SignIn';
import { useLapsed, useMay } from '../identity/session';
import { Button, Kbd } from '../kit/controls';
import { useKeys } from '../kit/keys';
import { Modal } from '../kit/panes';
import { setClock } from '../kit/time';
import { Toasts, toast } from '../kit/toasts';
import { looking, tenant } from '../api/tenant';
import { Empty } from '../kit/states';
import { BellMenu, ClockMenu, flipTheme, LiveMark, PersonMenu, signOut, TenantMenu, ThemeButton } from './bar';
import { MAP } from './map';
import { OtherVersion } from './OtherVersion';
import type { Action } from './Palette';

const Palette = lazy(() => import('./Palette'));
const Shortcuts = lazy(() => import('./Shortcuts'));
/** What is not needed for the first page is there before anybody can ask for it. */
const soon = () => Promise.all([import('./Palette'), import('./Shortcuts')]);

/** Turns the address into one that shows a colleague the same. */
async function copyLink() {
  try {
    await navigator.clipboard.writeText(window.location.href);
    toast('The link to this page is copied');
  } catch { toast('The browser did not let this page copy'); }
}

export function Shell() {
  const [palette, setPalette] = useState(false);
  const [ready, setReady] = useState(false);
  // A server that is away just then takes the palette along, and not the page: it is asked for again.
  useEffect(() => {
    let timer = setTimeout(function load() { void soon().then(() => setReady(true), () => { timer = setTimeout(load, 3_000); }); }, 300);
    return () => clearTimeout(timer);
  }, []);
  const [drawer, setDrawer] = useState(false);
  const [sheet, setSheet] = useState(false);
  const chord = useRef(0);
  const navigate = useNavigate();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const waiting = useQuery({ ...q.approvals('pending'), retry: false });
  const mine = (waiting.data?.approvals ?? []).filter((request) => request.can_decide).length;
  const may = useMay();
  const lapsed = useLapsed();
  const me = useQuery({ ...q.me(), enabled: !lapsed });
  const tenants = useQuery({ ...q.tenants(), enabled: may('viewFleet') });
  // A tenant beyond somebody's reach is as unknown as none.
  const lost = useRef(false);
  if (me.isError && failureOf(me.error).status === 404) lost.current = true;
  if (me.data) lost.current = false;
  const nowhere = tenant !== undefined && lost.current;
  const here = MAP.find((place) => path.startsWith(place.to));
  const places = MAP.filter((place) => !place.needs || may(place.needs));
  useEffect(() => { document.title = `${here?.label ?? (path === '/account' ? 'Account' : 'Legator')}${mine ? ` (${mine})` : ''} · Legator`; }, [here, mine, path]);

  const go = Object.fromEntries(MAP.map((place) => [place.key, () => {
    if (Date.now() - chord.current < 1_000) { chord.current = 0; void navigate({ to: place.to }); return true; }
    return false;
  }]));
  useEffect(() => {
    // Before the page's own keys: after `g` a letter leads to a page.
    const first = (event: KeyboardEvent) => {
      if (event.metaKey || event.ctrlKey || event.altKey || Date.now() - chord.current > 1_000) return;
      if (go[event.key]?.()) { event.preventDefault(); event.stopPropagation(); }
    };
    window.addEventListener('keydown', first, true);
    return () => window.removeEventListener('keydown', first, true);
  });
  useKeys({ 'mod+k': () => setPalette(true), g: () => { chord.current = Date.now(); }, '?': () => setSheet(true), y: () => void copyLink() });

  const actions = useMemo<Action[]>(() => [
    { id: 'theme', label: 'Switch between dark and light', run: () => void flipTheme() },
    { id: 'clock-utc', label: 'Show times in UTC', run: () => setClock('utc') },
    { id: 'clock-local', label: 'Show local times', run: () => setClock('local') },
    { id: 'clock-relative', label: 'Show relative times', run: () => setClock('relative') },
    { id: 'keys', label: 'Show all keys', meta: '?', run: () => setSheet(true) },
    { id: 'link', label: 'Copy a link to this page', meta: 'y', run: () => void copyLink() },
    { id: 'account', label: 'Open your account', run: () => void navigate({ to: '/account' }) },
    { id: 'out', label: 'Sign out', run: () => void signOut() },
    ...((tenants.data?.tenants.length ?? 0) > 1 ? [undefined, ...(tenants.data?.tenants ?? [])].filter((one) => one?.name !== tenant).map((one) => ({ id: `tenant-${one?.name ?? ''}`, label: one ? `Look at the tenant ${one.name} alone` : 'Look at all tenants', run: () => window.location.assign(looking(one?.name)) })) : []),
  ], [navigate, tenants.data]);

  const links = (compact: boolean) => places.map(({ to, label, icon: Icon }) => (
    <li key={to}>
      <Link to={to} onClick={() => setDrawer(false)} activeProps={{ className: 'bg-s3 text-text!', 'aria-current': 'page' }}
        className={`relative flex items-center gap-2.5 rounded-m px-2.5 py-1.5 text-text2 hover:bg-s2 hover:text-text ${compact ? '' : 'min-h-11'}`}>
        <Icon className="size-4 shrink-0" aria-hidden />
        <span className={compact ? 'sr-only xl:not-sr-only' : ''}>{label}</span>
        {to === '/approvals' && mine > 0 && <span className={`ms-auto rounded-full bg-accent-solid px-1.5 text-meta font-semibold text-on-accent ${compact ? 'max-xl:absolute max-xl:top-0 max-xl:end-0' : ''}`}>{mine}<span className="sr-only"> waiting for you</span></span>}
      </Link>
    </li>
  ));

  return (
    <div className="relative flex h-dvh flex-col overflow-clip md:grid md:grid-cols-[56px_minmax(0,1fr)] md:grid-rows-[minmax(0,1fr)] xl:grid-cols-[200px_minmax(0,1fr)]">
      <a href="#main" className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:start-2 focus:z-50 focus:rounded-m focus:bg-s3 focus:px-3 focus:py-2">Skip to content</a>
      <nav aria-label="Main" className="hidden min-h-0 flex-col overflow-y-auto border-e hair bg-s1 px-2 py-3 md:flex">
        <div className="mb-4 flex items-center gap-2.5 px-1.5"><img src="/mark.svg" alt="" className="size-7" /><span className="hidden font-semibold xl:inline">Legator</span></div>
        <ul className="space-y-0.5">{links(true)}</ul>
      </nav>
      <div className="flex min-h-0 min-w-0 grow flex-col">
        <header className="flex h-12 shrink-0 items-center gap-1 border-b hair bg-s1 px-3 md:gap-2 md:px-4">
          <Button look="ghost" size="s" className="md:hidden" aria-label="Open menu" onClick={() => setDrawer(true)}><Menu className="size-5" aria-hidden /></Button>
          <span className="truncate font-semibold">{here?.label ?? (path === '/account' ? 'Account' : path === '/device' ? 'Sign a program in' : '')}</span>
          <Button look="ghost" size="s" className="ms-auto md:border-edge/40!" onClick={() => setPalette(true)} aria-label="Search and commands"><Search className="size-4" aria-hidden /><span className="hidden text-text2 lg:inline">Search</span><Kbd>⌘K</Kbd></Button>
          <LiveMark /><TenantMenu /><BellMenu /><ClockMenu /><ThemeButton /><PersonMenu />
        </header>
        <OtherVersion />
        <GlassBanner />
        <main id="main" tabIndex={-1} className="min-h-0 grow overflow-clip outline-none">{nowhere ? <Empty title={`There is no tenant ${tenant} within your reach`}><h1 className="sr-only">No such tenant</h1><a href={looking(undefined, '/overview')} className="underline">Look at all that you reach</a></Empty> : <Outlet />}</main>
      </div>
      <Modal open={drawer} onOpenChange={setDrawer} title="Menu" bare><ul className="max-h-[70vh] space-y-0.5 overflow-y-auto p-3">{links(false)}</ul></Modal>
      <Modal open={lapsed} onOpenChange={() => undefined} title="Your session has ended" description="Sign in again to go on. What you typed on this page is still there.">
        <div className="p-5">{lapsed && <SignInForm again />}</div>
      </Modal>
      <Suspense>{ready && <><Palette open={palette} onOpenChange={setPalette} actions={actions} /><Shortcuts open={sheet} onOpenChange={setSheet} /></>}</Suspense>
      <Toasts />
    </div>
  );
}
