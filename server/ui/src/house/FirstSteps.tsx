// What a new server wants first, for whoever may do it. A step ticks itself; when all have, or somebody has seen enough,
// the list is gone. Never: asks for what is not read anyway by those who may.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { q } from '../api/queries';
import { useMay } from '../identity/session';
import { Button } from '../kit/controls';
import { Glyph } from '../kit/glyph';
import { Section } from '../kit/panes';

const KEY = 'legator-first-steps';

export function FirstSteps() {
  const may = useMay();
  const [over, setOver] = useState(localStorage.getItem(KEY) === 'over');
  const asked = !over && may('manageUsers') && may('viewFleet') && may('viewCommands') && may('viewPolicies');
  const fleet = useQuery({ ...q.summary(), enabled: asked });
  const users = useQuery({ ...q.users(), enabled: asked, retry: false });
  const commands = useQuery({ ...q.commands({ limit: 12 }), enabled: asked });
  const bundle = useQuery({ ...q.bundle(), enabled: asked });
  if (!asked || !fleet.data || !users.data || !commands.data || !bundle.data) return null;
  // The first key's owner is a record, and somebody who was only invited is nobody yet.
  const people = users.data.users.filter((person) => person.kind === 'user' && !person.disabled && person.last_sign_in_at !== undefined);
  const link = 'underline decoration-edge underline-offset-2';
  const steps: [boolean, ReactNode, ReactNode][] = [
    [fleet.data.total > 0, <Link key="l" to="/enroll" className={link}>Enroll a host</Link>, 'One line on the host; it appears by itself.'],
    [commands.data.commands.length > 0, <Link key="l" to="/fleet" className={link}>Run something on it</Link>, 'What would happen is shown while you type.'],
    [people.length > 1, <Link key="l" to="/access" className={link}>Let a second person in</Link>, 'Nobody approves their own; changes in production wait for somebody else.'],
    [bundle.data.source !== 'shipped', <Link key="l" to="/policies" className={link}>Make the rules yours</Link>, 'Publish a bundle of your own, from here or from a repository.'],
  ];
  const done = steps.filter(([is]) => is).length;
  if (done === steps.length) return null;
  return (
    <Section id="first-steps" title="First steps" aside={<span className="flex items-center gap-3">{done} of {steps.length}<Button look="ghost" size="s" onClick={() => { localStorage.setItem(KEY, 'over'); setOver(true); }}>I have seen it</Button></span>}>
      <ol className="space-y-2">{steps.map(([is, what, why], n) => (
        <li key={n} className="flex items-start gap-2.5"><Glyph tone={is ? 'ok' : 'mute'} className="mt-1" /><p className={is ? 'text-text2' : ''}>{what}{is && <span className="sr-only"> (done)</span>} <span className="text-text2">{why}</span></p></li>
      ))}</ol>
    </Section>
  );
}
