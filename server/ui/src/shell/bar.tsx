// What stands in the top bar: whether the page is live, the clock, the theme, what waits for me, and who I am.
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useRouterState } from '@tanstack/react-router';
import { Bell, Layers, Moon, Sun, UserRound } from 'lucide-react';
import { useState, useSyncExternalStore } from 'react';
import { ask } from '../api/client';
import { live } from '../api/live';
import { q } from '../api/queries';
import { looking, tenant } from '../api/tenant';
import { signedOut, useMay } from '../identity/session';
import { Button } from '../kit/controls';
import { Glyph, type Tone } from '../kit/glyph';
import { Told } from '../kit/inert';
import { DropdownMenu } from '../kit/panes';
import { absolute, type Clock, setClock, useClock } from '../kit/time';

const MENU = 'z-50 min-w-48 rounded-m border hair bg-s2 p-1 shadow-lift';
const ITEM = 'flex rounded-s px-2 py-1.5 outline-none data-[highlighted]:bg-s3';

/** Menus open within the bar's landmark, not beside every landmark. */
const bar = () => document.querySelector<HTMLElement>('header');

export function LiveMark() {
  const state = useSyncExternalStore(live.watch, live.state);
  const [tone, word]: [Tone, string] = state === 'live' ? ['ok', 'Live']
    : state === 'stale' ? ['warn', `Not updating since ${absolute(new Date(live.since())).slice(13, 21)}`]
      : state === 'refused' ? ['mute', 'Not live: you may not watch'] : ['mute', 'Connecting'];
  return <span role="status" className="inline-flex items-center gap-1.5 text-meta text-text2" data-live={state}><Glyph tone={tone} /><span className={state === 'live' ? 'max-md:sr-only' : 'max-md:max-w-24 max-md:truncate'}>{word}</span></span>;
}

export function ClockMenu() {
  const clock = useClock();
  const label = { relative: 'Relative', local: Intl.DateTimeFormat().resolvedOptions().timeZone, utc: 'UTC' }[clock];
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild><Button look="ghost" size="s" className="max-md:hidden" aria-label={`Time display: ${label}`}><span className="text-meta">{label}</span></Button></DropdownMenu.Trigger>
      <DropdownMenu.Portal container={bar()}>
        <DropdownMenu.Content align="end" sideOffset={6} className={MENU}>
          <DropdownMenu.RadioGroup value={clock} onValueChange={(value) => setClock(value as Clock)}>
            {([['relative', 'Relative'], ['local', 'Local time'], ['utc', 'UTC']] as const).map(([value, text]) => (
              <DropdownMenu.RadioItem key={value} value={value} className={`${ITEM} data-[state=checked]:text-accent`}>{text}</DropdownMenu.RadioItem>
            ))}
          </DropdownMenu.RadioGroup>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

export function flipTheme() {
  const next = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
  document.documentElement.dataset.theme = next;
  localStorage.setItem('legator-theme', next);
  return next;
}

export function ThemeButton() {
  const [theme, setTheme] = useState(document.documentElement.dataset.theme ?? 'dark');
  return (
    <Button look="ghost" size="s" aria-label={`Use the ${theme === 'dark' ? 'light' : 'dark'} theme`} onClick={() => setTheme(flipTheme())}>
      {theme === 'dark' ? <Sun className="size-4" aria-hidden /> : <Moon className="size-4" aria-hidden />}
    </Button>
  );
}

/** What waits for me, and only that. */
export function BellMenu() {
  const navigate = useNavigate();
  const waiting = useQuery({ ...q.approvals('pending'), retry: false });
  const glass = useQuery({ ...q.glass(), retry: false });
  const mine = (waiting.data?.approvals ?? []).filter((request) => request.can_decide);
  const broken = (glass.data?.breaks ?? []).filter((one) => one.can_review);
  const n = mine.length + broken.length;
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>
        <Button look="ghost" size="s" className="relative" aria-label={n ? `${n} waiting for you` : 'Nothing is waiting for you'}>
          <Bell className="size-4" aria-hidden />
          {n > 0 && <span aria-hidden className="absolute top-0.5 end-0.5 size-2 rounded-full bg-accent-solid" />}
        </Button>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal container={bar()}>
        <DropdownMenu.Content align="end" sideOffset={6} className={`${MENU} w-80`}>
          {mine.slice(0, 6).map((request) => (
            <DropdownMenu.Item key={request.id} className={`${ITEM} flex-col`} onSelect={() => void navigate({ to: '/approvals/$id', params: { id: request.id } })}>
              <code className="w-full truncate"><Told>{request.line}</Told></code><span className="text-meta text-text2">{request.requester_name}{request.probe_name && ` on ${request.probe_name}`}</span>
            </DropdownMenu.Item>
          ))}
          {broken.slice(0, 3).map((one) => (
            <DropdownMenu.Item key={one.command} className={`${ITEM} flex-col`} onSelect={() => void navigate({ to: '/approvals/broken-glass' })}>
              <code className="w-full truncate"><Told>{one.line}</Told></code><span className="text-meta text-text2">{one.person_name} broke the glass on {one.probe_name}; review it</span>
            </DropdownMenu.Item>
          ))}
          <DropdownMenu.Item className={`${ITEM} text-text2`} onSelect={() => void navigate({ to: '/approvals' })}>{n ? 'All requests' : 'Nothing is waiting for you'}</DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

/** Which of the tenants that I reach the page looks at; nothing where there is no choice. */
export function TenantMenu() {
  const may = useMay();
  const tenants = useQuery({ ...q.tenants(), enabled: may('viewFleet') });
  const path = useRouterState({ select: (state) => state.location.pathname });
  const known = tenants.data?.tenants ?? [];
  if (known.length < 2 && !tenant) return null;
  const said = tenant ?? 'All tenants';
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild><Button look="ghost" size="s" className="md:border-edge/40!" aria-label={`Tenant: ${said}`}><Layers className="size-4" aria-hidden /><bdi className="max-w-32 truncate max-md:sr-only">{said}</bdi></Button></DropdownMenu.Trigger>
      <DropdownMenu.Portal container={bar()}>
        <DropdownMenu.Content align="end" sideOffset={6} className={`${MENU} max-h-96 overflow-y-auto`}>
          <DropdownMenu.Label className="px-2 py-1.5 text-meta text-text2">Look at</DropdownMenu.Label>
          <DropdownMenu.RadioGroup value={tenant ?? ''} onValueChange={(value) => window.location.assign(looking(value || undefined, path))}>
            {[['', 'All tenants', ''] as const, ...known.map((one) => [one.name, one.name, one.title ?? ''] as const)].map(([value, text, title]) => (
              <DropdownMenu.RadioItem key={value} value={value} className={`${ITEM} gap-3 data-[state=checked]:text-accent`}><bdi>{text}</bdi>{title && <bdi className="text-text2">{title}</bdi>}</DropdownMenu.RadioItem>
            ))}
          </DropdownMenu.RadioGroup>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

export async function signOut() {
  const there = await ask<{ sign_out_at?: string } | undefined>('POST', '/api/v1/auth/sign-out').catch(() => undefined);
  signedOut(there?.sign_out_at);
}

export function PersonMenu() {
  const navigate = useNavigate();
  const me = useQuery(q.me());
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>
        <Button look="ghost" size="s" aria-label={`Signed in as ${me.data?.name ?? '…'}`}><UserRound className="size-4" aria-hidden /><span className="max-w-32 truncate max-lg:hidden">{me.data?.name}</span></Button>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal container={bar()}>
        <DropdownMenu.Content align="end" sideOffset={6} className={MENU}>
          <DropdownMenu.Label className="px-2 py-1.5 text-meta text-text2">{me.data?.name}{me.data?.roles.length ? ` · ${me.data.roles.join(', ')}` : ''}</DropdownMenu.Label>
          <DropdownMenu.Item className={ITEM} onSelect={() => void navigate({ to: '/account' })}>Account</DropdownMenu.Item>
          <DropdownMenu.Item className={ITEM} onSelect={() => void signOut()}>Sign out</DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
