//! One layout for policies and TOML, so that a review sees what changed and not how it was typed.
//! Never: changes a meaning or loses a comment. What comes out is read again and compared before it is given.

use cedar_policy_core::parser::parse_policyset;
use cedar_policy_formatter::{Config, policies_str_to_pretty};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value};

use super::links::is_template;
use super::{Part, plain};
use crate::guard::depth;

/// Why a file was left as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatFault {
    #[error("`{0}` is not UTF-8 text")]
    NotText(String),
    #[error("`{file}` cannot be read: {why}; `legatorctl bundle check` says where")]
    Unreadable { file: String, why: String },
    #[error("formatting `{0}` would change what it says or lose a comment, so it is left as it is; please report it")]
    Altered(String),
}

const WIDTH: usize = 100;
const INDENT: isize = 4;

/// The file as it is laid out, or nothing for a file that is left alone: the schema, scripts, and what is no bundle's.
pub fn format(path: &str, bytes: &[u8]) -> Result<Option<String>, FormatFault> {
    let Some(part) = Part::of(path) else { return Ok(None) };
    let text = String::from_utf8(plain(bytes).into_owned()).map_err(|_| FormatFault::NotText(path.to_owned()))?;
    match part {
        // What a template says is compared by nothing here, so it is not touched.
        Part::Policies if is_template(path) => Ok(None),
        Part::Policies => policies(path, &text).map(Some),
        Part::Manifest
        | Part::Links
        | Part::Commands
        | Part::PolicyCases
        | Part::CommandCases
        | Part::ScriptCases(_) => document(path, &text).map(Some),
        // Nobody keeps a formatter for Rhai, and the schema's formatter loses comments.
        Part::Schema | Part::Script(_) => Ok(None),
    }
}

fn policies(file: &str, text: &str) -> Result<String, FormatFault> {
    let unreadable = |why: String| FormatFault::Unreadable { file: file.to_owned(), why };
    if let Some(fault) = depth::too_deep(file, text, depth::Text::Policies) {
        return Err(unreadable(fault.message));
    }
    let before = parse_policyset(text).map_err(|errors| unreadable(errors.to_string()))?;
    if before.is_empty() {
        return Ok(tidy(text));
    }
    let config = Config { line_width: WIDTH, indent_width: INDENT };
    let laid_out = tidy(&policies_str_to_pretty(text, &config).map_err(|error| unreadable(error.to_string()))?);
    let after = parse_policyset(&laid_out).map_err(|_| FormatFault::Altered(file.to_owned()))?;
    let mut policies = before.policies().zip(after.policies());
    let same = before.policies().count() == after.policies().count()
        && policies.all(|(one, other)| {
            let annotations = one.annotations().map(|(key, value)| (key, &value.val));
            one.effect() == other.effect()
                && one.condition().eq_shape(&other.condition())
                && annotations.eq(other.annotations().map(|(key, value)| (key, &value.val)))
        });
    match same && comments(text, "//") == comments(&laid_out, "//") {
        true => Ok(laid_out),
        false => Err(FormatFault::Altered(file.to_owned())),
    }
}

fn document(file: &str, text: &str) -> Result<String, FormatFault> {
    let unreadable = |why: String| FormatFault::Unreadable { file: file.to_owned(), why };
    let mut document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| unreadable(error.message().to_owned()))?;
    table(document.as_table_mut());
    let laid_out = tidy(&document.to_string());
    let read = |text: &str| text.parse::<toml::Table>().ok();
    match read(text) == read(&laid_out) && comments(text, "#") == comments(&laid_out, "#") {
        true => Ok(laid_out),
        false => Err(FormatFault::Altered(file.to_owned())),
    }
}

/// `key = value` with one space on both sides, all the way down. What stands before and behind stays.
fn table(table: &mut Table) {
    for (mut key, item) in table.iter_mut() {
        match item {
            Item::Value(inner) => {
                let decor = key.leaf_decor_mut();
                decor.set_suffix(" ");
                let before = decor.prefix().and_then(|raw| raw.as_str()).unwrap_or_default();
                let kept = before.trim_end_matches([' ', '\t']).to_owned();
                decor.set_prefix(kept);
                inner.decor_mut().set_prefix(" ");
                value(inner);
            }
            Item::Table(below) => self::table(below),
            Item::ArrayOfTables(all) => all.iter_mut().for_each(self::table),
            Item::None => {}
        }
    }
}

fn value(value: &mut Value) {
    match value {
        Value::InlineTable(inner) => inline(inner),
        Value::Array(items) => array(items),
        _ => {}
    }
}

fn inline(table: &mut InlineTable) {
    if table.to_string().contains(['#', '\n']) {
        return;
    }
    let last = table.len().saturating_sub(1);
    for (n, (mut key, item)) in table.iter_mut().enumerate() {
        let decor = key.leaf_decor_mut();
        decor.set_prefix(" ");
        decor.set_suffix(" ");
        item.decor_mut().set_prefix(" ");
        item.decor_mut().set_suffix(if n == last { " " } else { "" });
        value(item);
    }
}

/// A list on one line has one space behind each comma. A list on many lines is laid out by whoever wrote it.
fn array(items: &mut Array) {
    if items.to_string().contains(['#', '\n']) {
        return;
    }
    for (n, item) in items.iter_mut().enumerate() {
        item.decor_mut().set_prefix(if n == 0 { "" } else { " " });
        item.decor_mut().set_suffix("");
        value(item);
    }
    items.set_trailing("");
    items.set_trailing_comma(false);
}

/// No white space where lines end, at most one empty line between others, and one newline at the end. Lines within a
/// text of several lines are left alone, because they are what it says.
fn tidy(text: &str) -> String {
    if text.contains("\"\"\"") || text.contains("'''") {
        return format!("{}\n", text.trim_end_matches('\n'));
    }
    let mut out = String::with_capacity(text.len());
    let mut empty = true;
    for line in text.lines().map(str::trim_end) {
        if line.is_empty() && empty {
            continue;
        }
        empty = line.is_empty();
        out.push_str(line);
        out.push('\n');
    }
    let end = out.trim_end().len();
    out.truncate(end);
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// The text of every comment, in order. A mark within a string counts too; it has to stay as well.
fn comments<'t>(text: &'t str, mark: &str) -> Vec<&'t str> {
    text.lines().filter_map(|line| line.split_once(mark)).map(|(_, said)| said.trim()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_out(path: &str, text: &str) -> String {
        let once = format(path, text.as_bytes()).unwrap().unwrap();
        assert_eq!(format(path, once.as_bytes()).unwrap().unwrap(), once, "a second time changes nothing");
        once
    }

    #[test]
    fn lays_out_policies_and_keeps_their_comments() {
        let text = "// Why.\r\n@id(\"a\")@rationale(\"A.\")\r\npermit(principal,action,resource)when{context.mfa// here\n};\n\n\n";
        let said = laid_out("policies/a.cedar", text);
        assert!(
            said.starts_with("// Why.\n@id(\"a\")\n@rationale(\"A.\")\npermit (principal, action, resource)\n"),
            "{said}"
        );
        assert!(said.contains("// here") && said.ends_with(";\n"), "{said}");
    }

    #[test]
    fn lays_out_toml_and_keeps_its_comments() {
        let text = "# Top.\nname='a'   # why\n\n\n\n[[case]]\n  probe={tags=[ 'a','b' ],site = 's'}\nlist = [\n  1,   # one\n  2\n]\n\n";
        assert_eq!(
            laid_out("policies/a.cases.toml", text),
            "# Top.\nname = 'a'   # why\n\n[[case]]\nprobe = { tags = ['a', 'b'], site = 's' }\nlist = [\n  1,   # one\n  2\n]\n"
        );
    }

    #[test]
    fn a_text_of_several_lines_stays_as_it_is() {
        let text = "name = '''\n  a  \n\n\n  b'''\n";
        assert_eq!(laid_out("bundle.toml", text), text);
    }

    #[test]
    fn leaves_alone_what_it_does_not_know_and_says_what_it_cannot_read() {
        assert_eq!(format("scripts/admission/a.rhai", b"fn  admit"), Ok(None));
        assert_eq!(format("policies/schema.cedarschema", b"entity  User;"), Ok(None));
        assert_eq!(format("README.md", b"x"), Ok(None));
        assert!(matches!(format("policies/a.cedar", b"permit ("), Err(FormatFault::Unreadable { .. })));
        assert!(matches!(format("bundle.toml", b"name ="), Err(FormatFault::Unreadable { .. })));
        assert!(matches!(format("bundle.toml", b"\xff"), Err(FormatFault::NotText(_))));
    }

    #[test]
    fn what_ships_keeps_its_meaning() {
        for (path, bytes) in super::super::Bundle::shipped() {
            let said = format(&path, &bytes).unwrap_or_else(|fault| panic!("{fault}"));
            if let Some(said) = said {
                laid_out(&path, &said);
            }
        }
    }
}
