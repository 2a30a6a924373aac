//! How much has to be covered, as `bundle.toml` says it.

use std::collections::BTreeMap;

/// `[coverage]` of a manifest. What it does not say, or what cannot be read, asks for nothing here.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Gate {
    pub clauses: Option<u32>,
    pub mutants: Option<u32>,
}

pub fn of(files: &BTreeMap<String, Vec<u8>>) -> Gate {
    let mut texts = ["bundle.toml", "policies/bundle.toml"].into_iter().filter_map(|path| files.get(path));
    texts.next().map(|text| read(&String::from_utf8_lossy(text))).unwrap_or_default()
}

fn read(text: &str) -> Gate {
    let document: toml::Table = toml::from_str(text).unwrap_or_default();
    let percent = |key: &str| {
        let value = document.get("coverage")?.get(key)?.as_integer()?;
        u32::try_from(value).ok().filter(|percent| *percent <= 100)
    };
    Gate { clauses: percent("clauses"), mutants: percent("mutants") }
}

#[cfg(test)]
mod tests {
    use super::{Gate, read};

    #[test]
    fn reads_what_is_there_and_asks_for_nothing_else() {
        assert_eq!(read("[coverage]\nclauses = 95\n"), Gate { clauses: Some(95), mutants: None });
        assert_eq!(read("[coverage]\nclauses = 950\nmutants = 'all'\n"), Gate::default());
        assert_eq!(read("not toml ["), Gate::default());
    }
}
