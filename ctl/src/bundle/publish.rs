//! `bundle publish`: a folder's bundle becomes a revision on the server, and decides if that is asked for.

use std::path::PathBuf;

use clap::Args;
use legator_engine::Fault;
use serde_json::{Map, Value, json};

use super::{activate, source};
use crate::clean;
use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::{Screen, word};
use crate::server::Server;

/// Send a bundle to the server, which checks it, runs its cases and keeps it as a revision.
#[derive(Args)]
pub struct Publish {
    /// The folder with `bundle.toml`, or an archive that `bundle build` wrote.
    #[arg(default_value = ".", value_name = "BUNDLE")]
    place: PathBuf,
    /// What the change is for.
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Have it checked and tested, and nothing kept.
    #[arg(long, conflicts_with = "activate")]
    check_only: bool,
    /// Put it in force if it passes.
    #[arg(long)]
    activate: bool,
}

impl Publish {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let check = if self.check_only { "true" } else { "false" };
        let path = ["api", "v1", "bundles"];
        let out = if self.place.is_file() {
            // It is opened here first, so that what is no archive is said without a server.
            source::open(&self.place)?;
            let failed = |source| Failure::File { verb: "read", path: self.place.clone(), source };
            let bytes = std::fs::read(&self.place).map_err(failed)?;
            let message = self.message.as_deref().map(|message| ("message", message));
            let query: Vec<_> = [("check_only", check)].into_iter().chain(message).collect();
            server.post_bytes(&path, &query, "application/gzip", bytes).await?
        } else {
            let body = json!({ "files": files(&self.place)?, "message": self.message });
            server.post(&path, &[("check_only", check)], &body).await?
        };
        let (passed, revision) = (out["passed"] == true, field::text(&out, "revision"));
        if passed && self.activate {
            screen.aside(&said(&out));
            return activate::put_in_force(server, screen, revision, self.message.as_deref(), None).await;
        }
        screen.either(&out, || {
            for fault in field::list(&out, "faults") {
                if let Ok(fault) = serde_json::from_value::<Fault>(fault.clone()) {
                    screen.data(&format!("{}\n", clean::lines(&fault.render())));
                }
            }
            screen.note(&said(&out));
        });
        Ok(if passed { Exit::OK } else { Exit::FAILED })
    }
}

fn said(out: &Value) -> String {
    let revision = field::shown(out, "revision");
    let cases = field::number(&out["report"], "cases");
    match (out["passed"] == true, out["stored"] == true, revision.is_empty()) {
        (_, _, true) => format!("{}{} fault(s)", word("refused"), field::list(out, "faults").len()),
        (true, true, _) => format!("{}revision {revision}, {cases} cases hold", word("done")),
        (true, false, _) => format!("{}revision {revision}, {cases} cases hold, nothing new is kept", word("ok")),
        (false, _, _) => format!(
            "{}revision {revision} cannot decide: {} of {cases} cases do not hold",
            word("refused"),
            field::list(out, "faults").len()
        ),
    }
}

/// What belongs to a bundle of a folder, as text.
pub(super) fn files(folder: &std::path::Path) -> Result<Value, Failure> {
    let mut files = Map::new();
    for (path, bytes) in source::read(folder)? {
        if !belongs(&path) {
            continue;
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::Local(format!("`{}` is not UTF-8 text", clean::line(&path))))?;
        files.insert(path, text.into());
    }
    if files.is_empty() {
        return Err(Failure::Usage(format!("`{}` holds no `policies` and no `scripts`", folder.display())));
    }
    Ok(files.into())
}

fn belongs(path: &str) -> bool {
    let part = ["policies/", "scripts/", "tests/"].iter().any(|part| path.starts_with(part));
    let ending = [".cedar", ".cedarschema", ".toml", ".rhai"].iter().any(|ending| path.ends_with(ending));
    path == "bundle.toml" || (part && ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sends_what_belongs_to_a_bundle_and_nothing_else() {
        assert!(belongs("bundle.toml") && belongs("policies/commands/own.toml") && belongs("scripts/admission/a.rhai"));
        for other in ["README.md", "Cargo.toml", "policies/README.md", "src/a.rhai", "id_ed25519"] {
            assert!(!belongs(other), "{other}");
        }
    }
}
