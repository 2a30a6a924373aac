// Why a decision came out as it did: the policies with each clause marked, what the scripts measured, and what would
// have made it pass.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { ChevronRight } from 'lucide-react';
import { lazy, Suspense, useMemo } from 'react';
import { q } from '../api/queries';
import type { Note } from '../code/CodeView';
import { Glyph, State, type Tone } from '../kit/glyph';
import { Prose } from '../kit/inert';
import { Section } from '../kit/panes';
import type { Clause, Counterfactual, Decision, Indicator, PolicyReason, ScriptReason } from './decision';

const CodeView = lazy(() => import('../code/CodeView'));

/** Three words for a clause, and never two: what was not reached has neither held nor failed. */
export function clauseNote(clause: Clause): { text: string; tone: Note['tone'] } {
  const kept = clause.kind === 'unless';
  if (clause.outcome === 'error') return { text: `could not be evaluated${clause.error ? `: ${clause.error}` : ''}`, tone: 'warn' };
  if (clause.outcome === 'not_reached') return { text: 'not reached', tone: 'mute' };
  if (clause.outcome === 'held') return { text: kept ? 'held, so this exempts it' : 'held', tone: 'ok' };
  return { text: kept ? 'does not hold, so nothing exempts it' : 'does not hold', tone: 'bad' };
}

const MARK: Record<Note['tone'], string> = { ok: '✓', bad: '✕', mute: '·', warn: '◆' };

function Clauses({ policy }: { policy: PolicyReason }) {
  return (
    <ul className="space-y-1" aria-label={`Clauses of ${policy.id}`}>
      {policy.clauses.map((clause, n) => {
        const note = clauseNote(clause);
        return (
          <li key={n} className="grid grid-cols-[1rem_4.5rem_minmax(0,1fr)] gap-x-2">
            <span aria-hidden className={note.tone === 'ok' ? 'text-ok' : note.tone === 'warn' ? 'text-warn' : 'text-text3'}>{MARK[note.tone]}</span>
            <span className="text-text3">{clause.kind}</span>
            <span className="min-w-0"><code className="break-words">{clause.text}</code> <span className="text-meta text-text3">{note.text}</span></span>
          </li>
        );
      })}
    </ul>
  );
}

function PolicyCard({ policy, revision, open }: { policy: PolicyReason; revision: string; open: boolean }) {
  const bundle = useQuery({ ...q.bundle(), retry: false });
  const live = bundle.data?.policies.find((found) => found.id === policy.id);
  const same = bundle.data?.revision === revision;
  const notes = useMemo<Note[]>(() => {
    const byLine = new Map<number, Clause[]>();
    for (const clause of policy.clauses) {
      const line = clause.span.end_line - policy.span.line + 1;
      byLine.set(line, [...(byLine.get(line) ?? []), clause]);
    }
    return [...byLine].flatMap(([line, clauses]) => clauses.map((clause) => {
      const { text, tone } = clauseNote(clause);
      return { line, tone, text: clauses.length > 1 ? `${clause.text.length > 28 ? clause.kind : clause.text} ${text.replace(/, so.*/, '')}` : text };
    }));
  }, [policy]);
  return (
    <details open={open} className="group mb-2">
      <summary className="flex list-none flex-wrap items-center gap-x-3 gap-y-1 rounded-m py-1.5">
        <ChevronRight className="size-4 shrink-0 text-text3 rtl:-scale-x-100 group-open:rotate-90 rtl:group-open:-rotate-90" aria-hidden />
        <code className="font-semibold break-all">{policy.id}</code>
        <span className={`rounded-s border px-1.5 text-meta ${policy.effect === 'forbid' ? 'border-bad/60 text-bad' : 'border-ok/60 text-ok'}`}>{policy.effect}</span>
        <span className="grow text-text2">{policy.rationale}</span>
      </summary>
      <div className="mt-1.5 mb-3">
        {same && live
          ? (
            <Suspense fallback={<div aria-busy className="rounded-m border hair bg-bg" style={{ height: live.source.split('\n').length * 20 + 16 }} />}>
              <CodeView source={live.source} language="cedar" firstLine={policy.span.line} notes={notes} label={`Cedar source of ${policy.id}, with what each clause came to`} />
            </Suspense>
          )
          : <Clauses policy={policy} />}
        <p className="mt-1.5 text-meta text-text3">
          <Link to="/policies" search={{ file: policy.file, line: policy.span.line }} className="underline decoration-edge underline-offset-2">{policy.file}:{policy.span.line}</Link>
          {bundle.data && !same && ' — another bundle decides now, so its source may differ from what decided then.'}
        </p>
      </div>
    </details>
  );
}

const share = (value: Indicator['value'], top: number) => (typeof value === 'number' && top > 0 ? Math.max(0, Math.min(100, (value / top) * 100)) : 0);

function IndicatorRow({ row }: { row: Indicator }) {
  const tone: Tone = row.drove_outcome ? (row.effect === 'deny' ? 'bad' : 'warn') : 'ok';
  const numeric = typeof row.value === 'number' && typeof row.threshold === 'number';
  const top = numeric ? Math.max(Number(row.value), Number(row.threshold)) * 1.25 || 1 : 0;
  return (
    <tr className="border-t hair align-top">
      <th scope="row" className="py-2 pe-3 font-normal">
        <State tone={tone}><code className={row.drove_outcome ? 'font-semibold' : ''}>{row.name}</code></State>
        {numeric && (
          <span className="relative mt-1.5 mb-1 block h-1 rounded-full bg-s3" aria-hidden>
            <span className={`absolute inset-y-0 start-0 rounded-full ${row.drove_outcome ? 'bg-warn' : 'bg-text3'}`} style={{ width: `${share(row.value, top)}%` }} />
            <span className="absolute -top-0.5 h-2 w-0.5 bg-text" style={{ insetInlineStart: `${share(row.threshold, top)}%` }} />
          </span>
        )}
        <span className="block text-meta text-text3">{row.drove_outcome && <strong className="font-semibold text-text2">Decided the outcome. </strong>}{row.message}</span>
      </th>
      <td className={`mono py-2 text-end ${row.drove_outcome ? 'text-warn' : ''}`}>{String(row.value)}</td>
      <td className="mono py-2 ps-4 text-end whitespace-nowrap text-text3">{row.comparator} {String(row.threshold)}</td>
    </tr>
  );
}

function Script({ script }: { script: ScriptReason }) {
  const tone: Tone = script.verdict === 'allow' ? 'ok' : script.verdict === 'queue' ? 'act' : 'bad';
  return (
    <div className="mb-4 last:mb-0">
      <p className="mb-2 flex flex-wrap items-baseline gap-x-3"><code className="font-semibold">{script.script}</code><State tone={tone}>{script.verdict}</State>{script.reason && <span className="text-text2"><Prose>{script.reason}</Prose></span>}</p>
      {script.failed_at && <p className="mb-2 flex items-center gap-2 text-bad"><Glyph tone="bad" />The script failed at line {script.failed_at.line}. A script that fails denies.</p>}
      {script.indicators.length > 0 && (
        <div className="overflow-x-auto" tabIndex={0} role="group" aria-label={`Indicators of ${script.script}`}>
          <table className="w-full max-w-3xl text-start">
            <caption className="sr-only">What {script.script} measured</caption>
            <thead><tr className="text-meta text-text3"><th scope="col" className="pb-2 font-normal">Indicator</th><th scope="col" className="pb-2 text-end font-normal">Value</th><th scope="col" className="pb-2 ps-4 text-end font-normal">Triggers at</th></tr></thead>
            <tbody>{script.indicators.map((row) => <IndicatorRow key={row.name} row={row} />)}</tbody>
          </table>
        </div>
      )}
      {script.trace && script.trace.length > 0 && <pre className="mt-2 max-h-40 overflow-auto text-meta whitespace-pre-wrap text-text2" tabIndex={0} aria-label={`What ${script.script} printed`}>{script.trace.join('\n')}</pre>}
    </div>
  );
}

function WouldPass({ what }: { what: Counterfactual }) {
  const tone: Tone = what.kind === 'nothing' ? 'bad' : what.kind === 'approvals' ? 'act' : 'warn';
  return (
    <div className="flex items-start gap-2.5">
      <Glyph tone={tone} className="mt-1" />
      <div>
        <p><Prose>{`${what.message.charAt(0).toUpperCase()}${what.message.slice(1)}.`}</Prose></p>
        {what.kind === 'change' && <p className="mt-1 text-text2"><code>{what.attribute}</code>: <del className="text-text3">{what.from || 'nothing'}</del> → <ins className="font-semibold no-underline">{what.to}</ins></p>}
        {what.kind === 'room' && what.indicators && <p className="mt-1 text-text2">These have to fall: {what.indicators.map((name) => <code key={name} className="me-2">{name}</code>)}</p>}
        {(what.groups?.length || what.people?.length) ? <p className="mt-1 text-text2">From {[...(what.groups ?? []), ...(what.people ?? [])].join(', ')}.</p> : null}
      </div>
    </div>
  );
}

/** All of it, in the order in which it is asked for: what would help, which policies, what the scripts said. */
export function Reasons({ decision }: { decision: Decision }) {
  const { rationale } = decision;
  const scripts = rationale.admission?.scripts ?? [];
  return (
    <>
      {rationale.counterfactual && <Section id="would-pass" title="What would make it pass"><WouldPass what={rationale.counterfactual} /></Section>}
      {rationale.errors?.length ? (
        <Section id="errors" title="Policies that could not be evaluated">
          <p className="mb-2 text-text2">Any of them denies, because a guardrail that is skipped would open the gate.</p>
          <ul className="space-y-1">{rationale.errors.map((error) => <li key={error.policy} className="flex gap-2"><Glyph tone="bad" className="mt-1" /><span><code>{error.policy}</code> {error.message}</span></li>)}</ul>
        </Section>
      ) : null}
      {rationale.policies.length > 0 && (
        <Section id="policies" title="Policies that decided" aside={<>Bundle <code>{decision.revision.slice(0, 10)}</code></>}>
          {rationale.policies.map((policy, n) => <PolicyCard key={policy.id} policy={policy} revision={decision.revision} open={n === 0} />)}
        </Section>
      )}
      {rationale.nearest && (
        <Section id="nearest" title="No policy permits this">
          <p className="mb-2 text-text2">The permit that came closest, and the clause that it failed:</p>
          <PolicyCard policy={rationale.nearest} revision={decision.revision} open />
        </Section>
      )}
      {scripts.length > 0 && <Section id="admission" title="Room on the host" aside="Admission scripts">{scripts.map((script) => <Script key={script.script} script={script} />)}</Section>}
    </>
  );
}
