// What is shown around a vote that a passkey signs: that it is asked for, what it signs, and what to do when it did not.
import { Button } from '../kit/controls';
import { Glyph } from '../kit/glyph';
import type { Stop, VoteKey } from './signing';

/** The exact text, for whoever wants to read it. */
function Text({ text }: { text: string }) {
  return (
    <details className="mt-1">
      <summary className="cursor-pointer text-text2">What is signed</summary>
      <pre className="mono mt-1 overflow-x-auto rounded-m bg-s2 p-2 text-meta break-all whitespace-pre-wrap" tabIndex={0}>{text}</pre>
    </details>
  );
}

/** Before: that confirming will ask. */
export function WillSign({ keys }: { keys: VoteKey[] }) {
  return <p className="mt-1 flex items-start gap-2 text-meta text-text2"><Glyph tone="act" className="mt-0.5" /><span>Your passkey {keys.map((key) => key.name).join(' or ')} signs this request, its digest, your choice and your reason.</span></p>;
}

/** While the authenticator is asked. */
export function Asking({ text, onStop }: { text: string; onStop: () => void }) {
  return (
    <div className="mt-2 rounded-m border hair bg-s2/50 px-3 py-2" role="status">
      <p className="flex flex-wrap items-center gap-2"><Glyph tone="act" /><span className="min-w-0 grow">Use your passkey: a finger, your face or a PIN. Nothing is sent before.</span><Button size="s" className="max-md:h-11" onClick={onStop}>Cancel</Button></p>
      <Text text={text} />
    </div>
  );
}

const WHY: Record<Stop, [string, string]> = {
  waved: ['Nothing was signed.', 'The passkey was not used, or it is not on this device, or it took too long. No vote was sent, and your reason is kept.'],
  unable: ['This browser could not use your passkey.', 'Passkeys need the address that they were made for, over HTTPS or on localhost. No vote was sent, and your reason is kept.'],
};

/** After it went wrong. A vote without a signature is offered only where policy takes one, and says what it is. */
export function Stopped({ why, text, required, request, busy, onAgain, onUnsigned }: { why: Stop; text: string; required: boolean; request: string; busy: boolean; onAgain: () => void; onUnsigned: () => void }) {
  const [title, detail] = WHY[why];
  return (
    <div className="mt-2 rounded-m border border-warn/60 px-3 py-2" role="alert">
      <p className="flex items-start gap-2"><Glyph tone="warn" className="mt-1" /><span><span className="font-medium">{title}</span> <span className="text-text2">{detail}</span></span></p>
      {required && <p className="mt-1 text-text2">Policy takes only a signed vote from you here. With a key on another machine: <code>legatorctl approve {request}</code></p>}
      <div className="mt-2 flex flex-wrap gap-2">
        <Button size="s" className="max-md:h-11" disabled={busy} onClick={onAgain}>Ask the passkey again</Button>
        {!required && <Button size="s" className="max-md:h-11" disabled={busy} onClick={onUnsigned}>Vote without a signature</Button>}
      </div>
      <Text text={text} />
    </div>
  );
}
