//! From byte offsets to lines and columns.

use std::ops::Range;

use crate::rationale::Span;

/// A text that knows where its lines begin, so that a place is found without reading the text again.
pub(crate) struct Source<'t> {
    pub(crate) text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Source<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self { text, starts: std::iter::once(0).chain(ends.map(|(n, _)| n + 1)).collect() }
    }

    /// The place of a byte range.
    pub(crate) fn span(&self, range: Range<usize>) -> Span {
        let (line, column) = self.position(range.start);
        let (end_line, end_column) = self.position(range.end.max(range.start));
        Span { line, column, end_line, end_column }
    }

    /// The text of a byte range, without the white space around it.
    pub(crate) fn slice(&self, range: Range<usize>) -> String {
        self.text.get(range).unwrap_or_default().trim().to_owned()
    }

    fn position(&self, offset: usize) -> (u32, u32) {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let line = self.starts.partition_point(|start| *start <= end);
        let start = line.checked_sub(1).and_then(|n| self.starts.get(n)).copied().unwrap_or_default();
        let column = self.text.get(start..end).map_or(0, |before| before.chars().count()) + 1;
        (count(line), count(column))
    }
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
        assert_eq!(Source::new(text).span(at..at + 5), Span { line: 2, column: 4, end_line: 2, end_column: 9 });
    }

    #[test]
    fn an_offset_past_the_end_is_the_end() {
        assert_eq!(Source::new("ab").span(7..9), Span { line: 1, column: 3, end_line: 1, end_column: 3 });
    }
}
