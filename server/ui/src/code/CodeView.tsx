// Source that is read, not written: highlighted, with what was found out about it at the ends of its lines.
import { EditorState, type Extension, type Range, Text } from '@codemirror/state';
import { Decoration, EditorView, lineNumbers, WidgetType } from '@codemirror/view';
import { useEffect, useRef } from 'react';
import { type Language, looks, spoken } from './look';

export type Note = { line: number; text: string; tone: 'ok' | 'bad' | 'mute' | 'warn' };
const MARK = { ok: '✓', bad: '✕', mute: '·', warn: '◆' } as const;

class NoteWidget extends WidgetType {
  constructor(readonly note: Note) { super(); }
  override eq(o: NoteWidget) { return o.note.text === this.note.text && o.note.tone === this.note.tone; }
  override toDOM() {
    const el = document.createElement('span');
    el.className = `cm-note cm-note-${this.note.tone}`;
    el.textContent = `${MARK[this.note.tone]} ${this.note.text}`;
    return el;
  }
}

type Props = {
  source: string;
  language: Language;
  label: string;
  highlight?: [number, number];
  /** Lines that never ran or took no part; everything outside the highlight when absent. */
  dim?: number[];
  notes?: Note[];
  /** The number of the first line, where the source is a part of a file. */
  firstLine?: number;
};

export default function CodeView({ source, language, label, highlight, dim, notes, firstLine = 1 }: Props) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const ext: Extension[] = [
      lineNumbers({ formatNumber: (n) => String(n + firstLine - 1) }), ...looks, ...spoken(language),
      EditorView.lineWrapping, EditorState.readOnly.of(true), EditorView.editable.of(false),
      // Not editable, but it can take focus: a keyboard user scrolls and selects in it, a reader hears what it is.
      EditorView.contentAttributes.of({ 'aria-label': label, 'aria-readonly': 'true', tabindex: '0' }),
    ];
    const doc = Text.of(source.replace(/\n$/, '').split('\n'));
    const marks: Range<Decoration>[] = [];
    if (highlight) {
      for (let n = 1; n <= doc.lines; n++) {
        const hit = n >= highlight[0] && n <= highlight[1];
        if (hit) marks.push(Decoration.line({ class: 'cm-hit' }).range(doc.line(n).from));
        else if (!dim || dim.includes(n)) marks.push(Decoration.line({ class: 'cm-dim' }).range(doc.line(n).from));
      }
    }
    for (const note of notes ?? []) {
      if (note.line < 1 || note.line > doc.lines) continue;
      marks.push(Decoration.widget({ widget: new NoteWidget(note), side: 1 }).range(doc.line(note.line).to));
    }
    ext.push(EditorView.decorations.of(Decoration.set(marks, true)));
    const view = new EditorView({ parent: host.current!, state: EditorState.create({ doc, extensions: ext }) });
    return () => view.destroy();
  }, [source, language, label, highlight, dim, notes, firstLine]);
  return <div ref={host} className="overflow-hidden rounded-m border hair bg-bg" />;
}
