// How people decide: how long votes take, and how many were cast without reading. Figures, for whoever looks after the rules.
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { get, http } from '../api/client';
import { q } from '../api/queries';
import { Choice } from '../kit/choices';
import { Glyph } from '../kit/glyph';
import { Section, Table } from '../kit/panes';
import { Empty, Loaded } from '../kit/states';
import { span } from '../kit/time';
import { Arranged } from './tabs';

type Figures = Awaited<ReturnType<typeof read>>['all'];
const read = () => get(http.GET('/api/v1/approvals/figures'));

const took = (ms: number | undefined) => (ms === undefined ? '—' : ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : span(ms / 1_000));
const share = (n: number, of: number) => (of === 0 ? '—' : `${Math.round((n / of) * 100)} %`);
/** From here on somebody should talk about it. */
const MANY_PCT = 20;

function Bar({ n, of }: { n: number; of: number }) {
  const much = of > 0 && (n / of) * 100 >= MANY_PCT;
  return <span className="inline-flex items-center gap-2 whitespace-nowrap"><span aria-hidden className="h-1 w-16 rounded-full bg-s3"><span className={`block h-full rounded-full ${much ? 'bg-warn' : 'bg-text3'}`} style={{ width: `${of ? (n / of) * 100 : 0}%` }} /></span><span className={much ? 'text-warn' : ''}>{n} <span className="text-text3">({share(n, of)})</span></span></span>;
}

function Figure({ name, value, said }: { name: string; value: string; said: string }) {
  return <div><dt className="text-text3">{name}</dt><dd><span className="block text-figure font-semibold">{value}</span><span className="text-meta text-text2">{said}</span></dd></div>;
}

const DAYS = [['7', '7 days'], ['30', '30 days'], ['90', '90 days'], ['365', 'a year']] as const;

function All({ all }: { all: Figures }) {
  const rash = all.hasty + all.unseen;
  return (
    <>
      <dl className="grid gap-6 md:grid-cols-4">
        <Figure name="Votes" value={all.votes.toLocaleString('en')} said={`${all.approvals} for, ${all.denials} against, ${all.withdrawn} taken back`} />
        <Figure name="Half within" value={took(all.p50_ms)} said="from the asking to the vote" />
        <Figure name="Nine in ten within" value={took(all.p90_ms)} said="from the asking to the vote" />
        <Figure name="Without reading" value={`${all.hasty_pct.toFixed(all.hasty_pct % 1 ? 1 : 0)} %`} said={`${all.hasty} under 3 s after a look, ${all.unseen} without one`} />
      </dl>
      {rash > 0 && all.hasty_pct >= MANY_PCT && <p className="mt-4 flex items-start gap-2"><Glyph tone="warn" className="mt-1" />Many votes come faster than anybody reads. Fewer requests, or patterns that are agreed to ahead, give people time for those that matter.</p>}
    </>
  );
}

export default function FiguresPage() {
  const { days } = useSearch({ from: '/approvals/figures' });
  const navigate = useNavigate();
  const figures = useQuery({ ...q.figures(days ?? 30), staleTime: 60_000 });
  return (
    <Arranged title="How people decide" intro="A vote counts as cast without reading where it came under 3 s after its person first looked at the request, or without a look at all.">
      <Section id="figures" title="Over all" aside={<Choice label="Since" value={String(days ?? 30)} onChange={(value) => void navigate({ to: '/approvals/figures', search: value === '30' ? {} : { days: Number(value) }, replace: true })} options={DAYS} />}>
        <Loaded query={figures} what="the figures" rows={2}>{(found) => found.all.votes === 0 ? <Empty title="Nobody has voted in this time">The figures begin with the first vote.</Empty> : <All all={found.all} />}</Loaded>
      </Section>
      {figures.data && figures.data.voters.length > 0 && (
        <Section id="voters" title="By person" aside="Who voted most comes first">
          <Table caption="Votes by person" head={['Who', 'Votes', 'For', 'Against', 'Half within', 'Nine in ten', 'Under 3 s', 'Never looked']} keys={figures.data.voters.map((one) => one.person)}
            rows={figures.data.voters.map(({ name, figures: f }) => [<bdi key="n" className="font-medium">{name}</bdi>, f.votes, f.approvals, f.denials, took(f.p50_ms), took(f.p90_ms), <Bar key="h" n={f.hasty} of={f.votes} />, <Bar key="u" n={f.unseen} of={f.votes} />])} />
        </Section>
      )}
    </Arranged>
  );
}
