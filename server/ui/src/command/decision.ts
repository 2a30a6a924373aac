// A decision as the engine writes it, and the path that a command took as a person reads it.
import type { Command } from '../api/client';

export type Span = { line: number; column: number; end_line: number; end_column: number };
export type Clause = { kind: 'principal' | 'action' | 'resource' | 'when' | 'unless'; text: string; span: Span; outcome: 'held' | 'failed' | 'not_reached' | 'error'; error?: string };
export type PolicyReason = { id: string; rationale: string; effect: 'permit' | 'forbid'; file: string; span: Span; clauses: Clause[] };
export type Indicator = { name: string; source: string; value: boolean | number | string; comparator: string; threshold: boolean | number | string; severity: 'info' | 'warning' | 'critical'; effect: string; drove_outcome: boolean; message: string };
export type ScriptReason = { script: string; verdict: 'allow' | 'queue' | 'deny'; reason?: string; indicators: Indicator[]; trace?: string[]; failed_at?: Span; drove_outcome: boolean };
export type Counterfactual = { kind: 'approvals' | 'change' | 'room' | 'nothing'; message: string; count?: number; groups?: string[]; people?: string[]; attribute?: string; from?: string; to?: string; indicators?: string[] };
export type Rationale = {
  summary: string; drove_outcome: { source: 'policy' | 'silence' | 'admission' | 'fault'; name: string }[];
  policies: PolicyReason[]; nearest?: PolicyReason; errors?: { policy: string; message: string }[];
  admission?: { scripts: ScriptReason[] }; counterfactual?: Counterfactual;
};
export type Decision = {
  outcome: { kind: 'deny' | 'hold' | 'queue' | 'allow'; approvals?: number; reason?: string };
  action: string; rationale: Rationale; revision: string; facts_digest: string; command?: string;
  classification?: { level: string; parsed: boolean; known: boolean; programs: string[]; effects: string[]; targets: string[]; parts: { text: string; level: string; why: string }[]; look?: { kind: string; target: string }[] };
};

export type GateState = 'passed' | 'decided' | 'denied' | 'waiting' | 'not_reached' | 'error';
export type Gate = { id: string; label: string; state: GateState; summary: string };

type Where = Pick<Command, 'state' | 'requester_name' | 'probe_name'>;
type Votes = { given: number; needed: number; state: string };

const ON_ITS_WAY = new Set(['dispatched', 'running', 'succeeded', 'failed', 'timed_out', 'refused', 'lost']);

/**
 * The stages between an ask and its host. What this page does not know is an error gate: silence is never an approval.
 */
export function gates(decision: Decision | undefined, where: Where, votes?: Votes): Gate[] {
  const who: Gate = { id: 'identity', label: 'Identity', state: 'passed', summary: where.requester_name };
  const rest = (summary: string): Gate[] => ['Policy', 'Room', 'People', 'Dispatch'].map((label) => ({ id: label.toLowerCase(), label, state: 'not_reached', summary }));
  if (!decision) return [who, ...rest('Not known here')];
  const { kind } = decision.outcome;
  const drivers = decision.rationale.drove_outcome;
  const sources = new Set(drivers.map((driver) => driver.source));
  const scripts = decision.rationale.admission?.scripts ?? [];
  const driver = drivers[0]?.name ?? '';
  const known = ['deny', 'hold', 'queue', 'allow'].includes(kind);

  const policy: Gate = { id: 'policy', label: 'Policy', state: 'passed', summary: decision.rationale.policies.find((p) => p.effect === 'permit')?.id ?? 'Nothing forbids it' };
  if (!known) Object.assign(policy, { state: 'error', summary: `Unknown outcome: ${String(kind)}` });
  else if (decision.rationale.errors?.length) Object.assign(policy, { state: 'error', summary: `${decision.rationale.errors[0]?.policy} could not be evaluated` });
  else if (sources.has('silence')) Object.assign(policy, { state: 'denied', summary: 'No policy permits this' });
  else if (kind === 'deny' && sources.has('policy')) Object.assign(policy, { state: 'denied', summary: `Forbidden by ${driver}` });
  else if (kind === 'hold') Object.assign(policy, { state: 'decided', summary: driver });
  const stopped = policy.state === 'denied' || policy.state === 'error';

  const room: Gate = { id: 'room', label: 'Room', state: 'passed', summary: scripts.length ? `${scripts.length} ${scripts.length === 1 ? 'script' : 'scripts'} asked` : 'Nothing to ask' };
  if (stopped) Object.assign(room, { state: 'not_reached', summary: 'Not reached' });
  else if (sources.has('fault')) Object.assign(room, { state: 'error', summary: driver });
  else if (sources.has('admission') && kind === 'deny') Object.assign(room, { state: 'denied', summary: scripts.find((s) => s.drove_outcome)?.reason ?? driver });
  else if (kind === 'queue') Object.assign(room, { state: where.state === 'queued' ? 'waiting' : 'decided', summary: decision.outcome.reason ?? 'Waits for room' });
  else if (!decision.rationale.admission) Object.assign(room, { state: kind === 'hold' ? 'not_reached' : 'passed', summary: kind === 'hold' ? 'Asked when people agree' : 'Nothing to ask' });
  const full = room.state === 'denied' || room.state === 'error';

  const people: Gate = { id: 'people', label: 'People', state: 'passed', summary: 'Nobody has to agree' };
  if (stopped || full) Object.assign(people, { state: 'not_reached', summary: 'Not reached' });
  else if (votes && votes.needed > 0) {
    const share = `${votes.given} of ${votes.needed} ${votes.needed === 1 ? 'approval' : 'approvals'}`;
    const state: GateState = votes.state === 'pending' ? 'waiting' : votes.state === 'approved' ? 'passed' : votes.state === 'denied' ? 'denied' : 'decided';
    Object.assign(people, { state, summary: votes.state === 'pending' || votes.state === 'approved' ? share : `${votes.state[0]?.toUpperCase()}${votes.state.slice(1)}, ${share}` });
  } else if (kind === 'hold') Object.assign(people, { state: where.state === 'held' || where.state === 'simulated' ? 'waiting' : 'decided', summary: `Needs ${decision.outcome.approvals ?? 1} more` });

  const dispatch: Gate = { id: 'dispatch', label: 'Dispatch', state: 'not_reached', summary: `Not sent to ${where.probe_name}` };
  if (where.state === 'simulated') dispatch.summary = kind === 'allow' ? `Would go to ${where.probe_name}` : 'Would not be sent yet';
  else if (where.state === 'refused') Object.assign(dispatch, { state: 'denied', summary: `${where.probe_name} refused it` });
  else if (where.state === 'dispatched') Object.assign(dispatch, { state: 'waiting', summary: `Sent to ${where.probe_name}` });
  else if (ON_ITS_WAY.has(where.state)) Object.assign(dispatch, { state: 'passed', summary: where.probe_name });
  return [who, policy, room, people, dispatch];
}
