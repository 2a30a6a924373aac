//! The bundle that is tried out: a folder of this machine, or a revision that the server keeps.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use clap::Args;
use legator_engine::Bundle;
use legator_engine::replay::{Of, Selection};
use serde_json::{Map, Value, json};

use super::source;
use crate::exit::{Exit, Failure};
use crate::screen::Screen;
use crate::{clean, span};

/// What is tried out.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct Candidate {
    /// The folder of the bundle.
    folder: Option<PathBuf>,
    /// A revision that the server keeps; `live` is the one that decides now.
    #[arg(long, value_name = "REV")]
    revision: Option<String>,
}

impl Candidate {
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The candidate as a request carries it.
    pub fn body(&self) -> Result<Map<String, Value>, Failure> {
        let mut body = Map::new();
        if let Some(revision) = &self.revision {
            body.insert("revision".to_owned(), revision.as_str().into());
        }
        if let Some(folder) = &self.folder {
            let mut texts = BTreeMap::new();
            for (path, bytes) in decisive(folder)? {
                let text = String::from_utf8(bytes)
                    .map_err(|_| Failure::Usage(format!("`{path}` is not text, and a bundle is")))?;
                texts.insert(path, text);
            }
            body.insert("files".to_owned(), json!(texts));
        }
        Ok(body)
    }
}

/// The files of a bundle, without what stands beside it in a repository.
fn decisive(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut files = source::read(folder)?;
    files.retain(|path, _| path == "bundle.toml" || path.starts_with("policies/") || path.starts_with("scripts/"));
    files.retain(|path, _| [".toml", ".cedar", ".cedarschema", ".rhai"].into_iter().any(|end| path.ends_with(end)));
    Ok(files)
}

/// A bundle of a folder; its faults are shown, and are the end of it.
pub fn load(screen: Screen, folder: &Path) -> Result<Result<Bundle, Exit>, Failure> {
    Ok(Bundle::load(&source::read(folder)?).map_err(|faults| {
        screen.either(&json!({ "ok": false, "faults": faults }), || {
            for fault in &faults {
                screen.data(&format!("{}\n", clean::lines(&fault.render())));
            }
            screen.note(&format!("{} fault(s)", faults.len()));
        });
        Exit::FAILED
    }))
}

/// Which recorded decisions.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which decisions")]
pub struct SelectionArgs {
    /// Only of commands, or only of operations of the API.
    #[arg(long, value_name = "WHAT", value_parser = ["commands", "operations"])]
    of: Option<String>,
    /// From then on: a span before now (`30d`, `12h`) or a time (RFC 3339).
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Before then; now if absent.
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Only what this person or program asked for, by id or name.
    #[arg(long, value_name = "WHO")]
    principal: Option<String>,
    /// Only on probes with this tag.
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Only commands of this level (`observe`, `diagnose`, `remediate`, `destroy`), or only this operation.
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only what ended so: `deny`, `hold`, `queue` or `allow`.
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Only what this policy or script drove.
    #[arg(long, value_name = "ID")]
    policy: Option<String>,
}

impl SelectionArgs {
    /// Names and values, as the API takes them.
    pub fn pairs(&self) -> Result<Vec<(&'static str, String)>, Failure> {
        let pairs = [
            ("of", self.of.clone()),
            ("since", span::said(self.since.as_deref())?),
            ("until", span::said(self.until.as_deref())?),
            ("principal", self.principal.clone()),
            ("tag", self.tag.clone()),
            ("action", self.action.clone()),
            ("outcome", self.outcome.clone()),
            ("policy", self.policy.clone()),
        ];
        Ok(pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
    }

    /// The same for a replay on this machine.
    pub fn selection(&self) -> Result<Selection, Failure> {
        let ms = |at: Option<DateTime<Utc>>| at.map(|at| at.timestamp_millis());
        Ok(Selection {
            of: self.of.as_deref().and_then(Of::named),
            since_ms: ms(span::when(self.since.as_deref())?),
            until_ms: ms(span::when(self.until.as_deref())?),
            principal: self.principal.clone(),
            tag: self.tag.clone(),
            action: self.action.clone(),
            outcome: self.outcome.clone(),
            policy: self.policy.clone(),
        })
    }
}
