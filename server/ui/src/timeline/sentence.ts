// An entry of the log as a sentence, and the shape it is marked with.
import type { Entry } from '../api/client';
import type { Tone } from '../kit/glyph';

type Body = Record<string, unknown> | null | undefined;
const word = (value: unknown) => (typeof value === 'string' ? value : '');

const spaced = (action: string) => action.replace(/([A-Z])/g, ' $1').toLowerCase();

const OUTCOME: Record<string, [string, Tone]> = {
  allow: ['may run', 'ok'], hold: ['waits for people', 'act'], queue: ['waits for room', 'act'], deny: ['is denied', 'bad'],
};

export function sentence(entry: Entry): { text: string; tone: Tone } {
  const body = entry.body as Body;
  const by = entry.actor;
  const on = entry.subject;
  const line = word(body?.line);
  switch (entry.kind) {
    case 'command.decided': {
      const kind = (body?.outcome as { kind?: string } | undefined)?.kind ?? '';
      const [said, tone] = OUTCOME[kind] ?? [`came out as ${kind || 'nothing known'}`, 'bad' as Tone];
      return { text: `“${line}” on ${on} ${said}`, tone };
    }
    case 'approval.voted': {
      const choice = word(body?.choice) || word(body?.decision);
      const how = (body?.signed as { algorithm?: string } | null | undefined)?.algorithm;
      const signed = how === undefined ? '' : `, signed with ${how === 'webauthn' ? 'a passkey' : 'a key'}`;
      return { text: `${by} ${choice === 'deny' ? 'denied' : choice === 'approve' ? 'approved' : 'voted on'} a request${line ? `: “${line}”` : ''}${signed}`, tone: choice === 'deny' ? 'bad' : 'ok' };
    }
    case 'command.started': return { text: `a command began to run on ${on}`, tone: 'act' };
    case 'command.settled': {
      const state = word(body?.state);
      return { text: `a command on ${on} ${({ succeeded: 'succeeded', failed: 'failed', timed_out: 'ran out of time', refused: 'was refused by its host', lost: 'was lost', canceled: 'was canceled', expired: 'expired', denied: 'was denied' } as Record<string, string>)[state] ?? `ended: ${state.replaceAll('_', ' ') || 'nothing is known'}`}`, tone: state === 'succeeded' ? 'ok' : state === 'canceled' || state === 'expired' ? 'mute' : state === 'lost' ? 'warn' : 'bad' };
    }
    case 'session.opened': return { text: `${by} signed in`, tone: 'ok' };
    case 'session.refused': return { text: `a sign-in as ${on} was refused`, tone: 'bad' };
    case 'session.ended': return { text: `a session of ${by} ended`, tone: 'mute' };
    case 'breakglass.used': return { text: `${by} broke the glass`, tone: 'warn' };
    case 'breakglass.reviewed': return { text: `${by} reviewed broken glass: ${word(body?.verdict) || 'no verdict'}`, tone: word(body?.verdict) === 'unjustified' ? 'bad' : 'ok' };
    case 'votes.delegated': return { text: `${by} handed on their votes`, tone: 'act' };
    case 'grant.asked': return { text: `${by} asked people to agree ahead`, tone: 'act' };
    case 'grant.agreed': return { text: 'people agreed ahead to a pattern', tone: 'ok' };
    case 'log-key.turned': return { text: `${by} turned the key of the log; both keys signed`, tone: 'act' };
    case 'access.refused': return { text: `${by} may not ${spaced(on)}`, tone: 'bad' };
    default: {
      const [noun = '', verb = ''] = entry.kind.split('.');
      const tone: Tone = /denied|refused|failed|lost|bad/.test(verb) ? 'bad' : /ended|settled|activated|enrolled|minted|created|started/.test(verb) ? 'ok' : 'mute';
      const state = word(body?.state);
      const name = word(body?.name);
      // A probe acts by its id; its name is what people know.
      const actor = /^(?:prb|usr|key|cmd)_/.test(by) || by === on ? '' : ` by ${by}`;
      return { text: `${noun} ${name || on} ${verb.replaceAll('_', ' ')}${state ? `, ${state.replaceAll('_', ' ')}` : ''}${actor}`, tone: state === 'failed' || state === 'denied' ? 'bad' : tone };
    }
  }
}

/** The families of kinds, by which the list is narrowed. */
export const FAMILIES: [string, string][] = [
  ['', 'Everything'], ['command.', 'Commands'], ['approval.', 'Requests and votes'], ['grant.', 'Agreed to ahead'], ['votes.', 'Standing in'], ['breakglass.', 'Broken glass'], ['probe.', 'Hosts'], ['token.', 'Enrollment'], ['bundle.', 'Policies'],
  ['replay.', 'Replays'], ['shadow.', 'The shadow'], ['session.', 'Sign-ins'], ['person.', 'People'], ['tenant.', 'Tenants'], ['key.', 'API keys'], ['access.', 'Refusals'], ['audit.', 'Exports of the log'], ['seal-key.', 'The seal key'],
];
