//! Results of cases as JUnit XML, which build servers show.

use legator_engine::Report;

use super::test::told;

/// One suite for each file of cases.
pub fn xml(report: &Report) -> String {
    let told: Vec<_> = told(report).collect();
    let failed = told.iter().filter(|case| !case.problems.is_empty()).count();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    out.push_str(&format!("<testsuites name=\"bundle\" tests=\"{}\" failures=\"{failed}\">\n", told.len()));
    for cases in told.chunk_by(|one, next| one.file == next.file) {
        let Some(first) = cases.first() else { continue };
        let failed = cases.iter().filter(|case| !case.problems.is_empty()).count();
        let file = quoted(first.file);
        out.push_str(&format!("  <testsuite name=\"{file}\" tests=\"{}\" failures=\"{failed}\">\n", cases.len()));
        for case in cases {
            let (name, line) = (quoted(case.name), case.line);
            out.push_str(&format!(
                "    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\" line=\"{line}\""
            ));
            if case.problems.is_empty() {
                out.push_str("/>\n");
                continue;
            }
            let message = quoted(&case.problems.join("; "));
            let body = quoted(&case.explanation().join("\n"));
            out.push_str(&format!(">\n      <failure message=\"{message}\">{body}</failure>\n    </testcase>\n"));
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// Text as XML takes it; what XML cannot hold at all becomes a question mark.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(letter),
            _ if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => out.push('?'),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn what_xml_cannot_hold_does_not_get_into_it() {
        assert_eq!(quoted("a < \"b\" & c\u{1b}[0m"), "a &lt; &quot;b&quot; &amp; c?[0m");
    }
}
