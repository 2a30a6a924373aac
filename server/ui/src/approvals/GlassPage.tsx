// Every time the glass was broken: by whom, for what, and what another person found afterwards.
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { q } from '../api/queries';
import { Choice } from '../kit/choices';
import { Section } from '../kit/panes';
import { Empty, Loaded } from '../kit/states';
import { Breaks } from './Glass';
import { Arranged } from './tabs';

export default function GlassPage() {
  const { all } = useSearch({ from: '/approvals/broken-glass' });
  const navigate = useNavigate();
  const list = useQuery(q.glass(all === true));
  return (
    <Arranged title="Broken glass" intro="A command that passed because somebody broke the glass for it: loud, for one host, with a reason, and open until another person has looked back at it.">
      <Section id="glass" title={all ? 'All of them' : 'Not yet reviewed'} aside={<Choice label="Which" value={all ? 'all' : 'open'} onChange={(value) => void navigate({ to: '/approvals/broken-glass', search: value === 'all' ? { all: true } : {}, replace: true })} options={[['open', 'Not reviewed'], ['all', 'Reviewed as well']]} />}>
        <Loaded query={list} what="the broken glass" rows={3}>{(page) => page.breaks.length === 0
          ? <Empty title={all ? 'The glass was never broken' : 'Nothing is left to review'}>{all ? 'It is broken in the command bar of a host, where policy lets somebody.' : 'What was reviewed stays in the list of all.'}</Empty>
          : <Breaks breaks={page.breaks} />}</Loaded>
      </Section>
    </Arranged>
  );
}
