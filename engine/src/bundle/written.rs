//! Reading TOML that people wrote: every mistake with its place and what was probably meant, not only the first.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::Fault;
use super::nearest::nearest;

/// The codes of what can be wrong with a file of one kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Codes {
    pub(crate) syntax: &'static str,
    pub(crate) key: &'static str,
    pub(crate) value: &'static str,
}

pub(crate) const MANIFEST: Codes = Codes { syntax: "manifest-syntax", key: "manifest-key", value: "manifest-value" };
pub(crate) const CASES: Codes = Codes { syntax: "cases-syntax", key: "cases-key", value: "cases-value" };

const MOST: usize = 100;

/// Reads a document. What is wrong with it is said as a whole: a mistake is taken out of the text and the rest read on.
pub(crate) fn read<T: DeserializeOwned>(file: &str, text: &str, attempt: &str, codes: Codes) -> Result<T, Vec<Fault>> {
    let (_, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let faults = errors.iter().map(|error| {
            let range = error.span().unwrap_or_default();
            Fault::at(file, text, range, format!("{attempt}: {}", error.message())).code(codes.syntax)
        });
        return Err(faults.collect());
    }
    let mut left = text.to_owned();
    let mut faults: Vec<Fault> = Vec::new();
    let mut taken: Vec<Range<usize>> = Vec::new();
    loop {
        let error = match toml::from_str::<T>(&left) {
            Ok(value) if faults.is_empty() => return Ok(value),
            Ok(_) => break,
            Err(error) => error,
        };
        let Some(at) = error.span() else {
            faults.push(fault_of(file, text, attempt, codes, &error));
            break;
        };
        let missing = error.message().starts_with("missing field");
        let out = if missing { table_at(&left, &at) } else { entry_of(&left, &at) };
        // What is missing because it was taken out is our doing, and no further mistake.
        let ours = missing
            && out.as_ref().is_some_and(|out| taken.iter().any(|it| out.start <= it.start && it.end <= out.end));
        if !ours {
            faults.push(fault_of(file, text, attempt, codes, &error));
        }
        match out.filter(|_| faults.len() < MOST).and_then(|out| Some((without(&left, &out)?, out))) {
            Some((rest, out)) => {
                left = rest;
                taken.push(out);
            }
            None => break,
        }
    }
    faults.sort();
    Err(faults)
}

/// A mistake that serde found, with what was probably meant.
pub(crate) fn with_help(fault: Fault) -> Fault {
    let Some(at) = fault.message.find("unknown ") else { return fault };
    let said = fault.message.get(at..).unwrap_or_default().to_owned();
    let mut quoted = said.split('`').skip(1).step_by(2);
    let Some(wrong) = quoted.next() else { return fault };
    let known: Vec<&str> = quoted.collect();
    match nearest(wrong, known.iter().copied()) {
        Some(meant) => fault.help(format!("did you mean `{meant}`?")),
        None if known.is_empty() => fault.help("nothing stands here"),
        None => {
            let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            fault.help(format!("one of {}", known.join(", ")))
        }
    }
}

fn fault_of(file: &str, text: &str, attempt: &str, codes: Codes, error: &Error) -> Fault {
    let said = error.message();
    let code = if said.starts_with("unknown field") { codes.key } else { codes.value };
    let fault = Fault::at(file, text, error.span().unwrap_or_default(), format!("{attempt}: {said}"));
    with_help(fault.code(code))
}

/// The text with a part of it blanked out, so that every other byte stays where it was.
fn without(text: &str, part: &Range<usize>) -> Option<String> {
    let mut end = part.end;
    // An inline table is no table any more with two commas in it.
    let after = text.get(end..)?;
    let gap = after.len() - after.trim_start_matches([' ', '\t']).len();
    if after.get(gap..).is_some_and(|rest| rest.starts_with(',')) {
        end += gap + 1;
    }
    let mut out = text.as_bytes().to_vec();
    for byte in out.get_mut(part.start..end)?.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
    let rest = String::from_utf8(out).ok()?;
    (rest != text && DeTable::parse(&rest).is_ok()).then_some(rest)
}

fn entry_of(text: &str, at: &Range<usize>) -> Option<Range<usize>> {
    let document = DeTable::parse(text).ok()?;
    entry_at(document.get_ref(), at).or_else(|| table_at(text, at))
}

/// The table whose header is at a place, with those below it; or the entry with an inline table that is there.
fn table_at(text: &str, at: &Range<usize>) -> Option<Range<usize>> {
    let begin = text.get(..at.start)?.rfind('\n').map_or(0, |newline| newline + 1);
    let header = |line: &str| {
        Some(line.trim_start().strip_prefix('[')?.trim_start_matches('[').split(']').next()?.trim().to_owned())
    };
    let Some(name) = header(text.get(begin..)?.lines().next()?) else {
        let document = DeTable::parse(text).ok()?;
        return entry_at(document.get_ref(), at);
    };
    let below = format!("{name}.");
    let mut end = begin;
    for (n, line) in text.get(begin..)?.split_inclusive('\n').enumerate() {
        if n > 0 && header(line).is_some_and(|other| !other.starts_with(&below)) {
            break;
        }
        end += line.len();
    }
    Some(begin..end)
}

/// The innermost `key = value` that a place is in.
fn entry_at(table: &DeTable<'_>, at: &Range<usize>) -> Option<Range<usize>> {
    for (key, value) in table {
        let (key_at, value_at) = (key.span(), value.span());
        if key_at == *at {
            // A table with a header has its header for a place, which is not behind its key: it cannot be taken out.
            return (value_at.start >= key_at.end).then_some(key_at.start..value_at.end);
        }
        if let Some(inner) = entry_in(value, at) {
            return Some(inner);
        }
        if value_at.start <= at.start && at.end <= value_at.end && key_at.end <= value_at.start {
            return Some(key_at.start..value_at.end);
        }
    }
    None
}

fn entry_in(value: &Spanned<DeValue<'_>>, at: &Range<usize>) -> Option<Range<usize>> {
    match value.get_ref() {
        DeValue::Table(table) => entry_at(table, at),
        DeValue::Array(items) => items.iter().find_map(|item| entry_in(item, at)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Written {
        #[serde(default)]
        #[expect(dead_code, reason = "only read")]
        case: Vec<One>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct One {
        name: String,
        #[serde(default)]
        level: Option<u32>,
        #[serde(default)]
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Inner {
        tags: Vec<String>,
        #[serde(default)]
        more: bool,
    }

    fn faults(text: &str) -> Vec<(u32, u32, String, String)> {
        let found = read::<Written>("a.cases.toml", text, "not read", CASES).unwrap_err();
        found.into_iter().map(|it| (it.line, it.column, it.code.into(), it.help.unwrap_or_default())).collect()
    }

    #[test]
    fn says_every_slip_with_its_place_and_what_was_meant() {
        let text = "[[case]]\nnmae = 'a'\nlevel = 'high'\n\n[[case]]\nname = 'b'\nlevle = 3\ninner = { tgas = ['x'], more = 1 }\n";
        let said = faults(text);
        let places: Vec<(u32, u32, &str)> = said.iter().map(|it| (it.0, it.1, it.2.as_str())).collect();
        assert_eq!(
            places,
            [
                (2, 1, "cases-key"),
                (3, 9, "cases-value"),
                (7, 1, "cases-key"),
                (8, 11, "cases-key"),
                (8, 32, "cases-value")
            ]
        );
        assert_eq!(said[0].3, "did you mean `name`?");
        assert_eq!(said[3].3, "did you mean `tags`?");
    }

    #[test]
    fn says_every_break_of_the_syntax() {
        let said = faults("[[case]]\nname = \nlevel = @\n");
        assert!(said.len() >= 2 && said.iter().all(|it| it.2 == "cases-syntax"), "{said:?}");
    }

    #[test]
    fn says_what_is_missing_once() {
        let said = faults("[[case]]\nlevel = 1\n");
        assert_eq!(said.len(), 1);
        assert_eq!((said[0].0, said[0].2.as_str()), (1, "cases-value"));
    }

    #[test]
    fn an_unknown_table_is_said_and_the_rest_is_read_on() {
        let said = faults("[moon]\na = 1\n[moon.light]\nb = 2\n[[case]]\nname = 3\n");
        let places: Vec<(u32, &str)> = said.iter().map(|it| (it.0, it.2.as_str())).collect();
        assert_eq!(places, [(1, "cases-key"), (6, "cases-value")]);
    }
}
