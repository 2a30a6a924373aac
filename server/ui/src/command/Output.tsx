// What a command wrote, virtual, so that ten megabytes stay usable. It follows its end until a person scrolls away.
import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, Download } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { Lines, type OutputLine } from '../kit/ansi';
import { Button, CopyButton } from '../kit/controls';
import { Glyph } from '../kit/glyph';
import { save } from '../kit/save';
import type { Following } from './useOutput';

const ROW = 20;

function Row({ line }: { line: OutputLine }) {
  return (
    <>
      {line.stream === 'stderr' && <span className="me-2 text-warn select-none" title="Written to the error stream">!</span>}
      {line.pieces.map((piece, n) => (
        <span key={n} style={{ ...(piece.color ? { color: `var(--${piece.color})` } : {}), ...(piece.bold ? { fontWeight: 600 } : {}), ...(piece.dim ? { opacity: 0.75 } : {}), ...(piece.under ? { textDecoration: 'underline' } : {}) }}>{piece.text}</span>
      ))}
    </>
  );
}

const plain = (lines: Lines) => lines.lines.map((line) => line.pieces.map((piece) => piece.text).join('')).join('\n');

export function Output({ of, name, height = 320, ended = false }: { of: Following; name: string; height?: number; ended?: boolean }) {
  const scroller = useRef<HTMLDivElement>(null);
  const [follow, setFollow] = useState(true);
  const { lines } = of;
  const n = lines.lines.length;
  const rows = useVirtualizer({ count: n, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 20, measureElement: (el) => el.getBoundingClientRect().height });
  useEffect(() => { if (follow && n) rows.scrollToIndex(n - 1, { align: 'end' }); }, [of.version, follow, n, rows]);
  return (
    <div className="relative rounded-m border hair bg-bg">
      <div className="flex flex-wrap items-center gap-x-2 border-b hair px-3 py-1 text-meta text-text2">
        <span role="status">{n === 0 ? (of.state === 'over' || ended ? 'It wrote nothing' : 'Nothing written yet') : `${n.toLocaleString('en')} ${n === 1 ? 'line' : 'lines'}`}</span>
        {of.state === 'broken' && <span className="inline-flex items-center gap-1.5 text-warn"><Glyph tone="warn" />Connection lost; going on where it broke off</span>}
        {lines.dropped > 0 && <span className="text-warn">{lines.dropped.toLocaleString('en')} more lines are not shown; the command line shows all of it</span>}
        <span className="ms-auto flex">{n > 0 && <><CopyButton text={() => plain(lines)} what="output" /><Button look="ghost" size="s" aria-label="Download the output" onClick={() => save(`${name}.txt`, plain(lines))}><Download className="size-4" aria-hidden /></Button></>}</span>
      </div>
      {n > 0 && (
        <div ref={scroller} tabIndex={0} role="log" aria-label={`Output of ${name}`} aria-live="off" className="mono overflow-auto py-1 text-[0.8125rem] leading-5 outline-offset-[-2px]" style={{ maxHeight: height }}
          onScroll={(e) => { const el = e.currentTarget; setFollow(el.scrollHeight - el.scrollTop - el.clientHeight < ROW * 2); }}>
          <div style={{ height: rows.getTotalSize(), position: 'relative' }}>
            {rows.getVirtualItems().map((item) => {
              const line = lines.lines[item.index];
              return line && (
                <div key={item.key} data-index={item.index} ref={rows.measureElement} dir="auto" className="absolute inset-x-0 px-3 break-words whitespace-pre-wrap" style={{ transform: `translateY(${item.start}px)`, minHeight: ROW }}>
                  <Row line={line} />
                </div>
              );
            })}
          </div>
        </div>
      )}
      {!follow && <Button size="s" className="absolute end-4 bottom-3 shadow-lift" onClick={() => setFollow(true)}><ArrowDown className="size-4" aria-hidden />Latest</Button>}
    </div>
  );
}
