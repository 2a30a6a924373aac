// Server-Sent Events over `fetch`: unlike an `EventSource` it hears the status of a refusal, every event name, and can
// resume after an id of our choice.
import { within } from './tenant';

export type Sent = { event: string; id: string; data: string };

/** Splits a stream's text into events as the HTML standard says; what is unfinished waits for the next piece. */
export function splitter(hear: (sent: Sent) => void): (text: string) => void {
  let rest = '';
  let event = '', id = '', data: string[] = [];
  return (text) => {
    rest += text;
    // A `\r` at the very end may be the first half of `\r\n`.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (data.length) hear({ event: event || 'message', id, data: data.join('\n') });
        event = ''; data = [];
        continue;
      }
      const cut = line.indexOf(':');
      const name = cut < 0 ? line : line.slice(0, cut);
      const value = cut < 0 ? '' : line.slice(cut + 1).replace(/^ /, '');
      if (name === 'event') event = value;
      else if (name === 'data') data.push(value);
      else if (name === 'id') id = value;
    }
  };
}

/** Reads one stream to its end. Ends with the response if it was refused, with nothing when the stream ended. */
export async function listen(path: string, after: string | undefined, hear: (sent: Sent) => void, signal: AbortSignal, opened: () => void = () => undefined): Promise<Response | undefined> {
  const response = await fetch(within(path), {
    credentials: 'same-origin', cache: 'no-store', signal,
    headers: { accept: 'text/event-stream', ...(after ? { 'last-event-id': after } : {}) },
  });
  if (!response.ok || !response.body) return response;
  opened();
  const eat = splitter(hear);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return undefined;
    eat(value);
  }
}
