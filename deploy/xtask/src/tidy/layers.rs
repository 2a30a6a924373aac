//! Rooms of the server import only downwards: not up, and not sideways.
//! The table is the one in the architecture; a room that is not in it is refused until someone gives it a row.

use super::{File, Finding, Source, Tree};

/// Rows from the ground up, under the architecture's numbers. A room may name rooms of lower rows and itself.
/// Row 0 has two steps, since all that stands on the ground may ask for the time, and any may be told to die by a test.
const ROWS: &[(&str, &[&str])] = &[
    ("0, ground", &["clock", "fault", "parts", "tenant"]),
    ("0", &["config", "db", "error", "events", "judgement", "telemetry", "ui", "vault"]),
    ("0, above it", &["tls"]),
    ("1", &["audit"]),
    ("2", &["identity"]),
    ("3", &["approvals", "capacity", "cloud", "fleet", "hub", "models", "network"]),
    ("4", &["command", "grants", "policy"]),
    ("5", &["alerts", "chat", "discovery", "jobs", "kubeflow", "replay", "timeline"]),
    ("6", &["federation", "mcp", "notify", "rotation"]),
    ("7", &["app", "doctor"]),
    ("8", &["hostile", "http"]),
];

const SOURCE: &str = "server/src/";

fn row(room: &str) -> Option<usize> {
    ROWS.iter().position(|(_, rooms)| rooms.contains(&room))
}

/// Every room's name, for guards that speak of rooms.
pub fn rooms() -> impl Iterator<Item = &'static str> {
    ROWS.iter().flat_map(|(_, rooms)| rooms.iter().copied())
}

/// The room that a file belongs to; none for what is not in a room of the server.
pub fn room_of(path: &str) -> Option<&str> {
    let name = path.strip_prefix(SOURCE)?.split('/').next()?;
    let room = name.strip_suffix(".rs").unwrap_or(name);
    (!matches!(room, "lib" | "main" | "bin")).then_some(room)
}

pub fn look(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, source) in tree.rust() {
        let Some(room) = room_of(&file.path) else { continue };
        let Some(own) = row(room) else {
            findings.push(Finding::at(file, 1, format!("`{room}` has no row in the table of rooms; give it one")));
            continue;
        };
        for (at, head) in source.heads("crate").into_iter().chain(climbs(file, source)) {
            if let Some(message) = judge(source, at, room, own, &head) {
                findings.push(Finding::at(file, source.line(at), message));
            }
        }
    }
    findings
}

fn judge(source: &Source, at: usize, room: &str, own: usize, head: &str) -> Option<String> {
    if head == room || source.code.get(at + head.len()..).is_some_and(|rest| rest.starts_with('!')) {
        return None;
    }
    let number = |row: usize| ROWS.get(row).map_or("?", |(number, _)| number);
    match row(head) {
        Some(other) if other < own => None,
        Some(other) if other == own => {
            Some(format!("`{room}` imports `{head}`, which stands beside it in row {}", number(own)))
        }
        Some(other) => Some(format!(
            "`{room}` (row {}) imports `{head}` (row {}): imports go down only",
            number(own),
            number(other)
        )),
        None => Some(format!("`crate::{head}` is no room; import a thing from the room that owns it")),
    }
}

/// Paths that reach another room by `super::super::…` instead of `crate::…`.
fn climbs(file: &File, source: &Source) -> Vec<(usize, String)> {
    let inside = file.path.trim_start_matches(SOURCE).trim_end_matches("/mod.rs").trim_end_matches(".rs");
    let depth = inside.split('/').count();
    let mut found = Vec::new();
    for at in source.words("super") {
        let before = source.code.get(..at).unwrap_or_default();
        if before.ends_with("::") {
            continue;
        }
        let tail = source.code.get(at..).unwrap_or_default();
        let n_up = tail.split("::").take_while(|part| *part == "super").count();
        let heads = source.heads("super").into_iter().filter(|(place, _)| *place == at + n_up * "super::".len());
        // Modules in a file lie deeper than the file, so only a head that is a room's name is taken for one.
        found.extend(heads.filter(|(_, head)| n_up >= depth && row(head).is_some()));
    }
    found
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
    fn lets_a_room_look_down_and_at_itself() {
        let text = "use crate::{audit::Ledger, clock::Clock};\nuse crate::hub::session;\nuse super::store;\nuse legator_protocol::Level;";
        assert_eq!(found("server/src/hub/mod.rs", text), Vec::<String>::new());
        assert_eq!(found("server/src/http/mod.rs", "use crate::app::App; use crate::mcp;"), Vec::<String>::new());
    }

    #[test]
    fn refuses_an_import_that_goes_up() {
        let found = found("server/src/approvals/held.rs", "//! x\nuse crate::clock::Clock;\nuse crate::command::Road;");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("server/src/approvals/held.rs:3 `approvals` (row 3) imports `command` (row 4)"),
            "{found:?}"
        );
    }

    #[test]
    fn refuses_an_import_that_goes_sideways() {
        assert!(
            found("server/src/fleet/mod.rs", "fn f() { crate::capacity::load() }")[0].contains("beside it in row 3")
        );
        assert_eq!(found("server/src/config.rs", "use crate::{\n    error::Problem,\n    db,\n};").len(), 2);
    }

    #[test]
    fn refuses_a_room_without_a_row_and_a_name_without_a_room() {
        assert!(found("server/src/gadgets/mod.rs", "")[0].contains("has no row"));
        assert!(found("server/src/hub/mod.rs", "use crate::Thing;")[0].contains("is no room"));
        assert!(found("server/src/hub/mod.rs", "use crate::*;")[0].contains("is no room"));
    }

    #[test]
    fn refuses_a_climb_over_the_wall() {
        assert_eq!(found("server/src/approvals/store.rs", "use super::super::command::Road;").len(), 1);
        assert_eq!(found("server/src/audit/mod.rs", "mod tests { use super::super::http::api; }").len(), 1);
        assert_eq!(
            found("server/src/audit/mod.rs", "mod tests { use super::*; use super::super::audit::Ledger; }").len(),
            0
        );
        assert_eq!(found("server/src/command/stages/seal.rs", "use super::policy;").len(), 0);
    }

    #[test]
    fn reads_code_only() {
        let text = "//! See [`crate::http`].\nconst A: &str = \"crate::http\";\nfn f() { crate::row!() }";
        assert_eq!(found("server/src/audit/mod.rs", text), Vec::<String>::new());
        assert_eq!(found("server/src/main.rs", "use crate::http;"), Vec::<String>::new());
        assert_eq!(found("probe/src/gate.rs", "use crate::http;"), Vec::<String>::new());
    }

    #[test]
    fn no_room_stands_in_two_rows() {
        let all: Vec<&str> = rooms().collect();
        assert!(all.iter().all(|room| all.iter().filter(|other| other == &room).count() == 1));
    }
}
