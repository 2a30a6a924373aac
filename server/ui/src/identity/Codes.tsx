// Recovery codes, shown once.
import { Button, CopyButton } from '../kit/controls';

export function Codes({ codes, onDone }: { codes: string[]; onDone: () => void }) {
  return (
    <div className="space-y-4 p-5">
      <p>Each of these lets you in once when your phone or your passkey is gone. They are shown this once.</p>
      <ul className="mono grid grid-cols-2 gap-2 rounded-m border hair bg-bg p-3">{codes.map((code) => <li key={code}>{code}</li>)}</ul>
      <div className="flex justify-end gap-2"><CopyButton text={codes.join('\n')} what="codes" label="Copy all" /><Button look="solid" onClick={onDone}>I have kept them</Button></div>
    </div>
  );
}
