//! Whether SQL only asks. A statement is read by its first word; functions and clauses that can do more end the reading.

use legator_protocol::Level;

use super::Found;

/// Functions that compute or describe; any other might do something.
const FUNCTIONS: [&str; 52] = [
    "count",
    "sum",
    "min",
    "max",
    "avg",
    "now",
    "version",
    "length",
    "lower",
    "upper",
    "coalesce",
    "round",
    "date_trunc",
    "extract",
    "to_char",
    "age",
    "substring",
    "substr",
    "concat",
    "in",
    "values",
    "cast",
    "abs",
    "ceil",
    "floor",
    "trim",
    "ltrim",
    "rtrim",
    "left",
    "right",
    "replace",
    "ifnull",
    "nullif",
    "greatest",
    "least",
    "distinct",
    "exists",
    "and",
    "or",
    "not",
    "on",
    "from",
    "where",
    "over",
    "row_number",
    "rank",
    "date",
    "datetime",
    "current_database",
    "pg_size_pretty",
    "pg_database_size",
    "pg_total_relation_size",
];

const BEYOND: [&str; 16] = [
    "into", "outfile", "dumpfile", "copy", "update", "share", "lock", "program", "execute", "insert", "delete", "drop",
    "truncate", "alter", "create", "call",
];

const LOSES: [&str; 4] = ["drop", "truncate", "delete", "purge"];

pub(super) fn inspect(text: &str) -> Found {
    let lower = text.to_ascii_lowercase();
    // Comments can hold statements (`/*! … */`), dollar quotes hide where one ends.
    let plain = !["/*", "--", "$$", "`"].iter().any(|mark| lower.contains(mark));
    let asks = plain && lower.split([';', '\n']).map(str::trim).filter(|one| !one.is_empty()).all(only_asks);
    if asks {
        return Found::read(Level::Diagnose, "asks a database");
    }
    let loses = words(&lower).any(|word| LOSES.contains(&word));
    if loses {
        return Found {
            level: Level::Destroy,
            read: true,
            effects: &["database"],
            why: "what it drops or deletes is lost",
        };
    }
    Found { level: Level::Remediate, read: true, effects: &["database"], why: "can change a database" }
}

fn only_asks(statement: &str) -> bool {
    if let Some(rest) = statement.strip_prefix('\\') {
        let name: String = rest.chars().take_while(|c| !c.is_whitespace()).collect();
        let asks = matches!(name.trim_end_matches(['+', 'S']), "l" | "conninfo" | "timing" | "x" | "z" | "q" | "dx");
        return (asks || name.starts_with('d')) && !rest.contains('|') && !rest.contains('\\') && !rest.contains('`');
    }
    if let Some(rest) = statement.strip_prefix('.') {
        let name: String = rest.chars().take_while(|c| c.is_ascii_alphabetic()).collect();
        return matches!(
            name.as_str(),
            "tables" | "schema" | "databases" | "dbinfo" | "indexes" | "headers" | "mode" | "timeout"
        );
    }
    if statement.contains('\\') {
        return false;
    }
    let mut first = words(statement);
    let asks = match first.next() {
        Some("select" | "show" | "describe" | "desc" | "table" | "values" | "use") => true,
        Some("explain") => first.next().is_some_and(|next| !matches!(next, "analyze" | "analyse")),
        _ => false,
    };
    asks && words(statement).all(|word| !BEYOND.contains(&word))
        && calls(statement).all(|name| FUNCTIONS.contains(&name))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// The names before brackets, with blanks between or without.
fn calls(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('(').filter_map(|(at, _)| {
        let before = text.get(..at)?.trim_end();
        if before.ends_with('"') {
            return Some("\"");
        }
        let start = before.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).map_or(0, |found| found + 1);
        before.get(start..).filter(|name| !name.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_questions_from_changes_and_losses() {
        for text in [
            "select 1",
            "SELECT count(*) FROM t WHERE a > 3;",
            "show tables",
            "explain select 1",
            "\\dt",
            "\\l+",
            ".tables",
        ] {
            assert_eq!(inspect(text).level, Level::Diagnose, "{text}");
        }
        for text in [
            "update t set a = 1",
            "select pg_read_file('/etc/passwd')",
            "copy t to program 'sh'",
            "\\! id",
            "select 1 into x",
            "select \"f\"(1)",
            "explain analyze update t set a=1",
            "vacuum",
            "select 1 \\g |sh",
            ".shell id",
            "select f (1)",
            "select 1; insert into t values (1)",
            "\\dt \\! id",
            "select nextval('s')",
            "select 1 for update",
        ] {
            assert!(inspect(text).level >= Level::Remediate, "{text}");
        }
        for text in [
            "drop table t",
            "DELETE FROM t",
            "truncate t",
            "select 1; drop database x",
            "with x as (delete from t) select 1",
        ] {
            assert_eq!(inspect(text).level, Level::Destroy, "{text}");
        }
    }
}
