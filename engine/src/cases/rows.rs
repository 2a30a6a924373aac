//! Tables of cases: one case and many rows, where a row says only what is different.

use serde::de::DeserializeOwned;
use toml::{Spanned, Table, Value};

use crate::bundle::{Fault, written};

/// Reads a file of cases.
pub(super) fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Vec<Fault>> {
    written::read(file, text, "the cases cannot be read", written::CASES)
}

/// What a case has that can have rows.
pub(super) trait Tabular: Sized {
    fn name(&self) -> &str;
    fn rows(&self) -> &[Spanned<Self>];
}

/// Hands on each case with its name and place; of a case with rows, each row laid over it.
pub(super) fn each<T: DeserializeOwned + Tabular>(
    file: &str,
    text: &str,
    cases: Vec<Spanned<T>>,
    faults: &mut Vec<Fault>,
    mut take: impl FnMut(T, String, Fault, &mut Vec<Fault>),
) {
    let tables = tables(text);
    for (n, spanned) in cases.into_iter().enumerate() {
        let start = spanned.span().start;
        let case = spanned.into_inner();
        if case.rows().is_empty() {
            let name = case.name().to_owned();
            take(case, name, Fault::at(file, text, start..start + 1, ""), faults);
            continue;
        }
        for (m, row) in case.rows().iter().enumerate() {
            let start = row.span().start;
            let place = Fault::at(file, text, start..start + 1, "");
            let name = format!("{}: {}", case.name(), row.get_ref().name());
            if !row.get_ref().rows().is_empty() {
                faults.push(Fault { message: format!("row `{name}` has rows of its own"), ..place });
                continue;
            }
            match tables.get(n).and_then(|table| merged(table, m)).map(T::deserialize) {
                Some(Ok(row)) => take(row, name, place, faults),
                Some(Err(error)) => {
                    let message = format!("row `{name}` cannot be read: {}", error.message());
                    faults.push(Fault { message, ..place });
                }
                None => faults.push(Fault { message: format!("row `{name}` cannot be laid over its case"), ..place }),
            }
        }
    }
}

/// The cases of a file as they are written, for laying rows over them.
fn tables(text: &str) -> Vec<Table> {
    let mut document: Table = toml::from_str(text).unwrap_or_default();
    let Some(Value::Array(cases)) = document.remove("case") else { return Vec::new() };
    let tables = cases.into_iter().filter_map(|case| match case {
        Value::Table(table) => Some(table),
        _ => None,
    });
    tables.collect()
}

/// A case with one of its rows laid over it: tables are merged key by key, everything else is replaced.
fn merged(case: &Table, row: usize) -> Option<Table> {
    let mut under = case.clone();
    let Some(Value::Array(mut rows)) = under.remove("rows") else { return None };
    let Value::Table(over) = (row < rows.len()).then(|| rows.swap_remove(row))? else { return None };
    lay(&mut under, over);
    Some(under)
}

/// Lays one table over another.
pub(super) fn lay(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay(below, above),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_replaces_what_it_says_and_leaves_the_rest() {
        let text = "[[case]]\nname = 'a'\nprobe = { tags = ['x'], site = 'north' }\nrows = [{ name = 'b', probe = { tags = ['y'] } }]";
        let row = merged(&tables(text)[0], 0).unwrap();
        assert_eq!(row["name"].as_str(), Some("b"));
        assert_eq!(row["probe"]["site"].as_str(), Some("north"));
        assert_eq!(row["probe"]["tags"].as_array().unwrap().len(), 1);
        assert!(merged(&tables(text)[0], 1).is_none());
    }
}
