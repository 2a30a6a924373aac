//! Whether a sed script only edits the stream: no `e`, no `w`, nothing that is not plainly one of the harmless commands.

use legator_protocol::Level;

use super::Found;

const UNREAD: Found = Found::unread("a sed script that could write or run something");

pub(super) fn inspect(script: &str) -> Found {
    if only_edits(script).is_some() { Found::read(Level::Observe, "edits the stream") } else { UNREAD }
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn only_edits(script: &str) -> Option<()> {
    let mut chars = script.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace() || matches!(c, ';' | '{' | '}')).is_some() {}
        if chars.peek().is_none() {
            return Some(());
        }
        address(&mut chars)?;
        while chars.next_if(|c| matches!(c, ' ' | '!' | '\t' | '{' | '}' | ';')).is_some() {}
        match chars.next() {
            Some('p' | 'd' | 'q' | 'Q' | 'n' | 'N' | 'g' | 'G' | 'h' | 'H' | 'x' | 'D' | 'P' | 'l' | '=' | 'z') => {
                while chars.next_if(|c| *c == ' ' || c.is_ascii_digit()).is_some() {}
                ends(&mut chars)?;
            }
            Some('s') => {
                let delimiter = chars.next().filter(|c| *c != '\n' && *c != '\\')?;
                section(&mut chars, delimiter)?;
                section(&mut chars, delimiter)?;
                while chars.next_if(|c| c.is_ascii_digit() || matches!(c, 'g' | 'p' | 'i' | 'I' | 'm' | 'M')).is_some()
                {
                }
                ends(&mut chars)?;
            }
            Some('y') => {
                let delimiter = chars.next().filter(|c| *c != '\n' && *c != '\\')?;
                section(&mut chars, delimiter)?;
                section(&mut chars, delimiter)?;
                ends(&mut chars)?;
            }
            None => return Some(()),
            Some(_) => return None,
        }
    }
}

fn ends(chars: &mut Chars<'_>) -> Option<()> {
    while chars.next_if_eq(&' ').is_some() {}
    match chars.peek() {
        None | Some(';' | '\n' | '}') => Some(()),
        Some(_) => None,
    }
}

/// Up to two addresses: a line, `$`, a pattern, each with a step.
fn address(chars: &mut Chars<'_>) -> Option<()> {
    loop {
        match chars.peek() {
            Some(c) if c.is_ascii_digit() || matches!(c, '$' | ',' | '+' | '~' | ' ') => {
                chars.next();
            }
            Some('/') => {
                chars.next();
                section(chars, '/')?;
                while chars.next_if(|c| matches!(c, 'I')).is_some() {}
            }
            _ => return Some(()),
        }
    }
}

/// Up to and over the delimiter. A class that holds it is where seds disagree.
fn section(chars: &mut Chars<'_>, delimiter: char) -> Option<()> {
    let mut class = false;
    loop {
        match chars.next()? {
            c if c == delimiter => return (!class).then_some(()),
            '\\' => drop(chars.next()?),
            '[' => class = true,
            ']' => class = false,
            '\n' => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_scripts_that_only_edit() {
        for script in [
            "1,10p",
            "s/a/b/",
            "s/a/b/g;s|x|y|gI",
            "/start/,/end/p",
            "$!d",
            "/^#/d",
            "10q",
            "s/[0-9]*//",
            "y/abc/xyz/",
            "$=",
            "",
        ] {
            assert!(inspect(script).read, "{script}");
        }
    }

    #[test]
    fn does_not_read_scripts_that_write_or_run() {
        for script in [
            "1e id",
            "e",
            "w /tmp/x",
            "s/a/b/w /tmp/x",
            "s/a/b/e",
            "s/a/b/ge",
            "r /etc/passwd\n1e",
            "s/[/]/x/e",
            "W f",
            "1{e id\n}",
            "a\\\nfoo",
            "s/a/b/\\\ne",
            "b x;e",
        ] {
            assert!(!inspect(script).read, "{script}");
        }
    }
}
