// What stands in the top bar: whether the page is live, the clock, the theme, what waits for me, and who I am.
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { Bell, Moon, Sun, UserRound } from 'lucide-react';
import { useState, useSyncExternalStore } from 'react';
import { ask } from '../api/client';
import { live } from '../api/live';
import { q } from '../api/queries';
import { signedOut } from '../identity/session';
import { Button } from '../kit/controls';
import { Glyph, type Tone } from '../kit/glyph';
import { Told } from '../kit/inert';
import { DropdownMenu } from '../kit/panes';
import { absolute, type Clock, setClock, useClock } from '../kit/time';

const MENU = 'z-50 min-w-48 rounded-m border hair bg-s2 p-1 shadow-lift';
const ITEM = 'flex rounded-s px-2 py-1.5 outline-none data-[highlighted]:bg-s3';

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
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild><Button look="ghost" size="s" className="max-md:hidden" aria-label={`Time display: ${label}`}><span className="text-meta">{label}</span></Button></DropdownMenu.Trigger>
      <DropdownMenu.Portal>
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
  const mine = (waiting.data?.approvals ?? []).filter((request) => request.can_decide);
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>
        <Button look="ghost" size="s" className="relative" aria-label={mine.length ? `${mine.length} waiting for you` : 'Nothing is waiting for you'}>
          <Bell className="size-4" aria-hidden />
          {mine.length > 0 && <span aria-hidden className="absolute top-0.5 right-0.5 size-2 rounded-full bg-accent-solid" />}
        </Button>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content align="end" sideOffset={6} className={`${MENU} w-80`}>
          {mine.slice(0, 6).map((request) => (
            <DropdownMenu.Item key={request.id} className={`${ITEM} flex-col`} onSelect={() => void navigate({ to: '/approvals/$id', params: { id: request.id } })}>
              <code className="w-full truncate"><Told>{request.line}</Told></code><span className="text-meta text-text2">{request.requester_name}{request.probe_name && ` on ${request.probe_name}`}</span>
            </DropdownMenu.Item>
          ))}
          <DropdownMenu.Item className={`${ITEM} text-text2`} onSelect={() => void navigate({ to: '/approvals' })}>{mine.length ? 'All requests' : 'Nothing is waiting for you'}</DropdownMenu.Item>
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
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>
        <Button look="ghost" size="s" aria-label={`Signed in as ${me.data?.name ?? '…'}`}><UserRound className="size-4" aria-hidden /><span className="max-w-32 truncate max-lg:hidden">{me.data?.name}</span></Button>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content align="end" sideOffset={6} className={MENU}>
          <DropdownMenu.Label className="px-2 py-1.5 text-meta text-text2">{me.data?.name}{me.data?.roles.length ? ` · ${me.data.roles.join(', ')}` : ''}</DropdownMenu.Label>
          <DropdownMenu.Item className={ITEM} onSelect={() => void navigate({ to: '/account' })}>Account</DropdownMenu.Item>
          <DropdownMenu.Item className={ITEM} onSelect={() => void signOut()}>Sign out</DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
