//! What others wrote, made harmless for a terminal: no cursor games, no title changes, no reversed text.

/// One line of text for a table or a message: control and direction characters are shown, not obeyed.
pub fn line(text: &str) -> String {
    text.chars()
        .flat_map(|c| if is_active(c) { Shown::Escaped(c.escape_unicode()) } else { Shown::Plain(Some(c)) })
        .collect()
}

/// Several lines: newlines stay.
pub fn lines(text: &str) -> String {
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

enum Shown {
    Plain(Option<char>),
    Escaped(std::char::EscapeUnicode),
}

impl Iterator for Shown {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self {
            Self::Plain(c) => c.take(),
            Self::Escaped(escape) => escape.next(),
        }
    }
}

fn is_active(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Longest control sequence that is looked at as a whole; ours are a few bytes.
const LONGEST_SEQUENCE: usize = 64;

/// Lets a program's output through to a terminal: text, newlines, tabs and colours; nothing else that a terminal obeys.
/// Bytes come in pieces, and a sequence may begin in one and end in the next.
#[derive(Debug, Default)]
pub struct Sieve {
    state: Within,
    held: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Within {
    #[default]
    Text,
    Escape,
    Sequence,
    /// A string that ends with BEL or `ESC \`: titles, clipboard writes.
    Words,
    WordsEscape,
    /// After 0xC2, which begins the eight-bit control characters in UTF-8.
    Eight,
}

impl Sieve {
    pub fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            self.step(byte, &mut out);
        }
        out
    }

    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.state = match self.state {
            Within::Text => match byte {
                0x1b => Within::Escape,
                0xc2 => Within::Eight,
                b'\n' | b'\t' | b'\r' => self.text(byte, out),
                0x00..=0x1f | 0x7f => Within::Text,
                _ => self.text(byte, out),
            },
            Within::Eight => match byte {
                0x9b => self.begin(),
                0x90 | 0x98 | 0x9d..=0x9f => Within::Words,
                0x80..=0x9f => Within::Text,
                _ => {
                    out.push(0xc2);
                    self.state = Within::Text;
                    return self.step(byte, out);
                }
            },
            Within::Escape => match byte {
                b'[' => self.begin(),
                b']' | b'P' | b'X' | b'^' | b'_' => Within::Words,
                0x20..=0x2f => Within::Escape,
                _ => Within::Text,
            },
            Within::Sequence => match byte {
                0x20..=0x3f if self.held.len() < LONGEST_SEQUENCE => {
                    self.held.push(byte);
                    Within::Sequence
                }
                b'm' if self.held.iter().all(|b| b.is_ascii_digit() || matches!(b, b';' | b':')) => {
                    out.extend_from_slice(b"\x1b[");
                    out.append(&mut self.held);
                    self.text(b'm', out)
                }
                _ => Within::Text,
            },
            Within::Words => match byte {
                0x07 => Within::Text,
                0x1b => Within::WordsEscape,
                _ => Within::Words,
            },
            Within::WordsEscape => {
                if byte == b'\\' {
                    Within::Text
                } else {
                    Within::Words
                }
            }
        };
    }

    fn text(&mut self, byte: u8, out: &mut Vec<u8>) -> Within {
        out.push(byte);
        Within::Text
    }

    fn begin(&mut self) -> Within {
        self.held.clear();
        Within::Sequence
    }
}

#[cfg(test)]
mod tests {
    use super::{Sieve, line};

    fn sieved(text: &str) -> String {
        String::from_utf8(Sieve::default().pass(text.as_bytes())).unwrap()
    }

    #[test]
    fn shows_control_and_direction_characters_in_lines() {
        assert_eq!(line("a\u{1b}[2Jb\u{202e}c\n"), "a\\u{1b}[2Jb\\u{202e}c\\u{a}");
        assert_eq!(line("grün → ✓"), "grün → ✓");
    }

    #[test]
    fn keeps_colours_and_drops_every_other_sequence() {
        assert_eq!(sieved("\u{1b}[1;31mred\u{1b}[0m\n"), "\u{1b}[1;31mred\u{1b}[0m\n");
        assert_eq!(sieved("a\u{1b}[2J\u{1b}[Hb\u{7}\u{8}c"), "abc");
        assert_eq!(sieved("a\u{1b}]0;title\u{7}b\u{1b}]52;c;AAAA\u{1b}\\c"), "abc");
        assert_eq!(sieved("a\u{9b}2Jb\u{9d}x\u{7}c"), "abc");
    }

    #[test]
    fn drops_a_sequence_that_comes_in_two_pieces() {
        let mut sieve = Sieve::default();
        let mut out = sieve.pass(b"a\x1b[");
        out.extend(sieve.pass(b"2Jb"));
        assert_eq!(out, b"ab");
    }

    #[test]
    fn leaves_letters_of_other_scripts_alone() {
        assert_eq!(sieved("§ é 日本 \u{a0}"), "§ é 日本 \u{a0}");
    }
}
