// Source that is read, not written: highlighted, with what was found out about it at the ends of its lines.
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { EditorState, type Extension, type Range, Text } from '@codemirror/state';
import { Decoration, EditorView, lineNumbers, WidgetType } from '@codemirror/view';
import { tags as t } from '@lezer/highlight';
import { useEffect, useRef } from 'react';
import { cedar, rhai, toml } from './langs';

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

const style = HighlightStyle.define([
  { tag: t.comment, color: 'var(--text3)', fontStyle: 'italic' },
  { tag: t.controlKeyword, color: 'var(--accent)', fontWeight: '700' },
  { tag: t.keyword, color: 'var(--accent)' },
  { tag: t.string, color: 'color-mix(in oklch, var(--ok) 78%, var(--text))' },
  { tag: [t.number, t.bool], color: 'color-mix(in oklch, var(--warn) 80%, var(--text))' },
  { tag: t.typeName, color: 'color-mix(in oklch, var(--accent) 55%, var(--text))' },
  { tag: t.special(t.variableName), color: 'var(--text)', fontWeight: '600' },
  { tag: t.function(t.variableName), color: 'color-mix(in oklch, var(--accent) 55%, var(--text))' },
  { tag: t.propertyName, color: 'var(--text)' },
  { tag: t.meta, color: 'color-mix(in oklch, var(--warn) 60%, var(--text2))' },
  { tag: [t.punctuation, t.operator], color: 'var(--text2)' },
]);

const theme = EditorView.theme({
  '&': { backgroundColor: 'transparent', color: 'var(--text)', fontSize: '0.8125rem' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--font-mono)', lineHeight: '1.25rem' },
  '.cm-content': { padding: '8px 0' },
  '.cm-gutters': { backgroundColor: 'transparent', border: 'none', color: 'var(--text3)' },
  '.cm-line': { padding: '0 16px 0 8px' },
  '.cm-hit': { backgroundColor: 'color-mix(in oklch, var(--accent) 9%, transparent)', boxShadow: 'inset 2px 0 0 var(--accent)' },
  '.cm-dim, .cm-dim span:not(.cm-note)': { color: 'var(--text3) !important', fontWeight: '400 !important' },
  '.cm-note': { marginLeft: '1.5ch', fontSize: '0.75rem', fontFamily: 'var(--font-sans)', whiteSpace: 'normal' },
  '.cm-note-ok': { color: 'var(--ok)' }, '.cm-note-bad': { color: 'var(--text3)' }, '.cm-note-warn': { color: 'var(--warn)' }, '.cm-note-mute': { color: 'var(--text3)' },
});

type Props = {
  source: string;
  language: 'cedar' | 'rhai' | 'toml' | 'plain';
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
      lineNumbers({ formatNumber: (n) => String(n + firstLine - 1) }), syntaxHighlighting(style), theme,
      EditorView.lineWrapping, EditorState.readOnly.of(true), EditorView.editable.of(false),
      // Not editable, but it can take focus: a keyboard user scrolls and selects in it, a reader hears what it is.
      EditorView.contentAttributes.of({ 'aria-label': label, 'aria-readonly': 'true', tabindex: '0' }),
    ];
    if (language === 'cedar') ext.push(cedar);
    if (language === 'rhai') ext.push(rhai);
    if (language === 'toml') ext.push(toml);
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
