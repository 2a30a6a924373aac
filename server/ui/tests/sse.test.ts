import { describe, expect, it } from 'vitest';
import { type Sent, splitter } from '../src/api/sse';

function heard(...pieces: string[]): Sent[] {
  const found: Sent[] = [];
  const eat = splitter((sent) => found.push(sent));
  for (const piece of pieces) eat(piece);
  return found;
}

describe('server-sent events', () => {
  it('are split at empty lines, whatever ends a line', () => {
    expect(heard('event: a\nid: 1\ndata: x\n\ndata: y\r\n\r\n')).toEqual([{ event: 'a', id: '1', data: 'x' }, { event: 'message', id: '1', data: 'y' }]);
  });
  it('may come in any pieces', () => {
    const whole = 'event: a\r\nid: 7\r\ndata: one\r\ndata: two\r\n\r\n: a comment\n\n';
    for (let cut = 0; cut <= whole.length; cut++) expect(heard(whole.slice(0, cut), whole.slice(cut))).toEqual([{ event: 'a', id: '7', data: 'one\ntwo' }]);
  });
  it('are nothing without data', () => expect(heard('event: a\nid: 1\n\n')).toEqual([]));
});
