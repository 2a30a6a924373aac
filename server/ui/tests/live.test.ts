import { QueryClient } from '@tanstack/react-query';
import { describe, expect, it } from 'vitest';
import type { FleetIndex } from '../src/api/client';
import { apply } from '../src/api/queries';
import { failureOf, readFailure } from '../src/api/failure';

const index = (): FleetIndex => ({ words: ['online', ''], id: ['prb_1', 'prb_2'], name: ['a', 'b'], status: [0, 0], os: [1, 1], arch: [1, 1], version: [1, 1], ceiling: [1, 1], site: [1, 1], tags: [[], []], score: [100, 100], cpu: [1, 1], mem: [1, 1], disk: [1, 1], seen: [0, 0] });

describe('what happened', () => {
  it('puts a new status into the fleet without reading it again', () => {
    const client = new QueryClient();
    client.setQueryData(['fleet', 'index'], index());
    apply([{ topic: 'probe.offline', id: 'prb_2', body: null }], client);
    const now = client.getQueryData<FleetIndex>(['fleet', 'index']);
    expect(now?.status.map((word) => now.words[word])).toEqual(['online', 'offline']);
    expect(client.getQueryState(['fleet', 'index'])?.isInvalidated).toBe(false);
  });
  it('reads the fleet again for a host that it does not know', () => {
    const client = new QueryClient();
    client.setQueryData(['fleet', 'index'], index());
    apply([{ topic: 'probe.online', id: 'prb_9', body: null }], client);
    expect(client.getQueryState(['fleet', 'index'])?.isInvalidated).toBe(true);
  });
  it('makes everything stale when events were missed', () => {
    const client = new QueryClient();
    client.setQueryData(['policies'], 1);
    client.setQueryData(['approvals', 'list'], 1);
    apply([{ topic: 'resync', id: '', body: null }], client);
    expect(client.getQueryState(['policies'])?.isInvalidated).toBe(true);
    expect(client.getQueryState(['approvals', 'list'])?.isInvalidated).toBe(true);
  });
});

describe('a failure', () => {
  const answer = (status: number, headers: Record<string, string> = {}) => new Response(null, { status, headers });
  it('is what the server said', () => expect(readFailure(answer(403), { code: 'denied', title: 't', detail: 'd', status: 403, type: '' }).said).toMatchObject({ code: 'denied', title: 'T', detail: 'd' }));
  it('says a thing once', () => expect(readFailure(answer(409), { code: 'conflict', title: 'so it is', detail: 'so it is', status: 409, type: '' }).said.detail).toBe(''));
  it('is named by its status when something between has answered', () => {
    expect(readFailure(answer(502), '<html>').code).toBe('internal');
    expect(readFailure(answer(401), undefined).code).toBe('unauthenticated');
  });
  it('says how long to wait', () => expect(readFailure(answer(429, { 'retry-after': '7' }), undefined).said.help).toContain('7 s'));
  it('is never an exception without words', () => expect(failureOf('x').said.detail).toBe('x'));
});
