//! A Rust file as the guards read it: code, literals and comments apart, each with its line.
//! Never: understands Rust. It knows just enough of the grammar not to take a word in a string for code.

use std::ops::Range;

/// A piece of text that is not code, and where it begins.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    pub at: usize,
    pub text: String,
}

/// One file, taken apart.
#[derive(Debug, Default)]
pub struct Source {
    /// The file with every comment and literal blanked, byte for byte as long as the file.
    pub code: String,
    pub literals: Vec<Piece>,
    pub comments: Vec<Piece>,
    /// Where the items under `#[cfg(test)]` stand.
    tests: Vec<Range<usize>>,
    lines: Vec<usize>,
}

impl Source {
    pub fn read(text: &str) -> Self {
        let mut reader =
            Reader { text, code: text.as_bytes().to_vec(), at: 0, literals: Vec::new(), comments: Vec::new() };
        reader.run();
        // Whole characters were blanked, so what is left is still UTF-8.
        let code = String::from_utf8_lossy(&reader.code).into_owned();
        let lines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
        let tests = test_ranges(&code);
        Self { code, literals: reader.literals, comments: reader.comments, tests, lines }
    }

    /// The line of an offset, counted from 1.
    pub fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|end| *end < at) + 1
    }

    /// Whether an offset stands in an item that only tests see.
    pub fn tested(&self, at: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&at))
    }

    /// Every place in the code where `word` stands with no identifier character on either side.
    pub fn words(&self, word: &str) -> Vec<usize> {
        words(&self.code, word)
    }

    /// What follows `root::` in paths and in `use root::{…}`: the next segment, and where it stands.
    pub fn heads(&self, root: &str) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for at in self.words(root) {
            let after = skip_space(&self.code, at + root.len());
            let Some(rest) = self.code.get(after..).and_then(|rest| rest.strip_prefix("::")) else { continue };
            let start = skip_space(&self.code, self.code.len() - rest.len());
            collect_heads(&self.code, start, &mut found);
        }
        found
    }
}

/// As [`Source::words`], over any text.
pub fn words(text: &str, word: &str) -> Vec<usize> {
    let joins = |byte: Option<&u8>| byte.is_some_and(|byte| is_ident(*byte));
    let bytes = text.as_bytes();
    let (first, last) = (word.bytes().next().is_some_and(is_ident), word.bytes().last().is_some_and(is_ident));
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(|at| !(first && at.checked_sub(1).is_some_and(|before| joins(bytes.get(before)))))
        .filter(|at| !(last && joins(bytes.get(at + word.len()))))
        .collect()
}

/// The identifier that begins at `at`; empty if none does.
pub fn ident_at(text: &str, at: usize) -> &str {
    let tail = text.get(at..).unwrap_or_default();
    tail.split(|c: char| !(c == '_' || c.is_alphanumeric())).next().unwrap_or_default()
}

pub fn skip_space(text: &str, at: usize) -> usize {
    let tail = text.get(at..).unwrap_or_default();
    at + tail.len() - tail.trim_start().len()
}

fn collect_heads(code: &str, at: usize, found: &mut Vec<(usize, String)>) {
    match code.as_bytes().get(at) {
        Some(b'*') => found.push((at, "*".into())),
        Some(b'{') => {
            let end = closing(code, at);
            let mut entry = at + 1;
            let mut depth = 0usize;
            for (offset, byte) in code.bytes().enumerate().take(end).skip(at + 1) {
                match byte {
                    b'{' => depth += 1,
                    b'}' => depth = depth.saturating_sub(1),
                    b',' if depth == 0 => {
                        collect_heads(code, skip_space(code, entry), found);
                        entry = offset + 1;
                    }
                    _ => {}
                }
            }
            if skip_space(code, entry) < end {
                collect_heads(code, skip_space(code, entry), found);
            }
        }
        _ => {
            let head = ident_at(code, at);
            if !head.is_empty() {
                found.push((at, head.into()));
            }
        }
    }
}

/// Where the brace that opens at `at` closes; the end of the text if it never does.
fn closing(code: &str, at: usize) -> usize {
    let mut depth = 0usize;
    for (offset, byte) in code.bytes().enumerate().skip(at) {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return offset;
                }
            }
            _ => {}
        }
    }
    code.len()
}

fn test_ranges(code: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    for (at, _) in code.match_indices("#[cfg(") {
        let line = code.get(at..).unwrap_or_default().split(']').next().unwrap_or_default();
        if words(line, "test").is_empty() || line.contains("not(") {
            continue;
        }
        let body = code.bytes().enumerate().skip(at).find(|(_, byte)| matches!(byte, b'{' | b';'));
        let Some((open, b'{')) = body else { continue };
        ranges.push(at..closing(code, open));
    }
    ranges
}

const fn is_ident(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || byte >= 0x80
}

struct Reader<'a> {
    text: &'a str,
    code: Vec<u8>,
    at: usize,
    literals: Vec<Piece>,
    comments: Vec<Piece>,
}

impl Reader<'_> {
    fn rest(&self) -> &[u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn run(&mut self) {
        while let Some(byte) = self.rest().first().copied() {
            match byte {
                b'/' if self.rest().starts_with(b"//") => self.comment_line(),
                b'/' if self.rest().starts_with(b"/*") => self.comment_block(),
                b'"' => self.quoted(b'"'),
                b'\'' => self.quote_or_lifetime(),
                _ if is_ident(byte) => self.ident(),
                _ => self.at += 1,
            }
        }
    }

    fn comment_line(&mut self) {
        let length = self.rest().iter().position(|byte| *byte == b'\n').unwrap_or(self.rest().len());
        let piece = self.take(length);
        self.comments.push(piece);
    }

    fn comment_block(&mut self) {
        let rest = self.rest();
        let (mut depth, mut length) = (0usize, 0);
        while length < rest.len() {
            let tail = rest.get(length..).unwrap_or_default();
            if tail.starts_with(b"/*") {
                (depth, length) = (depth + 1, length + 2);
            } else if tail.starts_with(b"*/") {
                (depth, length) = (depth.saturating_sub(1), length + 2);
                if depth == 0 {
                    break;
                }
            } else {
                length += 1;
            }
        }
        let piece = self.take(length);
        self.comments.push(piece);
    }

    /// A string or a character with backslash escapes; the opening quote stands at `at`.
    fn quoted(&mut self, quote: u8) {
        let rest = self.rest();
        let mut length = 1;
        while let Some(byte) = rest.get(length) {
            length += match byte {
                b'\\' => 2,
                _ => 1,
            };
            if *byte == quote {
                break;
            }
        }
        let piece = self.take(length.min(rest.len()));
        self.literals.push(piece);
    }

    fn quote_or_lifetime(&mut self) {
        let mut chars = self.text.get(self.at + 1..).unwrap_or_default().chars();
        match (chars.next(), chars.next()) {
            (Some('\\'), _) | (Some(_), Some('\'')) => self.quoted(b'\''),
            _ => self.at += 1,
        }
    }

    /// A word, or the prefix of a literal (`b"…"`, `r#"…"#`, `c"…"`).
    fn ident(&mut self) {
        let length = self.rest().iter().take_while(|byte| is_ident(**byte)).count();
        let word = self.rest().get(..length).unwrap_or_default().to_vec();
        self.at += length;
        let hashes = self.rest().iter().take_while(|byte| **byte == b'#').count();
        let quote = self.rest().get(hashes).copied();
        match (word.as_slice(), quote) {
            (b"r" | b"br" | b"cr", Some(b'"')) => self.raw(hashes),
            // `b'"'` must not open a string; after a plain word a quote would begin a literal of its own anyway.
            (b"b", Some(b'\'')) if hashes == 0 => self.quoted(b'\''),
            _ => {}
        }
    }

    fn raw(&mut self, hashes: usize) {
        let end: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
        let rest = self.rest();
        let from = hashes + 1;
        let body = rest.get(from..).unwrap_or_default();
        let length =
            body.windows(end.len()).position(|window| window == end).map_or(rest.len(), |at| from + at + end.len());
        let piece = self.take(length);
        self.literals.push(piece);
    }

    /// Blanks the next `length` bytes of the code and returns what they said.
    fn take(&mut self, length: usize) -> Piece {
        let start = self.at;
        // An escape before the end of the file may overshoot; a cut character would not be text.
        let mut end = (start + length).min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        for byte in self.code.get_mut(start..end).unwrap_or_default() {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        self.at = end;
        Piece { at: start, text: self.text.get(start..end).unwrap_or_default().into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        let source = Source::read(text);
        assert_eq!(source.code.len(), text.len());
        source.code
    }

    #[test]
    fn blanks_comments_and_literals_and_keeps_code() {
        let text = "let a = \"un\\\"safe\"; // unsafe\n/* unsafe /* deep */ unsafe */ let b = r#\"unsafe \" \"#;";
        assert!(!code(text).contains("unsafe"), "{}", code(text));
        assert!(code(text).contains("let a ="));
        assert!(code(text).contains("let b ="));
        assert_eq!(Source::read(text).literals.len(), 2);
        assert_eq!(Source::read(text).comments.len(), 2);
    }

    #[test]
    fn tells_characters_from_lifetimes() {
        let text = "fn a<'a>(x: &'a str) -> char { if x == b'\"' { '\\'' } else { '\"' } } fn rest() {}";
        assert!(code(text).contains("fn rest() {}"), "{}", code(text));
        assert!(code(text).contains("<'a>(x: &'a str)"));
    }

    #[test]
    fn survives_text_that_never_ends() {
        for text in ["\"never", "r##\"never\"#", "/* never", "'\\", "\"ends in \\", "b'", "'é", "\"\\é"] {
            code(text);
        }
    }

    #[test]
    fn counts_lines_from_one() {
        let source = Source::read("a\nb\nc");
        assert_eq!([source.line(0), source.line(2), source.line(4)], [1, 2, 3]);
    }

    #[test]
    fn knows_what_only_tests_see() {
        let text = "fn one() {}\n#[cfg(test)]\nmod tests {\n fn two() { if true {} }\n}\nfn three() {}";
        let source = Source::read(text);
        let at = |word: &str| source.words(word)[0];
        assert!(!source.tested(at("one")));
        assert!(source.tested(at("two")));
        assert!(!source.tested(at("three")));
        assert!(!Source::read("#[cfg(not(test))]\nmod a { fn two() {} }").tested(25));
    }

    #[test]
    fn reads_the_heads_of_paths_and_groups() {
        let text = "use crate::{audit::{Ledger, Draft}, clock,\n  db::Db};\nfn f() { crate::hub::send(); $crate::app!(); supercrate::no(); }\nuse crate::*;";
        let heads: Vec<String> = Source::read(text).heads("crate").into_iter().map(|(_, head)| head).collect();
        assert_eq!(heads, ["audit", "clock", "db", "hub", "app", "*"]);
    }
}
