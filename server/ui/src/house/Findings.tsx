// What `legator doctor` finds in the options that the server runs with and in its data folder, with what would help.
import { useQuery } from '@tanstack/react-query';
import { q } from '../api/queries';
import { Glyph, State } from '../kit/glyph';
import { Prose } from '../kit/inert';
import { Section } from '../kit/panes';
import { Loaded } from '../kit/states';

export function Findings() {
  const findings = useQuery(q.doctor());
  return (
    <Section id="findings" title="Is it safe?" aside={<>As <code>legator doctor</code> says it</>}>
      <Loaded query={findings} what="what doctor finds" rows={2}>{(page) => page.findings.length === 0 ? <State tone="ok">Nothing is unsafe, and there is nothing to advise</State> : (
        <ul className="max-w-4xl space-y-3">{page.findings.map((one) => (
          <li key={one.code + one.what} className="flex items-start gap-2.5"><Glyph tone={one.weight === 'unsafe' ? 'bad' : 'warn'} className="mt-1" />
            <div className="min-w-0 break-words"><p><span className="font-medium">{one.weight === 'unsafe' ? 'Unsafe: ' : ''}</span><Prose>{one.what}</Prose></p><p className="text-text2"><Prose>{one.help}</Prose> <code className="text-meta text-text3">{one.code}</code></p></div></li>
        ))}</ul>
      )}</Loaded>
    </Section>
  );
}
