//! Figures in rows, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// One line of the table.
pub struct Row {
    /// What was run.
    pub group: String,
    pub found: Found,
}

pub enum Found {
    Figures(Map<String, Value>),
    /// Why there are none.
    Nothing(String),
}

impl Row {
    pub fn missing(group: &str, why: &str) -> Self {
        Self { group: group.into(), found: Found::Nothing(why.into()) }
    }

    pub fn figure(group: &str, name: &str, unit: &str, value: impl Into<Value>) -> Self {
        let figures = [("name".to_owned(), name.into()), (unit.to_owned(), value.into())].into_iter().collect();
        Self { group: group.into(), found: Found::Figures(figures) }
    }

    pub fn json(&self) -> Value {
        let mut object = match &self.found {
            Found::Figures(figures) => figures.clone(),
            Found::Nothing(why) => Map::from_iter([("not_measured".to_owned(), why.as_str().into())]),
        };
        object.insert("group".into(), self.group.as_str().into());
        Value::Object(object)
    }

    fn cells(&self) -> (String, String) {
        match &self.found {
            Found::Nothing(why) => (String::new(), format!("not measured: {why}")),
            Found::Figures(figures) => {
                let name = figures.get("name").map(plain).unwrap_or_default();
                let rest = figures
                    .iter()
                    .filter(|(key, _)| *key != "name")
                    .map(|(key, value)| format!("{key}={}", plain(value)));
                (name, rest.collect::<Vec<_>>().join("  "))
            }
        }
    }
}

pub fn draw(rows: &[Row]) -> String {
    let cells: Vec<_> = rows.iter().map(|row| (row.group.as_str(), row.cells())).collect();
    let group_wide = cells.iter().map(|(group, _)| group.chars().count()).max().unwrap_or_default();
    let name_wide = cells.iter().map(|(_, (name, _))| name.chars().count()).max().unwrap_or_default();
    let mut page = String::new();
    for (group, (name, figures)) in cells {
        // Writing to a string does not fail.
        let _ = writeln!(page, "{group:<group_wide$}  {name:<name_wide$}  {figures}");
    }
    page
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => format!("{:.2}", number.as_f64().unwrap_or_default()),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_figures_and_what_is_missing() {
        let rows =
            [Row::figure("footprint", "probe, file", "mb", 2.934), Row::missing("hub", "there is no such bench yet")];
        let page = draw(&rows);
        assert!(page.contains("footprint  probe, file  mb=2.93"), "{page}");
        assert!(page.contains("hub                     not measured: there is no such bench yet"), "{page}");
        assert_eq!(rows[1].json()["not_measured"], "there is no such bench yet");
    }
}
