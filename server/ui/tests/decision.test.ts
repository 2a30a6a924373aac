// @vitest-environment happy-dom
import { describe, expect, it } from 'vitest';
import { type Decision, gates } from '../src/command/decision';
import { clauseNote } from '../src/command/Reasons';

const where = (state: string) => ({ state, requester_name: 'ana', probe_name: 'web-1' });
const decision = (kind: string, more: Partial<Decision['rationale']> = {}, outcome = {}): Decision => ({
  outcome: { kind: kind as 'allow', ...outcome }, action: 'remediate', revision: 'r', facts_digest: 'd', rationale: { summary: '', drove_outcome: [], policies: [], ...more },
});
const states = (...asked: Parameters<typeof gates>) => gates(...asked).map((gate) => gate.state).join(' ');

describe('the path to a host', () => {
  it('passes every gate when it runs', () => expect(states(decision('allow'), where('succeeded'))).toBe('passed passed passed passed passed'));
  it('stops at policy, and nothing after it is reached', () => {
    expect(states(decision('deny', { drove_outcome: [{ source: 'policy', name: 'p' }] }), where('denied'))).toBe('passed denied not_reached not_reached not_reached');
    expect(states(decision('deny', { drove_outcome: [{ source: 'silence', name: '' }] }), where('denied'))).toBe('passed denied not_reached not_reached not_reached');
  });
  it('waits for people when a policy holds it', () => {
    const held = decision('hold', { drove_outcome: [{ source: 'policy', name: 'p' }] }, { approvals: 1 });
    expect(states(held, where('held'), { given: 0, needed: 1, state: 'pending' })).toBe('passed decided not_reached waiting not_reached');
    expect(states(held, where('succeeded'), { given: 1, needed: 1, state: 'approved' })).toBe('passed decided not_reached passed passed');
    expect(states(held, where('denied'), { given: 0, needed: 1, state: 'denied' })).toBe('passed decided not_reached denied not_reached');
  });
  it('waits for room', () => expect(states(decision('queue', { drove_outcome: [{ source: 'admission', name: 's' }], admission: { scripts: [] } }), where('queued'))).toBe('passed passed waiting passed not_reached'));
  it('shows a policy or script that failed as a failure', () => {
    expect(states(decision('deny', { drove_outcome: [{ source: 'fault', name: 'p' }], errors: [{ policy: 'p', message: 'overflow' }] }), where('denied'))).toContain('error');
  });
  it('never takes an outcome that it does not know for a pass', () => expect(states(decision('perhaps'), where('held'))).toBe('passed error not_reached not_reached not_reached'));
  it('says what it does not know', () => expect(states(undefined, where('running'))).toBe('passed not_reached not_reached not_reached not_reached'));
});

describe('a clause', () => {
  const clause = (kind: 'when' | 'unless', outcome: 'held' | 'failed' | 'not_reached' | 'error') => clauseNote({ kind, outcome, text: '', span: { line: 1, column: 1, end_line: 1, end_column: 1 } });
  it('has held, has not, or was not reached: three words, never two', () => {
    expect(new Set(['held', 'failed', 'not_reached', 'error'].map((outcome) => clause('when', outcome as 'held').text)).size).toBe(4);
    expect(clause('when', 'not_reached').tone).toBe('mute');
  });
  it('says what an `unless` does when it holds', () => expect(clause('unless', 'held').text).toContain('exempts'));
});
