// Everything that goes wrong between a page and its server, in one shape: the server's problem details, or what the
// browser says when there was no answer. Pages switch on `code` and print `title`, `detail` and `help`.
import type { components } from '../../generated/schema';

type Problem = components['schemas']['ProblemBody'];
export type Said = Partial<Problem> & { code: string; status: number; title: string; detail: string };

export class Failure extends Error {
  readonly said: Said;
  constructor(said: Said) {
    super(said.detail);
    this.name = 'Failure';
    this.said = said;
  }
  get code() { return this.said.code; }
  get status() { return this.said.status; }
}

const BY_STATUS: Record<number, [string, string]> = {
  401: ['unauthenticated', 'You are signed out'],
  403: ['forbidden', 'You may not do this'],
  404: ['not-found', 'There is nothing here'],
  409: ['conflict', 'Something changed meanwhile'],
  413: ['payload-too-large', 'That is too large'],
  429: ['too-many-requests', 'Too many requests'],
  503: ['unavailable', 'The server cannot do this at the moment'],
};

/** The failure of an answer, also when what stands between us and the server has answered in its place. */
export function readFailure(response: Response, body: unknown): Failure {
  const { status } = response;
  const [code, title] = BY_STATUS[status] ?? (status >= 500 ? ['internal', 'The server failed'] : ['bad-request', 'The server refused this']);
  const told = body && typeof body === 'object' && typeof (body as Problem).code === 'string' ? (body as Problem) : undefined;
  const id = response.headers.get('x-request-id');
  const said: Said = { code, status, title, detail: told ? '' : `The answer was ${status} without an explanation.`, ...told };
  if (id && !said.request_id) said.request_id = id;
  said.title = said.title.charAt(0).toUpperCase() + said.title.slice(1);
  if (said.detail.toLowerCase() === said.title.toLowerCase()) said.detail = '';
  if (said.code === 'unauthenticated') {
    // The server's help is for programs.
    Object.assign(said, { title: 'You are signed out', detail: 'Sign in again and send it once more; nothing that you typed is lost.' });
    delete said.help;
  }
  if (status === 429) {
    const after = Number(response.headers.get('retry-after'));
    said.help ??= after > 0 ? `Try again in ${after} s.` : 'Wait a moment, then try again.';
  }
  return new Failure(said);
}

/** Anything thrown, as something that can be shown. */
export function failureOf(cause: unknown): Failure {
  if (cause instanceof Failure) return cause;
  return new Failure({ code: 'page', status: 0, title: 'This page failed', detail: cause instanceof Error ? cause.message : String(cause) });
}
