// @vitest-environment happy-dom
import { beforeEach, expect, it, vi } from 'vitest';
import { http } from '../src/api/client';
import { client, q } from '../src/api/queries';
import { signedIn } from '../src/identity/session';

const person = (id: string) => ({ id, name: id, roles: [], groups: [], permissions: [] });
const answers = (id: string) => vi.spyOn(http, 'GET').mockImplementation((async () => ({ data: person(id), response: new Response() })) as never);

beforeEach(() => { client.clear(); sessionStorage.clear(); });

it('somebody else at the same browser finds nothing of the one before them', async () => {
  client.setQueryData(q.me().queryKey, person('ana') as never);
  client.setQueryData(['approvals', 'list'], 'what ana saw');
  sessionStorage.setItem('legator-vote-apr_1', 'what ana wrote');
  answers('ben');
  signedIn();
  await vi.waitFor(() => expect(sessionStorage.length).toBe(0));
  expect(client.getQueryData(['approvals', 'list'])).toBeUndefined();
});

it('the same person finds what they were writing', async () => {
  client.setQueryData(q.me().queryKey, person('ana') as never);
  sessionStorage.setItem('legator-vote-apr_1', 'what ana wrote');
  answers('ana');
  signedIn();
  await vi.waitFor(() => expect(http.GET).toHaveBeenCalled());
  await new Promise((go) => setTimeout(go));
  expect(sessionStorage.getItem('legator-vote-apr_1')).toBe('what ana wrote');
});
