//! The bundle that is tried out: a folder of this machine, or a revision that the server keeps.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::Args;
use legator_engine::Bundle;
use legator_engine::replay::Selection;
use serde_json::{Map, Value, json};

use super::source;
use crate::exit::{Exit, Failure};
use crate::screen::Screen;
use crate::{clean, clock, span};

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
    /// Only what was classified so: `observe`, `diagnose`, `remediate` or `destroy`.
    #[arg(long, value_name = "LEVEL")]
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
        let said = |at: Option<DateTime<Utc>>| at.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
        let pairs = [
            ("since", said(when(self.since.as_deref())?)),
            ("until", said(when(self.until.as_deref())?)),
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
            since_ms: ms(when(self.since.as_deref())?),
            until_ms: ms(when(self.until.as_deref())?),
            principal: self.principal.clone(),
            tag: self.tag.clone(),
            action: self.action.clone(),
            outcome: self.outcome.clone(),
            policy: self.policy.clone(),
        })
    }
}

fn when(text: Option<&str>) -> Result<Option<DateTime<Utc>>, Failure> {
    let Some(text) = text else { return Ok(None) };
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(Some(at.to_utc()));
    }
    let wrong = || Failure::Usage(format!("`{text}` is neither a span (`30d`) nor a time (`2027-01-31T08:00:00Z`)"));
    let span = span::parse(text).map_err(|_| wrong())?;
    let span = TimeDelta::from_std(span).map_err(|_| wrong())?;
    clock::now().checked_sub_signed(span).map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_spans_and_times_and_nothing_else() {
        let at = when(Some("2027-01-31T08:00:00+01:00")).unwrap().unwrap();
        assert_eq!(at.to_rfc3339_opts(SecondsFormat::Secs, true), "2027-01-31T07:00:00Z");
        let ago = clock::now() - when(Some("30d")).unwrap().unwrap();
        assert!((29..=30).contains(&ago.num_days()), "{ago}");
        assert_eq!(when(None).unwrap(), None);
        for wrong in ["yesterday", "-3d", "2027-01-31", ""] {
            assert!(when(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
