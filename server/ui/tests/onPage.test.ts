// @vitest-environment happy-dom
import { describe, expect, it, vi } from 'vitest';
import { doings } from '../src/shell/onPage';

describe('what the palette finds on a page', () => {
  it('is its buttons and links by their names, each once, without lists and what cannot be pressed', () => {
    document.body.innerHTML = `<main id="main"><button>Roll back <kbd aria-hidden="true">r</kbd></button><button aria-label="Close">x</button><button disabled>Not now</button>
      <a href="/x">See the cases</a><ul><li><a href="/y">web-1</a></li></ul><div role="grid"><button>Sort</button></div><button>Roll back</button></main>`;
    vi.spyOn(HTMLElement.prototype, 'getClientRects').mockReturnValue([{}] as never);
    const found = doings();
    expect(found.map((doing) => doing.label)).toEqual(['Roll back', 'Close', 'See the cases']);
    const pressed = vi.fn();
    document.querySelector('button')?.addEventListener('click', pressed);
    found[0]?.run();
    expect(pressed).toHaveBeenCalledOnce();
  });
});
