//! From byte offsets to lines and columns.

use std::ops::Range;

use crate::rationale::Span;

/// The place of a byte range in a text.
pub(crate) fn span(text: &str, range: Range<usize>) -> Span {
    let (line, column) = position(text, range.start);
    let (end_line, end_column) = position(text, range.end.max(range.start));
    Span { line, column, end_line, end_column }
}

fn position(text: &str, offset: usize) -> (u32, u32) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (count(line), count(column))
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters_not_bytes() {
        let text = "é = 1\nçà there";
        let at = text.find("there").unwrap();
        assert_eq!(span(text, at..at + 5), Span { line: 2, column: 4, end_line: 2, end_column: 9 });
    }

    #[test]
    fn an_offset_past_the_end_is_the_end() {
        assert_eq!(span("ab", 7..9), Span { line: 1, column: 3, end_line: 1, end_column: 3 });
    }
}
