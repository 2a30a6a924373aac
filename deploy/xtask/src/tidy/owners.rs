//! Some things have one owner: the clock, chance, the script sandbox, the HTTP framework, the database, the error shape.
//! The table says who may name what.

use super::{File, Finding, Tree, source};

/// A name, where it means something, and the only places that may say it.
struct Owned {
    what: What,
    /// Prefixes of the paths that the rule looks at.
    within: &'static [&'static str],
    /// A path is an owner's if it ends with one of these (a file) or contains it (a folder, ending in `/`).
    owners: &'static [&'static str],
    /// Whether tests must keep it too.
    in_tests: bool,
    instead: &'static str,
}

enum What {
    /// These words in this order, as in `SystemTime::now`.
    Text(&'static str),
    /// A name imported from, or reached through, a crate: `rhai::Engine`, also as `use rhai::{AST, Engine}`.
    Path(&'static str, &'static str),
    /// Anything of a crate.
    Crate(&'static str),
}

const PRODUCT: &[&str] = &["engine/", "server/", "probe/", "ctl/"];
const SERVER: &[&str] = &["server/src/"];
/// The programs have a clock; the pure crates have none.
const CLOCK: &[&str] = &["server/src/clock.rs", "probe/src/clock.rs", "ctl/src/clock.rs"];
const CLOCK_INSTEAD: &str = "take the time and chance as arguments; `clock.rs` is their only source";
/// Where HTTP types are at home. `hub/upgrade.rs` turns a request into a WebSocket; `identity/caller.rs` reads who asks.
const HTTP: &[&str] = &[
    "/api.rs",
    "/api/",
    "src/http/",
    "/http.rs",
    "src/ui/",
    "/ui.rs",
    "/hub/upgrade.rs",
    "/identity/caller.rs",
    "/identity/hostile.rs",
    "src/error.rs",
    "src/error/",
];
const HTTP_INSTEAD: &str = "the framework's types stay in `api.rs`, `http`, `ui` and `hub/upgrade.rs`";
const DATABASE: &[&str] = &["/store.rs", "/store/", "src/db.rs", "src/db/", "src/audit/"];

const OWNED: &[Owned] = &[
    Owned {
        what: What::Text("SystemTime::now"),
        within: PRODUCT,
        owners: CLOCK,
        in_tests: true,
        instead: CLOCK_INSTEAD,
    },
    Owned { what: What::Text("Utc::now"), within: PRODUCT, owners: CLOCK, in_tests: true, instead: CLOCK_INSTEAD },
    Owned { what: What::Text("Local::now"), within: PRODUCT, owners: CLOCK, in_tests: true, instead: CLOCK_INSTEAD },
    Owned { what: What::Crate("getrandom"), within: PRODUCT, owners: CLOCK, in_tests: false, instead: CLOCK_INSTEAD },
    Owned {
        what: What::Path("rhai", "Engine"),
        within: &["engine/", "server/", "probe/", "ctl/", "deploy/"],
        owners: &["engine/src/script/"],
        in_tests: true,
        instead: "use `engine::script::sandbox`, the one place with limits",
    },
    Owned {
        what: What::Path("cedar_policy", "Authorizer"),
        within: &["server/", "probe/", "ctl/"],
        owners: &[],
        in_tests: true,
        instead: "ask `engine::decide`; there is one authorizer",
    },
    Owned { what: What::Crate("poem"), within: SERVER, owners: HTTP, in_tests: false, instead: HTTP_INSTEAD },
    Owned { what: What::Crate("poem_openapi"), within: SERVER, owners: HTTP, in_tests: false, instead: HTTP_INSTEAD },
    Owned {
        what: What::Crate("sqlx"),
        within: SERVER,
        owners: DATABASE,
        in_tests: false,
        instead: "the database is spoken to in `store.rs`; rules see the room's own types",
    },
    Owned {
        what: What::Text("struct Problem"),
        within: SERVER,
        owners: &["src/error.rs", "src/error/"],
        in_tests: true,
        instead: "there is one error shape outside; use `error::Problem`",
    },
    Owned {
        what: What::Text("Keyring"),
        within: SERVER,
        owners: &["src/command/", "src/app.rs", "src/app/"],
        in_tests: true,
        instead: "orders are sealed in `command/seal.rs` alone",
    },
];

pub fn look(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for owned in OWNED {
        for file in tree.files.iter().filter(|file| owned.concerns(file)) {
            findings.extend(owned.look(file));
        }
    }
    findings
}

impl Owned {
    fn concerns(&self, file: &File) -> bool {
        let mine =
            |owner: &&str| if owner.ends_with('/') { file.path.contains(*owner) } else { file.path.ends_with(*owner) };
        self.within.iter().any(|prefix| file.path.starts_with(prefix))
            && !self.owners.iter().any(mine)
            && (self.in_tests || !file.tests_only())
    }

    fn look(&self, file: &File) -> Vec<Finding> {
        let Some(source) = &file.rust else { return Vec::new() };
        let (name, places) = match self.what {
            What::Text(text) => (text.into(), source::words(&source.code, text)),
            What::Path(root, name) => {
                let places = source.heads(root).into_iter().filter(|(_, head)| head == name || head == "*");
                (format!("{root}::{name}"), places.map(|(at, _)| at).collect())
            }
            What::Crate(root) => (
                root.into(),
                source.words(root).into_iter().filter(|at| names_a_crate(&source.code, *at, root)).collect::<Vec<_>>(),
            ),
        };
        let kept = places.into_iter().filter(|at| self.in_tests || !source.tested(*at));
        kept.map(|at| Finding::at(file, source.line(at), format!("`{name}` is not for this file: {}", self.instead)))
            .collect()
    }
}

/// Whether a crate's name begins a path here, and is not a local name or the middle of another path.
fn names_a_crate(code: &str, at: usize, root: &str) -> bool {
    let (before, after) = (code.get(..at).unwrap_or_default(), code.get(at + root.len()..).unwrap_or_default());
    let inner = before.strip_suffix("::").is_some_and(|path| path.ends_with(|c: char| c == '_' || c.is_alphanumeric()));
    !inner && (after.starts_with("::") || before.trim_end().ends_with("use"))
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
    fn only_the_clock_reads_the_clock() {
        let text = "//! x\nfn f() { let a = std::time::SystemTime::now(); let b = chrono::Utc::now(); getrandom::fill(&mut c); }";
        assert_eq!(found("server/src/clock.rs", text), Vec::<String>::new());
        assert_eq!(found("server/src/hub/mod.rs", text).len(), 3);
        assert_eq!(found("engine/src/decide.rs", text).len(), 3);
        assert_eq!(found("engine/src/clock.rs", text).len(), 3);
        assert!(found("probe/src/session.rs", text)[0].starts_with("probe/src/session.rs:2 `SystemTime::now`"));
    }

    #[test]
    fn only_the_sandbox_builds_a_script_engine() {
        assert_eq!(found("engine/src/script/sandbox.rs", "use rhai::Engine;"), Vec::<String>::new());
        assert_eq!(found("engine/src/decide.rs", "use rhai::{AST, Engine};").len(), 1);
        assert_eq!(found("server/src/jobs/mod.rs", "fn f() { rhai::Engine::new_raw(); }").len(), 1);
        assert_eq!(found("engine/src/decide.rs", "use rhai::{AST, Dynamic};"), Vec::<String>::new());
        assert_eq!(found("engine/src/decide.rs", "use rhai::*;").len(), 1);
    }

    #[test]
    fn only_the_engine_asks_cedar() {
        assert_eq!(found("server/src/policy/mod.rs", "use cedar_policy::Authorizer;").len(), 1);
        assert_eq!(found("engine/src/guard.rs", "use cedar_policy::Authorizer;"), Vec::<String>::new());
    }

    #[test]
    fn the_web_framework_stays_at_the_doors() {
        let text = "use poem::{Request, Response};\nuse poem_openapi::Object;";
        for path in ["fleet/api.rs", "http/mod.rs", "ui/mod.rs", "hub/upgrade.rs", "error.rs"] {
            assert_eq!(found(&format!("server/src/{path}"), text), Vec::<String>::new());
        }
        assert_eq!(found("server/src/fleet/mod.rs", text).len(), 2);
        assert_eq!(
            found("server/src/hub/mod.rs", "fn f(poem: &str) { legator::poem::read(poem) }"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn the_database_stays_in_the_store() {
        let text = "use sqlx::Row;";
        assert_eq!(found("server/src/fleet/store.rs", text), Vec::<String>::new());
        assert_eq!(found("server/src/fleet/mod.rs", text).len(), 1);
        assert_eq!(
            found("server/src/fleet/mod.rs", "#[cfg(test)]\nmod tests { use sqlx::Row; }"),
            Vec::<String>::new()
        );
        assert_eq!(found("server/tests/it/main.rs", text), Vec::<String>::new());
    }

    #[test]
    fn there_is_one_error_shape_and_one_keyring() {
        assert_eq!(found("server/src/fleet/mod.rs", "pub struct Problem { code: u8 }\nfn f(k: Keyring) {}").len(), 2);
        assert_eq!(found("server/src/error.rs", "pub struct Problem { code: u8 }"), Vec::<String>::new());
        assert_eq!(found("server/src/command/seal.rs", "struct Keyring;"), Vec::<String>::new());
        assert_eq!(found("server/src/fleet/mod.rs", "pub struct ProblemChild;"), Vec::<String>::new());
    }
}
