//! SQL stands in `store.rs` and in migrations, and a room's store names no other room's tables.

use super::layers::{room_of, rooms};
use super::{Finding, Tree};

/// How a statement begins. Upper case, as the house writes SQL; a sentence that begins with `Update` is none.
const STATEMENTS: &[&str] = &[
    "ALTER TABLE",
    "ATTACH ",
    "BEGIN",
    "COMMIT",
    "CREATE INDEX",
    "CREATE TABLE",
    "CREATE TRIGGER",
    "CREATE UNIQUE",
    "DELETE FROM",
    "DROP TABLE",
    "DROP TRIGGER",
    "INSERT ",
    "PRAGMA ",
    "RELEASE SAVEPOINT",
    "REPLACE INTO",
    "ROLLBACK",
    "SAVEPOINT ",
    "SELECT ",
    "UPDATE ",
    "VACUUM",
    "WITH RECURSIVE",
    "-- ",
];
/// Words that a statement has inside, for text that is put together from parts.
const CLAUSES: &[&str] = &[" FROM ", " WHERE ", " VALUES ", " ORDER BY ", " GROUP BY "];
/// What a table's name follows.
const BEFORE_A_TABLE: &[&str] = &["FROM", "INTO", "JOIN", "TABLE", "UPDATE"];

const HOMES: &[&str] = &["/store.rs", "/store/", "src/db.rs", "src/db/"];
const HOUSE: &str = "server/src/";

pub fn look(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, source) in tree.rust().filter(|(file, _)| file.path.starts_with(HOUSE) && !file.tests_only()) {
        let home = HOMES.iter().any(|home| file.path.contains(home));
        for literal in source.literals.iter().filter(|literal| !source.tested(literal.at)) {
            let text = literal.text.trim_start_matches(['r', 'b', '#', '"']).trim_start();
            let line = source.line(literal.at);
            if !home && is_sql(text) {
                let sight: String = text.chars().take(40).collect();
                findings.push(Finding::at(file, line, format!("SQL belongs in the room's `store.rs`: `{sight}…`")));
            }
            if let Some(owner) = room_of(&file.path).filter(|_| home).and_then(|room| foreign_table(text, room)) {
                findings.push(Finding::at(
                    file,
                    line,
                    format!("this statement names a table of `{owner}`; ask that room"),
                ));
            }
        }
    }
    findings
}

fn is_sql(text: &str) -> bool {
    let begins = STATEMENTS.iter().any(|start| text.starts_with(start));
    // `BEGIN`, `INSERT` and the like are words of logs and messages too; alone they must be all that there is.
    let said = text.starts_with("BEGIN")
        || text.starts_with("COMMIT")
        || text.starts_with("ROLLBACK")
        || text.starts_with("VACUUM");
    let whole = text.trim_end_matches(['"', '#', ';']).chars().all(|c| c.is_ascii_uppercase() || c == ' ');
    let ruled = text.starts_with("-- ") && !CLAUSES.iter().any(|clause| text.contains(clause));
    (begins && (!said || whole) && !ruled) || CLAUSES.iter().filter(|clause| text.contains(*clause)).count() >= 2
}

/// The other room whose table the statement names, by the prefix that each room's tables carry.
fn foreign_table(text: &str, own: &str) -> Option<&'static str> {
    let mut words = text.split(|c: char| !(c == '_' || c.is_alphanumeric())).filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        if !BEFORE_A_TABLE.contains(&word) {
            continue;
        }
        let Some((prefix, _)) = words.clone().next().and_then(|table| table.split_once('_')) else { continue };
        let owner = rooms().find(|room| *room == prefix || room.strip_suffix('s') == Some(prefix));
        if let Some(owner) = owner.filter(|owner| *owner != own) {
            return Some(owner);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        look(&Tree::of(&[(path, text)]))
            .into_iter()
            .map(|finding| format!("{} {}", finding.place, finding.message))
            .collect()
    }

    #[test]
    fn lets_a_store_speak_of_its_own_tables() {
        let text = "const A: &str = \"SELECT id FROM approval_votes WHERE id = ?\";\nconst B: &str = r#\"INSERT INTO approvals_held VALUES (?)\"#;";
        assert_eq!(found("server/src/approvals/store.rs", text), Vec::<String>::new());
    }

    #[test]
    fn refuses_sql_outside_the_store() {
        for text in [
            "\"SELECT 1\"",
            "r#\"\n  DELETE FROM fleet_probes\"#",
            "\"PRAGMA user_version\"",
            "\"COMMIT\"",
            "\"id FROM a WHERE b = ?\"",
        ] {
            assert_eq!(found("server/src/fleet/mod.rs", &format!("const A: &str = {text};")).len(), 1, "{text}");
        }
        assert!(
            found("server/src/fleet/mod.rs", "//! x\nconst A: &str = \"UPDATE a SET b = 1\";")[0]
                .starts_with("server/src/fleet/mod.rs:2 ")
        );
    }

    #[test]
    fn takes_no_sentence_for_sql() {
        for text in [
            "\"select a probe\"",
            "\"Update the probe\"",
            "\"BEGIN CERTIFICATE or so\"",
            "\"a probe FROM beyond\"",
            "\"-- name sig\"",
        ] {
            assert_eq!(found("server/src/fleet/mod.rs", &format!("const A: &str = {text};")), Vec::<String>::new());
        }
        assert_eq!(
            found("server/src/fleet/mod.rs", "//! SELECT 1\n#[cfg(test)]\nmod tests { const A: &str = \"SELECT 1\"; }"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn refuses_another_rooms_table() {
        let found = found(
            "server/src/fleet/store.rs",
            "const A: &str = \"SELECT 1 FROM fleet_probes JOIN audit_entry USING (id)\";",
        );
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("a table of `audit`"), "{found:?}");
    }
}
