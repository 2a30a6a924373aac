// The pages within a page, as links: each has an address of its own.
import { Link, useRouterState } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';

export type Inner = { to: string; label: string; n?: number | undefined; said?: string; exact?: boolean; within?: string };

/** `within` is where the addresses of a tab's own things begin: they are under it, whatever stands beside it. */
export function TabLinks({ label, items }: { label: string; items: Inner[] }) {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const bar = useRef<HTMLElement>(null);
  // On a phone the tabs are wider than the screen; the one that is open is in it.
  useEffect(() => bar.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' }), [path]);
  return (
    <nav ref={bar} aria-label={label} className="shrink-0 overflow-x-auto border-b hair bg-s1 px-2 md:px-4">
      <ul className="flex gap-1">{items.map(({ to, label: text, n, said, exact, within }) => (
        <li key={to} className="shrink-0"><Link to={to as '/overview'} activeOptions={{ exact: exact === true, includeSearch: false }} {...(within && path.startsWith(within) ? { 'aria-current': 'page' as const } : {})}
          className="-mb-px block border-b-2 border-transparent px-2.5 py-2 text-text2 hover:text-text aria-[current]:border-accent aria-[current]:text-text max-md:py-3">{text}{n ? <span className="mx-1.5 rounded-full bg-accent-solid px-1.5 text-meta font-semibold text-on-accent">{n}{said && <span className="sr-only"> {said}</span>}</span> : null}</Link></li>
      ))}</ul>
    </nav>
  );
}
