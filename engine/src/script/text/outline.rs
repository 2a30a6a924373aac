//! The statements and conditions of a script, from its tokens. It is read loosely: what is not understood is left out.

use std::ops::Range;

use super::lexer::{Kind, Token};

/// Where the parts of a script are. Ranges are of bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    /// Functions by name, with their bodies.
    pub(crate) functions: Vec<(String, Range<usize>)>,
    /// Statements in bodies of functions, with the `;` behind them.
    pub(crate) statements: Vec<Range<usize>>,
    /// What stands after `if` and `while`.
    pub(crate) conditions: Vec<Range<usize>>,
    /// What stands after the `=>` of a `switch`, where it is no block.
    pub(crate) arms: Vec<Range<usize>>,
}

impl Outline {
    /// The function that a place is in.
    pub(crate) fn function_at(&self, at: usize) -> &str {
        let within = self.functions.iter().filter(|(_, body)| body.contains(&at));
        within.min_by_key(|(_, body)| body.len()).map_or("", |(name, _)| name)
    }
}

/// Nesting that no script has; a text that has it is not read further.
const DEEPEST: usize = 200;

pub(crate) fn outline(text: &str, tokens: &[Token]) -> Outline {
    let mut reader = Reader { text, tokens, next: 0, depth: 0, outline: Outline::default() };
    while reader.next < tokens.len() {
        let before = reader.next;
        reader.statement();
        reader.next = reader.next.max(before + 1);
    }
    reader.outline
}

struct Reader<'t> {
    text: &'t str,
    tokens: &'t [Token],
    next: usize,
    /// How many blocks of functions are open.
    depth: usize,
    outline: Outline,
}

impl Reader<'_> {
    fn word(&self) -> &str {
        self.tokens.get(self.next).and_then(|token| self.text.get(token.at.clone())).unwrap_or_default()
    }

    fn kind(&self) -> Option<Kind> {
        self.tokens.get(self.next).map(|token| token.kind)
    }

    fn start(&self) -> usize {
        self.tokens.get(self.next).map_or(self.text.len(), |token| token.at.start)
    }

    /// Where the token before ends.
    fn end(&self) -> usize {
        let before = self.next.checked_sub(1).and_then(|n| self.tokens.get(n));
        before.map_or(0, |token| token.at.end)
    }

    fn is(&self, symbol: &str) -> bool {
        self.word() == symbol && self.kind() != Some(Kind::Text)
    }

    fn take(&mut self, symbol: &str) -> bool {
        let is = self.is(symbol);
        self.next += usize::from(is);
        is
    }

    fn function(&mut self) {
        self.next += 1;
        let name = self.word().to_owned();
        while self.next < self.tokens.len() && !self.is("{") {
            self.next += 1;
        }
        let start = self.start();
        self.block(true);
        self.outline.functions.push((name, start..self.end()));
    }

    /// From its brace to the one that closes it.
    fn block(&mut self, of_function: bool) {
        if !self.take("{") || self.depth > DEEPEST {
            return;
        }
        self.depth += usize::from(of_function || self.depth > 0);
        while self.next < self.tokens.len() && !self.is("}") {
            let before = self.next;
            self.statement();
            self.next = self.next.max(before + 1);
        }
        self.depth -= usize::from(self.depth > 0);
        self.take("}");
    }

    fn statement(&mut self) {
        if self.take(";") {
            return;
        }
        if self.is("private") || self.is("fn") {
            self.take("private");
            return self.function();
        }
        let start = self.start();
        let place = self.outline.statements.len();
        match self.word() {
            "if" => self.branch(),
            "while" => self.circle(),
            "loop" | "try" => self.next += 1,
            "switch" => self.switch(),
            "for" => self.header(),
            "do" => {
                self.next += 1;
                self.block(false);
                self.next += 1;
                self.condition();
            }
            _ => self.expression(false),
        }
        if self.is("{") {
            self.block(false);
        }
        if self.take("catch") {
            while self.next < self.tokens.len() && !self.is("{") {
                self.next += 1;
            }
            self.block(false);
        }
        self.take(";");
        if self.depth > 0 && self.end() > start {
            self.outline.statements.insert(place, start..self.end());
        }
    }

    /// `if a { } else if b { } else { }`
    fn branch(&mut self) {
        self.next += 1;
        self.condition();
        self.block(false);
        while self.take("else") {
            if self.is("if") {
                self.next += 1;
                self.condition();
            }
            self.block(false);
        }
    }

    fn circle(&mut self) {
        self.next += 1;
        self.condition();
        self.block(false);
    }

    /// `for n in things`
    fn header(&mut self) {
        self.next += 1;
        while self.next < self.tokens.len() && !self.is("in") && !self.is("{") {
            self.next += 1;
        }
        self.take("in");
        self.up_to_block();
    }

    fn condition(&mut self) {
        let start = self.start();
        self.up_to_block();
        if self.end() > start {
            self.outline.conditions.push(start..self.end());
        }
    }

    /// To the brace of the block behind, or to the `;`.
    fn up_to_block(&mut self) {
        let mut open = 0_usize;
        while self.next < self.tokens.len() {
            match self.word() {
                _ if self.kind() == Some(Kind::Text) => {}
                "(" | "[" | "?[" | "#{" => open += 1,
                "{" if open > 0 => {
                    self.block(false);
                    continue;
                }
                ")" | "]" | "}" if open > 0 => open -= 1,
                "{" | ";" | "}" if open == 0 => return,
                _ => {}
            }
            self.next += 1;
        }
    }

    /// `switch x { 1 => a, 2 if b => { } _ => c }`
    fn switch(&mut self) {
        self.next += 1;
        self.up_to_block();
        if !self.take("{") {
            return;
        }
        while self.next < self.tokens.len() && !self.is("}") {
            while self.next < self.tokens.len() && !self.is("=>") && !self.is("}") {
                self.next += 1;
            }
            if !self.take("=>") {
                break;
            }
            let start = self.start();
            if self.is("{") {
                self.block(false);
            } else {
                self.expression(true);
                if self.depth > 0 && self.end() > start {
                    self.outline.arms.push(start..self.end());
                }
            }
            self.take(",");
        }
        self.take("}");
    }

    /// To the `;` or the brace that ends it, and in an arm to the comma.
    fn expression(&mut self, in_arm: bool) {
        let mut open = 0_usize;
        while self.next < self.tokens.len() {
            if self.kind() == Some(Kind::Text) {
                self.next += 1;
                continue;
            }
            match self.word() {
                "if" => {
                    self.branch();
                    continue;
                }
                "switch" => {
                    self.switch();
                    continue;
                }
                "while" => {
                    self.circle();
                    continue;
                }
                "{" => {
                    self.block(false);
                    continue;
                }
                "(" | "[" | "?[" | "#{" => open += 1,
                ")" | "]" | "}" if open > 0 => open -= 1,
                ";" | "}" | ")" | "]" if open == 0 => return,
                "," if open == 0 && in_arm => return,
                _ => {}
            }
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lexer::tokens;
    use super::*;

    fn read(text: &str) -> (Vec<&str>, Vec<&str>, Vec<&str>) {
        let found = outline(text, &tokens(text));
        let of = |ranges: &[Range<usize>]| ranges.iter().map(|range| &text[range.clone()]).collect::<Vec<_>>();
        (of(&found.statements), of(&found.conditions), of(&found.arms))
    }

    #[test]
    fn finds_statements_and_conditions_however_deep() {
        let text = "fn f(a) { let b = #{ c: [1, 2] }; if a > b.c && g(#{ d: 1 }) { return 1; } else if x { y() } z }";
        let (statements, conditions, _) = read(text);
        assert_eq!(
            statements,
            [
                "let b = #{ c: [1, 2] };",
                "if a > b.c && g(#{ d: 1 }) { return 1; } else if x { y() }",
                "return 1;",
                "y()",
                "z",
            ]
        );
        assert_eq!(conditions, ["a > b.c && g(#{ d: 1 })", "x"]);
    }

    #[test]
    fn reads_loops_switches_closures_and_catches() {
        let text = "fn f() { for n in g([1]) { h(n); } while a { b } loop { break; } do { c } while d; \
                    let s = switch e { 1 => i, 2 if j => { k } _ => return l }; try { m } catch (err) { o } \
                    p.map(|q| { r }); }";
        let (statements, conditions, arms) = read(text);
        for wanted in ["h(n);", "b", "break;", "c", "k", "m", "o", "r"] {
            assert!(statements.contains(&wanted), "{wanted}: {statements:?}");
        }
        assert_eq!(conditions, ["a", "d"]);
        assert_eq!(arms, ["i", "return l"]);
    }

    #[test]
    fn a_text_that_is_no_script_is_read_to_its_end() {
        for text in ["fn {{{", "}}}", "if", "switch { =>", "fn f( { ) }", "((((", "do", "fn f() { #{ "] {
            outline(text, &tokens(text));
        }
    }
}
