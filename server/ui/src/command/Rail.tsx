// The verdict rail: every gate that a command passes on its way to a host. The signature mark of this interface.
import { type Tone, toneText } from '../kit/glyph';
import type { Gate } from './decision';

const GATE: Record<Gate['state'], { tone: Tone; word: string }> = {
  passed: { tone: 'ok', word: 'passed' }, decided: { tone: 'warn', word: 'decided the outcome' }, denied: { tone: 'bad', word: 'denied' },
  waiting: { tone: 'act', word: 'waiting' }, not_reached: { tone: 'mute', word: 'not reached' }, error: { tone: 'bad', word: 'failed' },
};

/** Small, for a list: the shape tells where it stands. */
export function MiniRail({ gates }: { gates: Gate[] }) {
  const said = gates.map((gate) => `${gate.label} ${GATE[gate.state].word}`).join(', ');
  return (
    <svg viewBox={`0 0 ${gates.length * 12} 10`} className="h-2.5 shrink-0 rtl:-scale-x-100" role="img" aria-label={said} style={{ width: gates.length * 12 }}>
      {gates.map((gate, i) => (
        <g key={gate.id} className={gate.state === 'passed' ? 'text-text3' : toneText[GATE[gate.state].tone]}>
          {i > 0 && <path d={`M${i * 12 - 4} 5h4`} stroke="var(--edge)" strokeWidth="1.2" strokeDasharray={gate.state === 'not_reached' ? '1.5 1.5' : '0'} />}
          {gate.state === 'passed' ? <circle cx={i * 12 + 4} cy="5" r="2" fill="currentColor" />
            : gate.state === 'not_reached' ? <circle cx={i * 12 + 4} cy="5" r="2" fill="none" stroke="currentColor" />
              : <path d={`M${i * 12 + 4} 1l4 4-4 4-4-4z`} fill="currentColor" />}
        </g>
      ))}
    </svg>
  );
}

export function Rail({ gates }: { gates: Gate[] }) {
  return (
    <ol className="grid grid-cols-1 gap-y-1.5 md:grid-flow-col md:auto-cols-fr md:grid-cols-none" aria-label="Path to the host">
      {gates.map((gate, i) => {
        const { tone, word } = GATE[gate.state];
        const strong = gate.state !== 'passed' && gate.state !== 'not_reached';
        const next = gates[i + 1];
        return (
          <li key={gate.id} className="relative flex items-start gap-2 md:flex-col md:gap-1.5">
            <span className="flex h-5 w-5 shrink-0 items-center md:w-full" aria-hidden>
              <svg data-glyph viewBox="0 0 14 14" className={`size-3.5 shrink-0 ${gate.state === 'passed' ? 'text-text3' : toneText[tone]}`}>
                {gate.state === 'passed' ? <circle cx="7" cy="7" r="3.2" fill="currentColor" />
                  : gate.state === 'not_reached' ? <circle cx="7" cy="7" r="3.2" fill="none" stroke="currentColor" strokeWidth="1.4" />
                    : <path d="M7 .8 13.2 7 7 13.2.8 7z" fill="currentColor" />}
              </svg>
              {next && <span className={`mx-1.5 hidden h-px grow md:block ${next.state === 'not_reached' ? 'border-t border-dashed border-edge' : 'bg-edge'}`} />}
            </span>
            <span className="min-w-0 md:pe-3">
              <span className={`block ${strong ? 'font-semibold text-text' : 'text-text2'}`}>{gate.label}<span className="sr-only">: {word}. </span></span>
              <span className={`block text-meta break-words ${strong ? toneText[tone] : 'text-text3'}`}>{gate.summary}</span>
            </span>
          </li>
        );
      })}
    </ol>
  );
}
