//! Whether an awk program only computes and prints. Anything that could write, run or load is not followed further.

use legator_protocol::Level;

use super::Found;

const UNREAD: Found = Found::unread("an awk program that could write or run something");

pub(super) fn inspect(program: &str) -> Found {
    // By text, whatever it is in: a word in a string costs a false alarm, a missed one would cost a host.
    if ["system", "getline", "close", "fflush", "@", "|&", "\\\n"].iter().any(|word| program.contains(word)) {
        return UNREAD;
    }
    if only_prints(program) { Found::read(Level::Observe, "computes and prints") } else { UNREAD }
}

/// No pipe, and no `>` that could be a redirection, outside strings and patterns.
fn only_prints(program: &str) -> bool {
    let mut chars = program.chars().peekable();
    let (mut braces, mut brackets) = (0_usize, 0_usize);
    let mut before = '{';
    while let Some(c) = chars.next() {
        match c {
            '"' => loop {
                match chars.next() {
                    Some('"') => break,
                    Some('\\') => drop(chars.next()),
                    Some('\n') | None => return false,
                    Some(_) => {}
                }
            },
            '/' if "{(,;!~&|\n}".contains(before) => {
                let mut class = false;
                loop {
                    match chars.next() {
                        Some('/') if class => return false,
                        Some('/') => break,
                        Some('[') => class = true,
                        Some(']') => class = false,
                        Some('\\') => drop(chars.next()),
                        Some('\n') | None => return false,
                        Some(_) => {}
                    }
                }
            }
            '#' => while chars.next_if(|c| *c != '\n').is_some() {},
            '{' => braces += 1,
            '}' => braces = braces.saturating_sub(1),
            '(' => brackets += 1,
            ')' => brackets = brackets.saturating_sub(1),
            '|' if chars.next_if_eq(&'|').is_none() => return false,
            // In a pattern or in brackets it compares.
            '>' if braces > 0 && brackets == 0 => return false,
            _ => {}
        }
        if !c.is_whitespace() || c == '\n' {
            before = c;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_programs_that_only_print() {
        for program in [
            "{print $1}",
            "$5 > 80 {print $1}",
            "/error|warn/ {n++} END {print n}",
            "{if ($3 > 5) print}",
            "NR>1 && NF",
            "{ s += $1 } END { print s/NR }",
            "BEGIN { FS=\":\" } $3 >= 1000 { print $1 }",
            "!seen[$0]++",
        ] {
            assert!(inspect(program).read, "{program}");
        }
    }

    #[test]
    fn does_not_read_programs_that_write_or_run() {
        for program in [
            "BEGIN{system(\"id\")}",
            "{print > \"f\"}",
            "{print | \"sh\"}",
            "{\"date\" | getline d}",
            "@load \"x\"",
            "/[/\"]/ {print > \"f\"} /\"/",
            "{print \"a\" >> \"/etc/x\"}",
            "{printf(\"x\") > \"f\"}",
            "{print 1/2 > \"f\" /x/}",
        ] {
            assert!(!inspect(program).read, "{program}");
        }
    }
}
