// What is mine: who I am here, and where I am signed in.
import { useQuery } from '@tanstack/react-query';
import { ask } from '../api/client';
import { failureOf } from '../api/failure';
import { client, q } from '../api/queries';
import { Button } from '../kit/controls';
import { Facts, Page, Section, Table } from '../kit/panes';
import { Loaded } from '../kit/states';
import { Time } from '../kit/time';
import { toast } from '../kit/toasts';
import { signOut } from '../shell/bar';

type Session = { id: string; created_at: string; last_seen_at?: string; expires_at?: string; address?: string; agent?: string; user_agent?: string; current?: boolean };

function Sessions() {
  const sessions = useQuery({ queryKey: ['sessions'], retry: false, queryFn: () => ask<{ sessions: Session[] }>('GET', '/api/v1/auth/sessions') });
  if (sessions.isError && failureOf(sessions.error).code === 'not-found') return <p className="text-text2">This server knows no sessions: you came in with a key.</p>;
  const end = async (session: Session) => {
    try { await ask('DELETE', `/api/v1/auth/sessions/${encodeURIComponent(session.id)}`); toast('That session is signed out'); } catch (cause) { toast(cause instanceof Error ? cause.message : 'The session could not be ended'); }
    void client.invalidateQueries({ queryKey: ['sessions'] });
  };
  return (
    <Loaded query={sessions} what="your sessions" rows={2}>
      {(page) => <Table caption="Sessions" head={['Browser', 'From', 'Since', 'Last used', '']} keys={page.sessions.map((one) => one.id)} rows={page.sessions.map((one) => [one.agent ?? one.user_agent ?? 'unknown', one.address ?? '—', <Time key="c" at={one.created_at} />, one.last_seen_at ? <Time key="l" at={one.last_seen_at} /> : '—', one.current ? 'this one' : <Button key="e" size="s" look="bad" onClick={() => void end(one)}>Sign it out</Button>])} />}
    </Loaded>
  );
}

export default function Account() {
  const me = useQuery(q.me());
  return (
    <Page title="Account" actions={<Button onClick={() => void signOut()}>Sign out</Button>}>
      <Section id="me" title="You">
        <Loaded query={me} what="your account" rows={2}>{(found) => <Facts rows={[['Name', found.name], ['Roles', found.roles.join(', ') || 'none'], ['Groups', found.groups.join(', ') || 'none'], ...(found.permissions ? [['May', <span key="p" className="text-text2">{found.permissions.join(', ')}</span>] as [string, React.ReactNode]] : [])]} />}</Loaded>
      </Section>
      <Section id="sessions" title="Where you are signed in"><Sessions /></Section>
    </Page>
  );
}
