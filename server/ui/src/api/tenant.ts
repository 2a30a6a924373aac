// Which of the tenants that somebody reaches this page looks at: `?tenant=` in the address, and so in every request.
// Never: changes under a page. Another tenant is another load, so that nothing of the one before stays in memory.

const address = () => new URLSearchParams(globalThis.location?.search ?? '');

/** The one tenant that is looked at; nothing is all that somebody reaches. */
export const tenant = address().get('tenant') || undefined;

/** An address of the API, for this tenant alone. */
export const within = (path: string, of = tenant) => (of ? `${path}${path.includes('?') ? '&' : '?'}tenant=${encodeURIComponent(of)}` : path);

/** The same page, or another, looking at one tenant or at all. */
export function looking(at: string | undefined, path = globalThis.location?.pathname ?? '/'): string {
  // What was open belongs to the tenant before: an id in the address would be unknown in the next.
  const page = path.replace(/^\/access\/people\/.*$/, '/access').replace(/\/(?:[a-z]+_\w+|\d+)$/, '');
  return at ? `${page}?tenant=${encodeURIComponent(at)}` : page;
}
