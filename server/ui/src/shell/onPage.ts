// What can be done on the page that is open, as its own buttons and links say it: nothing has to be announced twice, and
// the palette never offers what the page does not.

export type Doing = { id: string; label: string; run: () => void };

/** Lists and grids hold things, not actions; the palette finds hosts and requests by itself. */
const NOT_IN = '[role=grid], [role=listbox], li a, .cm-editor, [role=status] button';

const named = (el: HTMLElement) => (el.getAttribute('aria-label') ?? [...el.childNodes].filter((node) => !(node instanceof Element && (node.tagName === 'KBD' || node.getAttribute('aria-hidden') === 'true'))).map((node) => node.textContent ?? '').join(' ')).replace(/\s+/g, ' ').trim();

export function doings(within: ParentNode | null = document.getElementById('main')): Doing[] {
  const out = new Map<string, Doing>();
  for (const el of within?.querySelectorAll<HTMLElement>('button:not([disabled]), a[href], summary, [role=tab]') ?? []) {
    if (el.closest(NOT_IN) || el.getClientRects().length === 0) continue;
    const label = named(el);
    if (label.length < 2 || label.length > 80 || out.has(label)) continue;
    out.set(label, { id: `here-${out.size}`, label, run: () => { el.focus(); el.click(); } });
  }
  return [...out.values()];
}
