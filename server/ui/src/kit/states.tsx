// What a page shows when it has nothing to show: still loading, nothing there, not permitted, failed.
import { type ReactNode, useEffect, useState } from 'react';
import type { UseQueryResult } from '@tanstack/react-query';
import { failureOf } from '../api/failure';
import { Button, CopyButton } from './controls';
import { Glyph } from './glyph';
import { Prose } from './inert';

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="grid h-full min-h-40 place-items-center p-8 text-center">
      <div className="max-w-md">
        <p className="text-lead font-medium">{title}</p>
        {children && <div className="mt-1 text-text2">{children}</div>}
      </div>
    </div>
  );
}

/** Says in place what failed and what is still true. Policy's refusals are not errors and look different. */
export function FailureNote({ cause, what, retry }: { cause: unknown; what: string; retry?: () => void }) {
  const { said } = failureOf(cause);
  if (said.code === 'forbidden') {
    return (
      <div role="alert" className="m-4 rounded-l border hair bg-s1 p-4">
        <p className="flex items-center gap-2 font-semibold"><Glyph tone="mute" />You may not see {what}</p>
        <p className="mt-1 max-w-prose text-text2"><Prose>{said.help ?? said.detail}</Prose> An administrator can give you a role that may.</p>
      </div>
    );
  }
  if (said.code === 'not-found') return <Empty title="There is nothing here">{said.detail}</Empty>;
  return (
    <div role="alert" className="m-4 rounded-l border border-bad/50 tint-bad p-4">
      <p className="flex items-center gap-2 font-semibold"><Glyph tone="bad" />{capital(what)} did not load: {said.title}</p>
      <p className="mt-1 max-w-prose text-text2"><Prose>{said.detail}</Prose> <Prose>{said.help}</Prose></p>
      <p className="mt-3 flex flex-wrap items-center gap-2">
        {retry && <Button onClick={retry}>Try again</Button>}
        {said.request_id && <span className="flex items-center text-meta text-text2">Request <code className="ms-1">{said.request_id}</code><CopyButton text={said.request_id} what="request id" /></span>}
      </p>
    </div>
  );
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** A refusal or failure of something that was just tried, beside the control; nothing that was typed is lost. */
export function Refusal({ cause, children }: { cause: unknown; children?: ReactNode }) {
  const { said } = failureOf(cause);
  return (
    <div role="alert" className="flex items-start gap-2 rounded-m border border-bad/50 tint-bad px-3 py-2">
      <Glyph tone="bad" className="mt-1" />
      <div className="min-w-0 break-words"><span className="font-medium">{said.title}.</span> <span className="text-text2"><Prose>{said.detail}</Prose> <Prose>{said.help}</Prose></span>{children}</div>
    </div>
  );
}

/** The real height at once, the grey only when it takes a while. */
export function Skeleton({ rows = 6, height = 48 }: { rows?: number; height?: number }) {
  const [slow, setSlow] = useState(false);
  useEffect(() => { const timer = setTimeout(() => setSlow(true), 150); return () => clearTimeout(timer); }, []);
  return (
    <div aria-busy="true" role="status" className="space-y-3 p-4">
      <span className="sr-only">Loading</span>
      {Array.from({ length: rows }, (_, i) => <div key={i} className={slow ? 'rounded-m bg-s2' : ''} style={{ height, opacity: 1 - i * 0.13 }} />)}
    </div>
  );
}

/** One query's states, the same everywhere. What was there stays, dimmed, while it is read again. */
export function Loaded<T>({ query, what, rows, children }: { query: UseQueryResult<T>; what: string; rows?: number; children: (data: T) => ReactNode }) {
  if (query.data !== undefined && !(query.isError && query.error && failureOf(query.error).code === 'forbidden')) {
    return (
      <>
        {query.isError && <p role="alert" className="flex items-center gap-2 border-b hair tint-warn px-4 py-1.5 text-meta"><Glyph tone="warn" />{capital(what)} could not be read again ({failureOf(query.error).said.title.toLowerCase()}). What you see may be out of date.</p>}
        {children(query.data)}
      </>
    );
  }
  if (query.isError) return <FailureNote cause={query.error} what={what} retry={() => void query.refetch()} />;
  return <Skeleton {...(rows === undefined ? {} : { rows })} />;
}
