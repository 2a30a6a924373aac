//! Cuts a script into tokens, with their places. A text that Rhai has compiled is taken; of another, something is made.

use std::ops::Range;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) at: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Word,
    Number,
    Text,
    Symbol,
}

/// Longest first.
const SYMBOLS: [&str; 36] = [
    "<<=", ">>=", "**=", "..=", "===", "!==", "#{", "&&", "||", "==", "!=", "<=", ">=", "=>", "->", "::", "??", "?.",
    "?[", "..", "**", "<<", ">>", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "++", "--", "##", "//", "!in",
];

/// The tokens of a text, without white space and comments.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(first) = rest.chars().next() else { break };
        let comment = comment(rest);
        let (kind, length) = match first {
            _ if comment > 0 => (None, comment),
            _ if first.is_whitespace() => (None, first.len_utf8()),
            '"' | '\'' => (Some(Kind::Text), quoted(rest, first)),
            '`' => (Some(Kind::Text), interpolated(rest)),
            _ if first.is_ascii_digit() => (Some(Kind::Number), number(rest)),
            _ if first.is_alphabetic() || first == '_' => (Some(Kind::Word), word(rest)),
            _ => (Some(Kind::Symbol), symbol(rest).unwrap_or(first.len_utf8())),
        };
        if let Some(kind) = kind {
            tokens.push(Token { kind, at: at..at + length });
        }
        at += length;
    }
    tokens
}

/// The length of the comment at the beginning, or nought. Block comments nest.
fn comment(text: &str) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if !text.starts_with("/*") {
        return 0;
    }
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(rest) = text.get(at..) {
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            let Some(letter) = rest.chars().next() else { break };
            at += letter.len_utf8();
        }
    }
    text.len()
}

fn quoted(text: &str, quote: char) -> usize {
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' {
            letters.next();
        } else if letter == quote {
            return at + 1;
        }
    }
    text.len()
}

/// A text in back-ticks, with the expressions in it.
fn interpolated(text: &str) -> usize {
    let mut at = 1;
    let mut depth = 0_usize;
    while let Some(rest) = text.get(at..) {
        let Some(letter) = rest.chars().next() else { break };
        match letter {
            '`' if depth == 0 => return at + 1,
            '`' => at += interpolated(rest) - 1,
            '"' if depth > 0 => at += quoted(rest, '"') - 1,
            '$' if depth == 0 && rest.starts_with("${") => {
                depth = 1;
                at += 1;
            }
            '{' if depth > 0 => depth += 1,
            '}' if depth > 0 => depth -= 1,
            _ => {}
        }
        at += letter.len_utf8();
    }
    text.len()
}

fn number(text: &str) -> usize {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let whole = digits(text);
    let after = text.get(whole..).unwrap_or_default();
    // `1..3` is a range, and `1.max(2)` a method of a number.
    match after.strip_prefix('.') {
        Some(behind) if behind.starts_with(|c: char| c.is_ascii_digit()) => whole + 1 + digits(behind),
        _ => whole,
    }
}

fn word(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
}

fn symbol(text: &str) -> Option<usize> {
    SYMBOLS.into_iter().find(|symbol| text.starts_with(symbol)).map(str::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<&str> {
        tokens(text).into_iter().map(|token| &text[token.at]).collect()
    }

    #[test]
    fn cuts_words_numbers_texts_and_symbols() {
        assert_eq!(cut("let a=1_000.5;"), ["let", "a", "=", "1_000.5", ";"]);
        assert_eq!(cut("for n in 0..3 {}"), ["for", "n", "in", "0", "..", "3", "{", "}"]);
        assert_eq!(cut(r#"a != "b\"c" && 'x'"#), ["a", "!=", r#""b\"c""#, "&&", "'x'"]);
        assert_eq!(cut("a >= 1 // b\n/* c /* d */ */ e"), ["a", ">=", "1", "e"]);
        assert_eq!(cut("`a ${ f(\"}`\", #{ b: 1 }) } c` d"), ["`a ${ f(\"}`\", #{ b: 1 }) } c`", "d"]);
    }

    #[test]
    fn an_unfinished_text_ends_with_the_file() {
        for text in ["\"abc", "`abc ${ d", "/* abc", "'", "é\"é"] {
            assert!(tokens(text).iter().all(|token| token.at.end <= text.len()), "{text}");
        }
    }
}
