//! Reads one shell word as `sh` would: what is known of its value, and which commands run while it is expanded.
//!
//! The reader is strict. It checks the boundaries that the parser found (an unquoted blank or operator inside a word means
//! that the two disagree), and it refuses what `bash` and a plain `sh` read differently.
//! Never: guesses. What it refuses makes the command unparsed.

use std::borrow::Cow;

use crate::arg::Arg;

/// How deep expansions may be nested in each other.
const MAX_DEPTH: usize = 8;

/// A word and what runs while it is expanded.
#[derive(Debug)]
pub(crate) struct Word<'a> {
    pub arg: Arg<'a>,
    /// Shell code that runs: command substitutions, also those nested in other expansions.
    pub code: Vec<String>,
    /// It evaluates arithmetic over variables, in which `bash` runs substitutions that the variables hold.
    pub arithmetic: bool,
    /// `bash` and a plain `sh` see different text.
    pub twofold: bool,
}

/// Why a word cannot be read.
pub(crate) type Unread = &'static str;

const UNTERMINATED: Unread = "a quote or expansion does not end";
const TOO_DEEP: Unread = "expansions are nested too deep";
const BOUNDARY: Unread = "a word ends where shells disagree";

/// Reads a whole word.
pub(crate) fn read(raw: &str) -> Result<Word<'_>, Unread> {
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"-_./:=@%+,~#!^]}".contains(&c) || c >= 0x80;
    if raw.bytes().all(plain) {
        return Ok(Word { arg: Arg::exact(raw), code: Vec::new(), arithmetic: false, twofold: false });
    }
    let mut reader = Reader::new(raw);
    reader.word()?;
    Ok(reader.finish(raw))
}

/// Reads the body of a here-document whose delimiter is not quoted: the code that runs while it is expanded, and its text
/// if none does.
pub(crate) fn read_document(raw: &str) -> Result<Word<'_>, Unread> {
    let mut reader = Reader::new(raw);
    reader.document()?;
    Ok(reader.finish(raw))
}

struct Reader<'a> {
    raw: &'a str,
    at: usize,
    text: String,
    /// Cleared by the first piece whose value is unknown; `text` stays as it was then.
    exact: bool,
    many: bool,
    pinned: bool,
    code: Vec<String>,
    arithmetic: bool,
    twofold: bool,
}

impl<'a> Reader<'a> {
    fn new(raw: &'a str) -> Self {
        Self {
            raw,
            at: 0,
            text: String::with_capacity(raw.len()),
            exact: true,
            many: false,
            pinned: true,
            code: Vec::new(),
            arithmetic: false,
            twofold: false,
        }
    }

    fn finish(self, raw: &'a str) -> Word<'a> {
        let arg = Arg {
            text: Cow::Owned(self.text),
            exact: self.exact,
            many: self.many,
            pinned: self.pinned,
            written: (!self.exact).then_some(Cow::Borrowed(raw)),
        };
        Word { arg, code: self.code, arithmetic: self.arithmetic, twofold: self.twofold }
    }

    fn rest(&self) -> &'a str {
        self.raw.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn skip(&mut self, prefix: &str) -> bool {
        let found = self.rest().starts_with(prefix);
        if found {
            self.at += prefix.len();
        }
        found
    }

    fn push(&mut self, c: char) {
        if self.exact {
            self.text.push(c);
        }
    }

    /// A piece whose value is unknown begins here.
    fn open(&mut self, splits: bool) {
        self.exact = false;
        if splits {
            self.many = true;
            self.pinned = false;
        }
    }

    /// Several words, each of which begins with what is known so far.
    fn fan(&mut self) {
        if self.exact && self.text.is_empty() {
            self.pinned = false;
        }
        self.exact = false;
        self.many = true;
    }

    fn word(&mut self) -> Result<(), Unread> {
        while let Some(c) = self.next() {
            match c {
                '\\' => match self.next() {
                    Some('\n') => {}
                    Some(next) => self.push(next),
                    None => return Err(UNTERMINATED),
                },
                '\'' => self.single()?,
                '"' => self.double()?,
                '$' => self.dollar(false, 0)?,
                '`' => self.backticks(false)?,
                '*' | '?' => self.fan(),
                '[' if self.rest().contains(']') => self.fan(),
                '{' if self.rest().contains('}') && (self.rest().contains(',') || self.rest().contains("..")) => {
                    self.fan()
                }
                ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')' => return Err(BOUNDARY),
                _ => self.push(c),
            }
        }
        Ok(())
    }

    fn document(&mut self) -> Result<(), Unread> {
        while let Some(c) = self.next() {
            match c {
                // A joined line can hide the delimiter.
                '\\' if self.peek() == Some('\n') => return Err("a here-document joins lines"),
                '\\' => match self.next() {
                    Some(next @ ('$' | '`' | '\\')) => self.push(next),
                    Some(next) => {
                        self.push('\\');
                        self.push(next);
                    }
                    None => self.push('\\'),
                },
                '$' => self.dollar(true, 0)?,
                '`' => self.backticks(false)?,
                _ => self.push(c),
            }
        }
        Ok(())
    }

    fn single(&mut self) -> Result<(), Unread> {
        let end = self.rest().find('\'').ok_or(UNTERMINATED)?;
        if self.exact {
            self.text.push_str(self.rest().get(..end).unwrap_or_default());
        }
        self.at += end + 1;
        Ok(())
    }

    fn double(&mut self) -> Result<(), Unread> {
        loop {
            match self.next().ok_or(UNTERMINATED)? {
                '"' => return Ok(()),
                '\\' => match self.next().ok_or(UNTERMINATED)? {
                    '\n' => {}
                    next @ ('$' | '`' | '"' | '\\') => self.push(next),
                    next => {
                        self.push('\\');
                        self.push(next);
                    }
                },
                '$' => self.dollar(true, 0)?,
                '`' => self.backticks(true)?,
                c => self.push(c),
            }
        }
    }

    /// What follows a `$`.
    fn dollar(&mut self, quoted: bool, depth: usize) -> Result<(), Unread> {
        if depth > MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        match self.peek() {
            Some('(') => {
                self.at += 1;
                if self.skip("(") {
                    return self.arithmetic(depth);
                }
                let code = self.substitution(depth)?;
                self.code.push(code);
                self.open(!quoted);
            }
            Some('{') => {
                self.at += 1;
                self.parameter(quoted, depth)?;
                self.open(!quoted);
            }
            Some('[') => return Err("`$[` is not arithmetic in every shell"),
            Some('\'') if !quoted => {
                self.at += 1;
                self.ansi()?;
            }
            Some('"') if !quoted => return Err("`$\"` is not the same in every shell"),
            Some('@' | '*') => {
                self.at += 1;
                self.open(true);
            }
            Some('?' | '#' | '$' | '!') => {
                self.at += 1;
                // Digits: they begin no option, and hold no blank.
                self.push('0');
                self.open(false);
            }
            Some('-' | '0') => {
                self.at += 1;
                self.open(!quoted);
            }
            Some(c) if c.is_ascii_alphanumeric() || c == '_' => {
                self.at += 1;
                if !c.is_ascii_digit() {
                    while self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_') {
                        self.at += 1;
                    }
                }
                self.open(!quoted);
            }
            _ => self.push('$'),
        }
        Ok(())
    }

    /// `$'…'`. A plain `sh` takes the escapes for text, so most of them make the word twofold.
    fn ansi(&mut self) -> Result<(), Unread> {
        loop {
            match self.next().ok_or(UNTERMINATED)? {
                '\'' => return Ok(()),
                '\\' => match self.next().ok_or(UNTERMINATED)? {
                    // Here a plain `sh` sees the end of the quote.
                    '\'' => return Err("`$'` holds a quote, which not every shell takes for one"),
                    't' => self.push('\t'),
                    'n' => self.push('\n'),
                    other => {
                        self.twofold = true;
                        let c = self.escape(other).ok_or("an escape in `$'` names no character")?;
                        self.push(c);
                    }
                },
                c => self.push(c),
            }
        }
    }

    fn escape(&mut self, first: char) -> Option<char> {
        let (radix, most) = match first {
            'x' => (16, 2),
            'u' => (16, 4),
            'U' => (16, 8),
            '0'..='7' => {
                self.at -= 1;
                (8, 3)
            }
            'a' => return Some('\u{7}'),
            'b' => return Some('\u{8}'),
            'e' | 'E' => return Some('\u{1b}'),
            'f' => return Some('\u{c}'),
            'r' => return Some('\r'),
            'v' => return Some('\u{b}'),
            '\\' | '"' | '?' => return Some(first),
            _ => return None,
        };
        let digits: String = self.rest().chars().take(most).take_while(|c| c.is_digit(radix)).collect();
        self.at += digits.len();
        char::from_u32(u32::from_str_radix(&digits, radix).ok()?)
    }

    /// The code between `$(` and its `)`.
    fn substitution(&mut self, depth: usize) -> Result<String, Unread> {
        let start = self.at;
        self.skip_code(depth + 1)?;
        let code = self.raw.get(start..self.at - 1).unwrap_or_default().to_owned();
        Ok(code)
    }

    /// Skips shell code up to and over the `)` that ends it.
    fn skip_code(&mut self, depth: usize) -> Result<(), Unread> {
        if depth > MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        let mut open = 0_usize;
        let mut word_start = true;
        loop {
            let c = self.next().ok_or(UNTERMINATED)?;
            match c {
                ')' if open == 0 => return Ok(()),
                ')' => open -= 1,
                '(' => open += 1,
                '\\' => drop(self.next().ok_or(UNTERMINATED)?),
                '\'' => self.at += self.rest().find('\'').ok_or(UNTERMINATED)? + 1,
                '"' => self.skip_double(depth)?,
                '`' => self.skip_backticks()?,
                '$' if self.peek() == Some('\'') => return Err("`$'` inside a substitution"),
                '$' => self.skip_dollar(false, depth)?,
                '#' if word_start => return Err("a comment inside a substitution"),
                '<' if self.rest().starts_with('<') && !self.rest().starts_with("<<") => {
                    return Err("a here-document inside a substitution");
                }
                '<' if self.rest().starts_with("<<") => self.at += 2,
                'c' if word_start && self.rest().starts_with("ase") => return Err("`case` inside a substitution"),
                _ => {}
            }
            word_start = matches!(c, ' ' | '\t' | '\n' | ';' | '&' | '|' | '(' | ')' | '`' | '{');
        }
    }

    fn skip_double(&mut self, depth: usize) -> Result<(), Unread> {
        loop {
            match self.next().ok_or(UNTERMINATED)? {
                '"' => return Ok(()),
                '\\' => drop(self.next().ok_or(UNTERMINATED)?),
                '`' => self.skip_backticks()?,
                '$' => self.skip_dollar(true, depth)?,
                _ => {}
            }
        }
    }

    fn skip_dollar(&mut self, quoted: bool, depth: usize) -> Result<(), Unread> {
        if self.skip("((") {
            return self.skip_arithmetic(depth);
        }
        if self.skip("(") {
            return self.skip_code(depth + 1);
        }
        if self.skip("{") {
            // Its code runs as part of the code around it, which is read again on its own.
            let (code, arithmetic) = (self.code.len(), self.arithmetic);
            self.parameter(quoted, depth + 1)?;
            self.code.truncate(code);
            self.arithmetic = arithmetic;
        }
        Ok(())
    }

    fn skip_backticks(&mut self) -> Result<(), Unread> {
        loop {
            match self.next().ok_or(UNTERMINATED)? {
                '`' => return Ok(()),
                '\\' => drop(self.next().ok_or(UNTERMINATED)?),
                _ => {}
            }
        }
    }

    fn backticks(&mut self, quoted: bool) -> Result<(), Unread> {
        let mut code = String::new();
        loop {
            match self.next().ok_or(UNTERMINATED)? {
                '`' => break,
                '\\' => match self.next().ok_or(UNTERMINATED)? {
                    next @ ('`' | '\\' | '$') => code.push(next),
                    '"' if quoted => return Err("an escaped quote in backticks in quotes"),
                    next => {
                        code.push('\\');
                        code.push(next);
                    }
                },
                '"' if quoted => return Err("a quote in backticks in quotes"),
                c => code.push(c),
            }
        }
        self.code.push(code);
        self.open(!quoted);
        Ok(())
    }

    /// `$((…))`: numbers are a number; anything else may run what a variable holds.
    fn arithmetic(&mut self, depth: usize) -> Result<(), Unread> {
        let start = self.at;
        self.skip_arithmetic(depth)?;
        let inside = self.raw.get(start..self.at - 2).unwrap_or_default();
        if !inside.bytes().all(|c| c.is_ascii_digit() || b" +-*/%()<>=!&|^~?:".contains(&c)) {
            self.arithmetic = true;
            self.expansions_in(inside, depth)?;
        }
        // A number; with a sign it would be an option that is one, which changes nothing.
        self.push('0');
        self.open(false);
        Ok(())
    }

    fn skip_arithmetic(&mut self, depth: usize) -> Result<(), Unread> {
        if depth > MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        let mut open = 0_usize;
        loop {
            match self.next().ok_or(UNTERMINATED)? {
                ')' if open == 0 => {
                    return if self.skip(")") { Ok(()) } else { Err("`$((` is a substitution to some shells") };
                }
                ')' => open -= 1,
                '(' => open += 1,
                '$' => self.skip_dollar(true, depth + 1)?,
                c if c.is_ascii_alphanumeric() || " \t_+-*/%<>=!&|^~?:,".contains(c) => {}
                _ => return Err("arithmetic that not every shell reads alike"),
            }
        }
    }

    /// Collects the code of the substitutions in `inside`, a part of `raw` that ended well.
    fn expansions_in(&mut self, inside: &str, depth: usize) -> Result<(), Unread> {
        let mut inner = Reader::new(inside);
        while let Some(c) = inner.next() {
            match c {
                '$' => inner.dollar(true, depth + 1)?,
                '`' => inner.backticks(true)?,
                _ => {}
            }
        }
        self.code.append(&mut inner.code);
        self.arithmetic |= inner.arithmetic;
        Ok(())
    }

    /// `${…}`, after its brace.
    fn parameter(&mut self, quoted: bool, depth: usize) -> Result<(), Unread> {
        if depth > MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        if self.peek() == Some('!') {
            return Err("`${!` names a variable by another");
        }
        // `${#name}` is a length; `${#}` counts.
        let _ = self.skip("#");
        let name_at = self.at;
        match self.peek() {
            Some('@' | '*' | '?' | '$' | '-' | '!') => self.at += 1,
            _ => {
                while self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_') {
                    self.at += 1;
                }
            }
        }
        let name = self.raw.get(name_at..self.at).unwrap_or_default().to_owned();
        if matches!(name.as_str(), "@" | "*") {
            self.open(true);
        }
        if self.skip("[") {
            let end = self.rest().find(']').ok_or(UNTERMINATED)?;
            let index = self.rest().get(..end).unwrap_or_default();
            if !(matches!(index, "@" | "*") || index.bytes().all(|c| c.is_ascii_digit())) {
                return Err("an index that is evaluated");
            }
            self.open(true);
            self.at += end + 1;
        }
        if self.skip("}") {
            return Ok(());
        }
        let operator = self.next().ok_or(UNTERMINATED)?;
        match operator {
            ':' if self.peek().is_some_and(|c| "-=+?".contains(c)) => {
                let assigns = self.next() == Some('=');
                if assigns && crate::environment::redirects_execution(&name) {
                    return Err("an expansion sets a variable that redirects execution");
                }
            }
            ':' => {
                let end = self.rest().find('}').ok_or(UNTERMINATED)?;
                let numbers = self.rest().get(..end).unwrap_or_default();
                if !numbers.bytes().all(|c| c.is_ascii_digit() || b" :-".contains(&c)) {
                    return Err("an offset that is evaluated");
                }
            }
            '=' if crate::environment::redirects_execution(&name) => {
                return Err("an expansion sets a variable that redirects execution");
            }
            '-' | '=' | '+' | '?' | '#' | '%' | '/' | '^' | ',' => {}
            _ => return Err("an expansion that not every shell knows"),
        }
        loop {
            match self.next().ok_or(UNTERMINATED)? {
                '}' => return Ok(()),
                '$' if self.peek().is_some_and(|c| c == '\'' || c == '"') => return Err("a quote inside `${`"),
                '$' => self.dollar(quoted, depth + 1)?,
                '`' => self.backticks(true)?,
                // Whether these quote inside `"${…}"` is where shells disagree.
                '\'' | '"' | '\\' => return Err("a quote inside `${`"),
                '{' => return Err("a brace inside `${`"),
                _ => {}
            }
        }
    }
}
