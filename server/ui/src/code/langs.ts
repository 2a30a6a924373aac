// Highlighting for the three languages of a bundle.
import { StreamLanguage, type StringStream } from '@codemirror/language';

// Neither Cedar nor Rhai has a CodeMirror 6 package, so both are tokenised here. Highlighting only:
// parsing, validation and formatting are the server's, through the real engines.
type S = { comment: boolean; raw: boolean };
const start = (): S => ({ comment: false, raw: false });

const CEDAR_KEYWORDS = new Set(['permit', 'forbid', 'when', 'unless', 'if', 'then', 'else', 'in', 'has', 'like', 'is']);
const CEDAR_VARS = new Set(['principal', 'action', 'resource', 'context']);
const CEDAR_FNS = new Set(['contains', 'containsAll', 'containsAny', 'isEmpty', 'decimal', 'ip', 'datetime', 'duration', 'lessThan', 'greaterThan', 'lessThanOrEqual', 'greaterThanOrEqual', 'isInRange', 'getTag', 'hasTag']);

export const cedar = StreamLanguage.define<S>({
  name: 'cedar', startState: start,
  languageData: { commentTokens: { line: '//' }, closeBrackets: { brackets: ['(', '[', '{', '"'] } },
  token(s: StringStream) {
    if (s.eatSpace()) return null;
    if (s.match('//')) { s.skipToEnd(); return 'comment'; }
    if (s.match(/^"(?:[^"\\]|\\.)*"?/)) return 'string';
    if (s.match(/^@[A-Za-z_]\w*/)) return 'meta';
    if (s.match(/^\?(principal|resource)\b/)) return 'special';
    if (s.match(/^\d+/)) return 'number';
    if (s.match(/^[A-Z]\w*(?:::[A-Za-z_]\w*)*(?=::")/) || s.match(/^[A-Z]\w*/)) return 'typeName';
    if (s.match(/^(==|!=|<=|>=|&&|\|\||[<>!+\-*])/)) return 'operator';
    const word = s.match(/^[A-Za-z_]\w*/);
    if (word && typeof word !== 'boolean') {
      const w = word[0];
      if (w === 'true' || w === 'false') return 'bool';
      if (w === 'permit' || w === 'forbid') return 'controlKeyword';
      if (CEDAR_KEYWORDS.has(w)) return 'keyword';
      if (CEDAR_VARS.has(w)) return 'variableName.special';
      if (CEDAR_FNS.has(w)) return 'variableName.function';
      return 'propertyName';
    }
    s.next();
    return 'punctuation';
  },
});

const RHAI_KEYWORDS = new Set(['let', 'const', 'if', 'else', 'switch', 'do', 'while', 'loop', 'until', 'for', 'in', 'continue', 'break', 'return', 'throw', 'try', 'catch', 'fn', 'private', 'import', 'export', 'as', 'is', 'this', 'global']);
const VERDICTS = new Set(['allow', 'deny', 'queue', 'approve_by']);

export const rhai = StreamLanguage.define<S>({
  name: 'rhai', startState: start, copyState: (s) => ({ ...s }),
  languageData: { commentTokens: { line: '//', block: { open: '/*', close: '*/' } }, closeBrackets: { brackets: ['(', '[', '{', '"', '`', "'"] } },
  token(s: StringStream, st: S) {
    if (st.comment) { if (s.match(/^.*?\*\//)) st.comment = false; else s.skipToEnd(); return 'comment'; }
    if (st.raw) { if (s.match(/^[^`]*`/)) st.raw = false; else s.skipToEnd(); return 'string'; }
    if (s.eatSpace()) return null;
    if (s.match('//')) { s.skipToEnd(); return 'comment'; }
    if (s.match('/*')) { st.comment = !s.match(/^.*?\*\//); if (st.comment) s.skipToEnd(); return 'comment'; }
    if (s.match(/^"(?:[^"\\]|\\.)*"?/) || s.match(/^'(?:[^'\\]|\\.)*'?/)) return 'string';
    if (s.match('`')) { st.raw = !s.match(/^[^`]*`/); if (st.raw) s.skipToEnd(); return 'string'; }
    if (s.match(/^(0x[\da-f_]+|0b[01_]+|0o[0-7_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:e[+-]?\d+)?)/i)) return 'number';
    if (s.match(/^(=>|\.\.=?|\?\?|[=!<>]=|&&|\|\||\*\*|[+\-*/%<>=!&|^])/)) return 'operator';
    const word = s.match(/^#?[A-Za-z_]\w*/);
    if (word && typeof word !== 'boolean') {
      const w = word[0];
      if (w === 'true' || w === 'false') return 'bool';
      if (RHAI_KEYWORDS.has(w)) return 'keyword';
      if (VERDICTS.has(w) && s.peek() === '(') return 'controlKeyword';
      return s.peek() === '(' ? 'variableName.function' : 'variableName';
    }
    s.next();
    return 'punctuation';
  },
});

export const toml = StreamLanguage.define<S>({
  name: 'toml', startState: start, copyState: (s) => ({ ...s }),
  languageData: { commentTokens: { line: '#' } },
  token(s: StringStream, st: S) {
    if (st.raw) { if (s.match(/^.*?(?:"""|''')/)) st.raw = false; else s.skipToEnd(); return 'string'; }
    if (s.eatSpace()) return null;
    if (s.match('#')) { s.skipToEnd(); return 'comment'; }
    if (s.sol() && s.match(/^\[\[?[^\]]*\]\]?/)) return 'controlKeyword';
    if (s.match(/^(?:"""|''')/)) { st.raw = !s.match(/^.*?(?:"""|''')/); if (st.raw) s.skipToEnd(); return 'string'; }
    if (s.match(/^"(?:[^"\\]|\\.)*"?/) || s.match(/^'[^']*'?/)) return 'string';
    if (s.match(/^(?:true|false)\b/)) return 'bool';
    if (s.match(/^[+-]?\d[\d_:.TZ-]*/)) return 'number';
    if (s.match(/^[A-Za-z_][\w-]*/)) return 'propertyName';
    s.next();
    return 'punctuation';
  },
});
