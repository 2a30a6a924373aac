// How source looks, read or written: colours of its parts, the gutter, what stands at the ends of lines.
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import type { Extension } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { tags as t } from '@lezer/highlight';
import { cedar, rhai, toml } from './langs';
import type { Language } from './language';

export type { Language };

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
  '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--s3) 45%, transparent)' },
  '.cm-activeLineGutter': { backgroundColor: 'transparent', color: 'var(--text)' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'color-mix(in oklch, var(--accent) 30%, transparent) !important' },
  '.cm-cursor': { borderLeftColor: 'var(--text)', borderLeftWidth: '2px' },
  '.cm-matchingBracket': { backgroundColor: 'color-mix(in oklch, var(--accent) 22%, transparent) !important', outline: 'none' },
  '.cm-here': { backgroundColor: 'color-mix(in oklch, var(--accent) 14%, transparent)', boxShadow: 'inset 2px 0 0 var(--accent)' },
  '.cm-finding-error': { textDecoration: 'underline wavy var(--bad) 1px', textUnderlineOffset: '3px' },
  '.cm-finding-warning': { textDecoration: 'underline wavy var(--warn) 1px', textUnderlineOffset: '3px' },
  '.cm-said': { display: 'flex', gap: '0.75ch', margin: '2px 16px 4px 8px', padding: '2px 8px', borderLeft: '2px solid', fontFamily: 'var(--font-sans)', fontSize: '0.75rem', lineHeight: '1rem', color: 'var(--text)', whiteSpace: 'normal' },
  '.cm-said-error': { borderColor: 'var(--bad)', backgroundColor: 'color-mix(in oklch, var(--bad) 10%, transparent)' },
  '.cm-said-warning': { borderColor: 'var(--warn)', backgroundColor: 'color-mix(in oklch, var(--warn) 9%, transparent)' },
  '.cm-said b': { fontWeight: '600' }, '.cm-said i': { fontStyle: 'normal', color: 'var(--text2)' },
  '.cm-shown': { width: '1.1rem' }, '.cm-shown .cm-gutterElement': { textAlign: 'center', cursor: 'default' },
  '.cm-shown-all': { color: 'var(--ok)' }, '.cm-shown-some': { color: 'var(--warn)' }, '.cm-shown-none': { color: 'var(--bad)' },
  '.cm-panels': { backgroundColor: 'var(--s2)', color: 'var(--text)', borderColor: 'var(--line)' },
  '.cm-panel.cm-search input, .cm-panel.cm-search button, .cm-panel.cm-gotoLine input, .cm-panel.cm-gotoLine button': { backgroundColor: 'var(--bg)', backgroundImage: 'none', color: 'var(--text)', border: '1px solid var(--edge)', borderRadius: '4px', fontSize: '0.75rem', padding: '2px 6px' },
  '.cm-searchMatch': { backgroundColor: 'color-mix(in oklch, var(--warn) 30%, transparent)' }, '.cm-searchMatch-selected': { backgroundColor: 'color-mix(in oklch, var(--warn) 55%, transparent)' },
  '.cm-note-ok': { color: 'var(--ok)' }, '.cm-note-bad': { color: 'var(--text3)' }, '.cm-note-warn': { color: 'var(--warn)' }, '.cm-note-mute': { color: 'var(--text3)' },
});

export const looks: Extension[] = [syntaxHighlighting(style), theme];

/** What the language's words are. */
export const spoken = (language: Language): Extension[] => ({ cedar: [cedar], rhai: [rhai], toml: [toml], plain: [] })[language];
