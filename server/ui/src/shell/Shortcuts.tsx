// Every key that does something, and the switch that turns single keys off.
import { Modal } from '../kit/panes';
import { KeySwitch } from './KeySwitch';
import { MAP } from './map';

const KEYS: [string, string][] = [
  ['⌘K or Ctrl K', 'Search and commands'], ['/', 'Filter this list'], ['j, k', 'Next, previous'], ['Enter', 'Open'], ['Esc', 'Back one level'],
  ['a, d', 'Approve, deny: leads to the reason, sends nothing'], ['x', 'Choose the host, to run on several'], ['r', 'Run a command on the open host, or on the chosen ones'], ['y', 'Copy a link to this page'], ['?', 'This list'],
  ...MAP.map((place): [string, string] => [`g ${place.key}`, place.label]),
];

export default function Shortcuts({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  return (
    <Modal open={open} onOpenChange={onOpenChange} title="Keys">
      <dl className="grid grid-cols-[8rem_1fr] gap-y-1.5 px-5 py-4">
        {KEYS.map(([key, what]) => <div key={key} className="contents"><dt><kbd className="rounded-s border border-edge px-1.5 text-meta">{key}</kbd></dt><dd className="text-text2">{what}</dd></div>)}
      </dl>
      <div className="border-t hair px-5 py-4"><KeySwitch /></div>
    </Modal>
  );
}
