// Source that is written: what is wrong with it stands under its line, what its cases show stands beside it.
// Tab leaves it, as it leaves any field; Escape and a letter are the editor's, not the page's.
import { defaultKeymap, history, historyKeymap, redo, undo } from '@codemirror/commands';
import { bracketMatching } from '@codemirror/language';
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search';
import { EditorState, type Range, RangeSet, StateEffect, StateField } from '@codemirror/state';
import { Decoration, type DecorationSet, EditorView, gutter, GutterMarker, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers, WidgetType } from '@codemirror/view';
import { useEffect, useRef } from 'react';
import { revealed } from '../kit/inert';
import { type Language, looks, spoken } from './look';

export type Finding = { line: number; column: number; width: number; grade: string; message: string; help?: string | undefined };
/** How much of a line its cases show, and what of it in words. */
export type Shown = { line: number; how: 'all' | 'some' | 'none'; said: string };

class Said extends WidgetType {
  constructor(readonly finding: Finding) { super(); }
  override eq(other: Said) { return other.finding.message === this.finding.message && other.finding.help === this.finding.help && other.finding.grade === this.finding.grade; }
  override toDOM() {
    const grade = this.finding.grade === 'warning' ? 'warning' : 'error';
    const box = document.createElement('div');
    box.className = `cm-said cm-said-${grade}`;
    const put = (tag: string, text: string) => {
      const el = document.createElement(tag);
      // What the server puts between backticks is code, and what would not be seen is shown.
      revealed(text).split('`').forEach((part, n) => { const piece = document.createElement(n % 2 ? 'code' : 'span'); piece.textContent = part; el.append(piece); });
      box.append(el);
    };
    put('b', grade === 'error' ? 'Error' : 'Warning');
    put('span', this.finding.message);
    if (this.finding.help) put('i', this.finding.help);
    return box;
  }
}

const SHAPE = { all: '●', some: '◐', none: '○' } as const;
class Mark extends GutterMarker {
  constructor(readonly shown: Shown) { super(); }
  override eq(other: Mark) { return other.shown.how === this.shown.how && other.shown.said === this.shown.said; }
  override toDOM() {
    const el = document.createElement('span');
    el.className = `cm-shown-${this.shown.how}`;
    el.textContent = SHAPE[this.shown.how];
    el.title = this.shown.said;
    return el;
  }
}

const setFindings = StateEffect.define<readonly Finding[]>();
const setShown = StateEffect.define<readonly Shown[]>();
const setHere = StateEffect.define<number | undefined>();

function marked(state: EditorState, findings: readonly Finding[]): DecorationSet {
  const ranges: Range<Decoration>[] = [];
  for (const finding of findings) {
    const line = state.doc.line(Math.max(1, Math.min(state.doc.lines, finding.line || 1)));
    const from = Math.min(line.to, line.from + Math.max(0, finding.column - 1));
    const to = Math.min(line.to, from + Math.max(1, finding.width));
    if (to > from) ranges.push(Decoration.mark({ class: `cm-finding-${finding.grade === 'warning' ? 'warning' : 'error'}` }).range(from, to));
    ranges.push(Decoration.widget({ widget: new Said(finding), block: true, side: 1 }).range(line.to));
  }
  return Decoration.set(ranges, true);
}

function besides(state: EditorState, shown: readonly Shown[]): RangeSet<GutterMarker> {
  return RangeSet.of(shown.filter((one) => one.line >= 1 && one.line <= state.doc.lines).map((one) => new Mark(one).range(state.doc.line(one.line).from)), true);
}

// Each moves with the text until the next word from outside.
const findingField = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update: (held, change) => change.effects.reduce((now, effect) => (effect.is(setFindings) ? marked(change.state, effect.value) : now), held.map(change.changes)),
  provide: (field) => EditorView.decorations.from(field),
});
const shownField = StateField.define<RangeSet<GutterMarker>>({
  create: () => RangeSet.empty,
  update: (held, change) => change.effects.reduce((now, effect) => (effect.is(setShown) ? besides(change.state, effect.value) : now), held.map(change.changes)),
});
const hereField = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update: (held, change) => change.effects.reduce((now, effect) => (!effect.is(setHere) ? now : effect.value && effect.value <= change.state.doc.lines
    ? Decoration.set([Decoration.line({ class: 'cm-here' }).range(change.state.doc.line(effect.value).from)]) : Decoration.none), held.map(change.changes)),
  provide: (field) => EditorView.decorations.from(field),
});

type Props = {
  /** The file; another one is another document with a history of its own. */
  path: string;
  text: string;
  language: Language;
  label: string;
  readOnly?: boolean;
  findings?: readonly Finding[];
  shown?: readonly Shown[];
  /** The line that an address leads to. */
  line?: number | undefined;
  onChange?: (text: string) => void;
  onRun?: () => void;
};

const NONE: never[] = [];

export default function CodeEdit({ path, text, language, label, readOnly = false, findings = NONE, shown = NONE, line, onChange, onRun }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const latest = useRef({ onChange, onRun });
  latest.current = { onChange, onRun };
  const begun = useRef(text);
  begun.current = text;
  useEffect(() => {
    const editor = new EditorView({
      parent: host.current!,
      state: EditorState.create({
        doc: begun.current,
        extensions: [
          shownField, gutter({ class: 'cm-shown', markers: (at) => at.state.field(shownField) }), lineNumbers(), ...looks, ...spoken(language), EditorView.lineWrapping, bracketMatching(), highlightSelectionMatches(),
          findingField, hereField,
          EditorView.contentAttributes.of({ 'aria-label': label, ...(readOnly ? { 'aria-readonly': 'true', tabindex: '0' } : {}) }),
          ...(readOnly ? [EditorState.readOnly.of(true), EditorView.editable.of(false)] : [history(), highlightActiveLine(), highlightActiveLineGutter()]),
          keymap.of([
            { key: 'Mod-Enter', run: () => { latest.current.onRun?.(); return true; } },
            { key: 'Mod-y', run: redo }, { key: 'Mod-z', run: undo },
            ...searchKeymap, ...defaultKeymap, ...historyKeymap,
          ]),
          EditorView.updateListener.of((update) => { if (update.docChanged) latest.current.onChange?.(update.state.doc.toString()); }),
        ],
      }),
    });
    view.current = editor;
    return () => { view.current = undefined; editor.destroy(); };
  }, [path, language, label, readOnly]);
  // What comes from outside (a discarded draft, another tab) replaces the text; what was typed here is it already.
  useEffect(() => {
    const editor = view.current;
    if (editor && editor.state.doc.toString() !== text) editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } });
  }, [text]);
  useEffect(() => view.current?.dispatch({ effects: setFindings.of(findings) }), [findings, path, readOnly, language, label]);
  useEffect(() => view.current?.dispatch({ effects: setShown.of(shown) }), [shown, path, readOnly, language, label]);
  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    const at = line && line <= editor.state.doc.lines ? editor.state.doc.line(line).from : undefined;
    editor.dispatch({ effects: [setHere.of(line), ...(at === undefined ? [] : [EditorView.scrollIntoView(at, { y: 'center' })])] });
  }, [line, path, readOnly, language, label]);
  return <div ref={host} className="overflow-hidden rounded-m border hair bg-bg focus-within:border-accent" />;
}
