//! Looks over a line before the grammar sees it: what could make it go deep, take long, or end a word elsewhere is refused.

use brush_parser::{ParserOptions, Token};

use crate::arg::Arg;
use crate::word::Unread;

/// Longer lines are not parsed.
const MAX_LINE: usize = 16 * 1024;
/// How many expansions a line may open; the tokenizer goes one deeper for each that is nested.
const MAX_EXPANSIONS: usize = 64;
/// How many subscripts and expansions that are not of a plain form a line may hold that has an expansion.
const MAX_ODD: usize = 2;
/// How many brackets without a `$` before them a line may hold that has an expansion and a subscript.
const MAX_BARE: usize = 8;
/// How many brackets and reserved words a line may hold.
const MAX_COMPOUND: usize = 48;

/// `sh` has no extended globs, and a shell that is not interactive has them switched off: `!(…)` is a subshell.
pub(super) fn options() -> ParserOptions {
    ParserOptions { enable_extended_globbing: false, ..ParserOptions::default() }
}

/// The words of a line that is nothing but words: no quote, no expansion, no operator, no reserved word.
pub(super) fn plain_words(code: &str) -> Option<Vec<Arg<'_>>> {
    if !code.bytes().all(|c| c.is_ascii_alphanumeric() || b" -_./:=@%+,".contains(&c)) {
        return None;
    }
    let words: Vec<Arg<'_>> = code.split(' ').filter(|word| !word.is_empty()).map(Arg::exact).collect();
    let first = words.first()?;
    (!first.text.contains('=') && !is_reserved(&first.text)).then_some(words)
}

fn is_reserved(word: &str) -> bool {
    matches!(
        word,
        "if" | "then"
            | "else"
            | "elif"
            | "fi"
            | "do"
            | "done"
            | "case"
            | "esac"
            | "while"
            | "until"
            | "for"
            | "in"
            | "function"
            | "select"
            | "coproc"
            | "time"
            | "{"
            | "}"
            | "!"
            | "[["
            | "]]"
    )
}

/// The tokens of a line, if the grammar can take them without going deep or back and forth.
pub(super) fn tokens(code: &str) -> Result<Vec<Token>, Unread> {
    if code.len() > MAX_LINE {
        return Err("it is too long");
    }
    let expansions = code.matches("$(").count() + code.matches("${").count() + code.matches("$[").count();
    if expansions > MAX_EXPANSIONS {
        return Err("it has too many expansions");
    }
    if documents_and_expansions_mix(code) {
        return Err("a here-document beside an expansion");
    }
    if expansions > 0 || code.contains('`') {
        if n_bare_brackets(code) > MAX_BARE && holds_a_subscript(code) {
            return Err("too many brackets beside a subscript");
        }
        if n_odd(code.as_bytes()) > MAX_ODD {
            return Err("too many subscripts and expansions of an unusual form");
        }
    }
    if !documents_have_delimiters(code) {
        return Err("a here-document whose delimiter is not plain");
    }
    // Where a comment ends a line, a bracket in it would not count for the shell but would for the reader of the word.
    if (expansions > 0 || code.contains(['`', '<'])) && holds_a_comment(code) {
        return Err("a comment beside an expansion");
    }
    let tokens =
        brush_parser::uncached_tokenize_str(code, &options().tokenizer_options()).map_err(|_| "it does not parse")?;
    let (mut compound, mut documents, mut after_bracket) = (0, 0, false);
    for (index, token) in tokens.iter().enumerate() {
        let bracket = matches!(token, Token::Operator(operator, _) if operator == "(");
        match token {
            // The grammar goes back and forth exponentially over these.
            _ if bracket && after_bracket => return Err("two brackets in a row"),
            Token::Operator(operator, _) => {
                compound += usize::from(bracket);
                if operator == "<<" || operator == "<<-" {
                    documents += 1;
                    check_document(code, operator == "<<-", tokens.get(index + 1))?;
                }
            }
            // The grammar takes digits before a redirection for a descriptor, and cannot hold a long one.
            Token::Word(word, _)
                if word.len() > 9
                    && word.bytes().all(|c| c.is_ascii_digit())
                    && matches!(tokens.get(index + 1), Some(Token::Operator(next, _)) if next.starts_with(['<', '>'])) =>
            {
                return Err("a descriptor that is too large");
            }
            Token::Word(word, _) => compound += usize::from(is_reserved(word)),
        }
        after_bracket = bracket;
    }
    if documents > 1 {
        return Err("more than one here-document");
    }
    if compound > MAX_COMPOUND {
        return Err("too many compound commands");
    }
    Ok(tokens)
}

/// Whether a here-document may begin inside an expansion, where the tokenizer loses its place. An expansion in the only
/// document's body is fine.
fn documents_and_expansions_mix(code: &str) -> bool {
    let mut starts = Vec::new();
    let mut run = 0;
    for (at, c) in code.char_indices().chain([(code.len(), '\n')]) {
        if c == '<' {
            run += 1;
        } else {
            if run == 2 || run > 3 {
                starts.push(at);
            }
            run = 0;
        }
    }
    let Some(first) = starts.first() else { return false };
    let is_expansion =
        |text: &str| text.contains("$(") || text.contains("${") || text.contains("$[") || text.contains('`');
    let (before, after) = code.split_at(*first);
    let line_end = after.find('\n').unwrap_or(after.len());
    is_expansion(before)
        || is_expansion(after.get(..line_end).unwrap_or(after))
        || starts.len() > 1 && is_expansion(after)
}

/// Whether each here-document names a delimiter that is not empty once it is unquoted. Over an empty one (`<<''`) the
/// tokenizer looks for the document's end for ever, and keeps what it finds. In doubt it is none.
fn documents_have_delimiters(code: &str) -> bool {
    let bytes = code.as_bytes();
    let is = |at: usize, wanted: u8| bytes.get(at) == Some(&wanted);
    let (mut quote, mut documents, mut at) = (None, false, 0);
    while let Some(&c) = bytes.get(at) {
        let run = bytes.get(at..).unwrap_or_default().iter().take_while(|c| **c == b'<').count();
        let escaped = at > 0 && is(at - 1, b'\\');
        match (quote, c) {
            // `\<<<` is a document behind a `<` that is none, and `<` with the rest of it on the next line may be one.
            (_, b'<') if run > 1 && escaped || is(at + run, b'\\') && is(at + run + 1, b'\n') => return false,
            // In a document's body a quote means nothing, so behind the first document every `<<` counts as one.
            (_, b'<') if documents && run > 1 || quote.is_none() && (run == 2 || run > 3) => {
                documents = true;
                if !begins_with_a_delimiter(bytes.get(at + run..).unwrap_or_default()) {
                    return false;
                }
            }
            // Inside `$'…'` a backslash counts, and whether it is one hangs on what is before the dollar.
            (None, b'\'') if at > 0 && is(at - 1, b'$') => return !code.contains("<<"),
            (None, b'\'' | b'"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None | Some(b'"'), b'\\') if !documents && !is(at + 1, b'<') => at += 1,
            _ => {}
        }
        at += run.max(1);
    }
    true
}

/// Whether this begins with a letter, a digit or `_`, alone or behind a quote, after what may stand before a delimiter.
fn begins_with_a_delimiter(after: &[u8]) -> bool {
    let after = after.strip_prefix(b"-").unwrap_or(after);
    let blanks = after.iter().take_while(|c| matches!(c, b' ' | b'\t')).count();
    let word = after.get(blanks..).unwrap_or_default();
    let word = word.strip_prefix(b"'").or_else(|| word.strip_prefix(b"\"")).unwrap_or(word);
    word.first().is_some_and(|c| c.is_ascii_alphanumeric() || *c == b'_')
}

/// Brackets that begin no expansion. In a subscript the reader of a word takes each of them in two ways, one inside the
/// other: `e[$(()$[((((` costs twice as much for each.
fn n_bare_brackets(code: &str) -> usize {
    code.as_bytes().windows(2).filter(|pair| pair[1] == b'(' && pair[0] != b'$').count()
}

/// How many subscripts and expansions are not plainly of the form in which they end. The reader of words tries each that
/// does not end as the beginning of several things, and everything behind it again for each of them.
fn n_odd(code: &[u8]) -> usize {
    let at = |at: usize| code.get(at).copied().unwrap_or_default();
    let plain = |from: usize, ends: &[u8], also: &[u8]| {
        let rest = code.get(from..).unwrap_or_default();
        let length = rest.iter().take_while(|c| is_of_a_name(**c) || also.contains(c)).count();
        rest.get(length..).unwrap_or_default().starts_with(ends)
    };
    let odd = |here: usize| match (at(here), at(here + 1), at(here + 2)) {
        (b'$', b'(', b'(') => !ends_plainly(code.get(here + 3..).unwrap_or_default()),
        (b'$', b'[', _) => !plain(here + 2, b"]", b" $+-*/%<>=!&|?:,^~"),
        (b'$', b'{', _) => {
            let from = here + 2 + usize::from(matches!(at(here + 2), b'!' | b'#'));
            let name = code.get(from..).unwrap_or_default().iter().take_while(|c| is_of_a_name(**c)).count();
            match (at(from + name), at(from + name + 1)) {
                (b'}' | b'[' | b'-' | b'=' | b'?' | b'+' | b'#' | b'%' | b'/' | b'^' | b',' | b'@', _)
                | (b':', b'-' | b'=' | b'?' | b'+') => false,
                (b':', _) => !plain(from + name + 1, b"}", b" :$+-"),
                _ => true,
            }
        }
        (before, b'[', _) if of_a_name(before) => !plain(here + 2, b"]", b" @*+-^!.,:%/$#?~="),
        _ => false,
    };
    (0..code.len()).filter(|here| odd(*here)).count()
}

/// Whether an arithmetic expansion has its end behind nothing but names, numbers, operators and brackets in pairs.
fn ends_plainly(inside: &[u8]) -> bool {
    let mut open = 0_usize;
    for (at, c) in inside.iter().enumerate() {
        match c {
            b'(' => open += 1,
            b')' if open == 0 => return inside.get(at + 1) == Some(&b')'),
            b')' => open -= 1,
            c if is_of_a_name(*c) || b" $+-*/%<>=!&|?:,^~".contains(c) => {}
            _ => return false,
        }
    }
    false
}

const fn is_of_a_name(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'_'
}

/// What may stand before the bracket of a subscript.
fn of_a_name(c: u8) -> bool {
    is_of_a_name(c) || b"]}".contains(&c) || !c.is_ascii()
}

/// `name[`, or the arithmetic of old, `$[`.
fn holds_a_subscript(code: &str) -> bool {
    code.as_bytes().windows(2).any(|pair| pair[1] == b'[' && (pair[0] == b'$' || of_a_name(pair[0])))
}

fn holds_a_comment(code: &str) -> bool {
    let mut before = ' ';
    for c in code.chars() {
        if c == '#' && (before.is_whitespace() || ";&|()`".contains(before)) {
            return true;
        }
        before = c;
    }
    false
}

/// A delimiter that every shell reads alike, and that ends the document where the tokenizer thinks it does.
fn check_document(code: &str, strips_tabs: bool, tag: Option<&Token>) -> Result<(), Unread> {
    let Some(Token::Word(tag, _)) = tag else { return Err("a here-document without a delimiter") };
    let tag = tag.trim();
    let bare = [('\'', '\''), ('"', '"')]
        .iter()
        .find_map(|(open, close)| tag.strip_prefix(*open)?.strip_suffix(*close))
        .unwrap_or(tag);
    if bare.is_empty() || !bare.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_') {
        return Err("a here-document whose delimiter is not plain");
    }
    // Exactly one line may be the delimiter.
    let is_end = |line: &&str| if strips_tabs { line.trim_start_matches('\t') == bare } else { *line == bare };
    if code.split('\n').skip(1).filter(is_end).count() != 1 {
        return Err("a here-document that does not end once");
    }
    Ok(())
}
