// How a page is divided: sections, tabs, tables of facts, and what floats above it.
import { Dialog, DropdownMenu, Tabs as RTabs } from 'radix-ui';
import type { ReactNode } from 'react';

export { DropdownMenu };

export function Section({ title, aside, id, children }: { title: string; aside?: ReactNode; id: string; children: ReactNode }) {
  return (
    <section aria-labelledby={id} className="border-t hair px-4 py-5 md:px-6">
      <div className="mb-3 flex flex-wrap items-baseline justify-between gap-x-4 gap-y-1">
        <h2 id={id} className="text-lead font-semibold">{title}</h2>
        {aside && <div className="text-meta text-text3">{aside}</div>}
      </div>
      {children}
    </section>
  );
}

/** A page that scrolls as one, under one heading. */
export function Page({ title, intro, actions, back, children }: { title: string; intro?: ReactNode; actions?: ReactNode; back?: ReactNode; children: ReactNode }) {
  return (
    <div className="h-full overflow-y-auto" tabIndex={0} role="region" aria-label={title}>
      <div className="mx-auto max-w-6xl">
        <header className="flex flex-wrap items-end justify-between gap-x-6 gap-y-3 px-4 pt-6 pb-5 md:px-6">
          <div>{back}<h1 className="text-head font-semibold break-words"><bdi>{title}</bdi></h1>{intro && <p className="mt-1 max-w-prose text-text2">{intro}</p>}</div>
          {actions && <div className="flex gap-2">{actions}</div>}
        </header>
        {children}
      </div>
    </div>
  );
}

export function Facts({ rows }: { rows: [string, ReactNode][] }) {
  return (
    <dl className="grid grid-cols-[minmax(7rem,auto)_1fr] gap-x-4 gap-y-2">
      {rows.map(([name, value]) => <div key={name} className="contents"><dt className="text-text3">{name}</dt><dd className="min-w-0 break-words">{value}</dd></div>)}
    </dl>
  );
}

/** A small table. Long ones are virtual and do not come through here. On a phone a row is a list of its cells, each with its head. */
export function Table({ caption, head, rows, keys }: { caption: string; head: string[]; rows: ReactNode[][]; keys: string[] }) {
  // The roles are said, since a table that is laid out otherwise loses them.
  return (
    <div className="overflow-x-auto" tabIndex={0} role="group" aria-label={`${caption}, a table`}>
      <table role="table" className="w-full max-md:block">
        <caption className="sr-only">{caption}</caption>
        <thead role="rowgroup" className="max-md:sr-only"><tr role="row" className="text-meta text-text3">{head.map((name, n) => <th key={name || n} role="columnheader" scope="col" className="pe-4 pb-2 font-normal">{name || <span className="sr-only">Actions</span>}</th>)}</tr></thead>
        <tbody role="rowgroup" className="max-md:block">
          {rows.map((row, n) => (
            <tr key={keys[n] ?? n} role="row" className="border-t hair align-top max-md:block max-md:py-2">
              {row.map((cell, c) => c === 0
                ? <th key={c} role="rowheader" scope="row" className="py-2 pe-4 font-normal max-md:block max-md:py-1">{cell}</th>
                : <td key={c} role="cell" data-head={head[c] || undefined} className="py-2 pe-4 text-text2 max-md:flex max-md:gap-3 max-md:py-1 max-md:empty:hidden max-md:data-head:before:w-24 max-md:data-head:before:shrink-0 max-md:data-head:before:text-text3 max-md:data-head:before:content-[attr(data-head)]">{cell}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export type Tab = { id: string; label: string; count?: number | undefined; body: ReactNode };
export function Tabs({ value, onChange, items, label }: { value: string; onChange: (value: string) => void; label: string; items: Tab[] }) {
  return (
    <RTabs.Root value={value} onValueChange={onChange} className="flex min-h-0 grow flex-col">
      <RTabs.List aria-label={label} className="flex shrink-0 gap-1 overflow-x-auto border-b hair px-3">
        {items.map((tab) => (
          <RTabs.Trigger key={tab.id} value={tab.id}
            className="-mb-px shrink-0 border-b-2 border-transparent px-2.5 py-2 text-text2 hover:text-text data-[state=active]:border-accent data-[state=active]:text-text">
            {tab.label}{tab.count !== undefined && <span className="mx-1.5 text-meta text-text3">{tab.count}</span>}
          </RTabs.Trigger>
        ))}
      </RTabs.List>
      {items.map((tab) => <RTabs.Content key={tab.id} value={tab.id} className="min-h-0 grow overflow-y-auto outline-offset-[-2px]">{tab.body}</RTabs.Content>)}
    </RTabs.Root>
  );
}

export function Modal({ open, onOpenChange, title, description, children, bare }: { open: boolean; onOpenChange: (open: boolean) => void; title: string; description?: string; children: ReactNode; bare?: boolean }) {
  return (
    <Dialog.Root open={open} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-shade" />
        <Dialog.Content {...(description ? {} : { 'aria-describedby': undefined })}
          className="fixed top-[10vh] left-1/2 z-50 max-h-[85vh] w-[min(36rem,calc(100vw-2rem))] -translate-x-1/2 overflow-y-auto rounded-l border hair bg-s1 shadow-lift">
          <Dialog.Title className={bare ? 'sr-only' : 'px-5 pt-5 text-head font-semibold'}>{title}</Dialog.Title>
          {description && <Dialog.Description className={bare ? 'sr-only' : 'px-5 pt-1 text-text2'}>{description}</Dialog.Description>}
          {children}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
