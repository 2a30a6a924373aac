// Lines that came and went, each with its sign; the colour only repeats it.
import { Told } from '../kit/inert';
import { type Hunk, tally } from './lines';

const SIGN = { same: ' ', added: '+', removed: '−' } as const;
const SAID = { same: '', added: 'added', removed: 'removed' } as const;

export function Counts({ hunks }: { hunks: readonly Hunk[] }) {
  const { added, removed } = tally(hunks);
  return <span className="mono text-meta text-text2"><span className="text-ok">+{added}</span> <span className="text-bad">−{removed}</span></span>;
}

export function Diff({ path, change, hunks }: { path: string; change: string; hunks: readonly Hunk[] }) {
  return (
    <figure className="mb-5 min-w-0">
      <figcaption className="mb-1.5 flex flex-wrap items-baseline gap-x-3"><code className="font-semibold break-all">{path}</code><span className="text-meta text-text2">{change}</span><Counts hunks={hunks} /></figcaption>
      <div className="overflow-x-auto rounded-m border hair bg-bg" tabIndex={0} role="group" aria-label={`What changes in ${path}`}>
        {hunks.length === 0 ? <p className="px-3 py-2 text-meta text-text2">Nothing that could be shown line by line.</p> : (
          <table className="mono w-full border-collapse text-[0.8125rem] leading-5">
            <caption className="sr-only">{path}, {change}</caption>
            <thead className="sr-only"><tr><th scope="col">Before</th><th scope="col">After</th><th scope="col">Change</th><th scope="col">Text</th></tr></thead>
            {hunks.map((hunk, n) => (
              <tbody key={n} className={n ? 'border-t hair' : ''}>
                {hunk.lines.map((line, at) => (
                  <tr key={at} className={line.kind === 'added' ? 'tint-ok' : line.kind === 'removed' ? 'tint-bad' : ''}>
                    <td className="w-10 px-2 text-end align-top text-meta leading-5 text-text2 select-none">{line.before ?? ''}</td>
                    <td className="w-10 px-2 text-end align-top text-meta leading-5 text-text2 select-none">{line.after ?? ''}</td>
                    <td className={`w-5 align-top select-none ${line.kind === 'added' ? 'text-ok' : line.kind === 'removed' ? 'text-bad' : ''}`}><span aria-hidden>{SIGN[line.kind]}</span><span className="sr-only">{SAID[line.kind]}</span></td>
                    <td className="pe-4 whitespace-pre"><Told>{line.text}</Told></td>
                  </tr>
                ))}
              </tbody>
            ))}
          </table>
        )}
      </div>
    </figure>
  );
}
