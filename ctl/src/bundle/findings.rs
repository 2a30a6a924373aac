//! How findings are shown, and what their codes mean.

use legator_engine::bundle::codes::{CODES, Code};
use legator_engine::{Fault, lint};
use serde_json::{Value, json};

use super::check::counted;
use crate::clean;
use crate::exit::{Exit, Failure};
use crate::screen::Screen;

/// The document where JSON is asked for, else every finding as a compiler would print it.
pub fn show(screen: Screen, document: &Value, faults: &[Fault]) {
    screen.either(document, || {
        for fault in faults {
            screen.data(&format!("{}\n", clean::lines(&fault.render())));
        }
        if !faults.is_empty() {
            screen.note(&counted(faults));
        }
    });
}

/// What a code means, or all of them.
pub fn explain(screen: Screen, name: &str) -> Result<Exit, Failure> {
    let known: Vec<&Code> = CODES.iter().chain(lint::RULES).filter(|code| name == "all" || code.name == name).collect();
    if known.is_empty() {
        return Err(Failure::Usage(format!("there is no code `{name}`; `--explain` alone lists them")));
    }
    let rows = known.iter().map(
        |code| json!({ "code": code.name, "grade": code.grade.as_str(), "meaning": code.meaning, "mend": code.mend }),
    );
    screen.either(&Value::Array(rows.collect()), || match known.as_slice() {
        [code] => screen.facts(&[
            ("code", code.name.to_owned()),
            ("grade", code.grade.as_str().to_owned()),
            ("means", code.meaning.to_owned()),
            ("mend", code.mend.to_owned()),
        ]),
        many => {
            let row =
                |code: &&Code| vec![code.name.to_owned(), code.grade.as_str().to_owned(), code.meaning.to_owned()];
            screen.table(&["CODE", "GRADE", "MEANS"], many.iter().map(row).collect());
        }
    });
    Ok(Exit::OK)
}
