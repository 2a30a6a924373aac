//! Drafts: files laid over a revision, and what is wrong with them, before anything is published.
//! Never: keeps anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use legator_engine::{Bundle, Coverage, Fault, Report, Trial, lint};

use super::revision::Files;
use super::{Policy, PolicyFault, folder};
use crate::identity::{Permit, PublishBundle};

/// Files by path, laid over a revision; without one they are the whole bundle.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    pub base: Option<String>,
    pub files: BTreeMap<String, String>,
    /// Paths of the base that are left out.
    pub remove: Vec<String>,
}

/// How far a draft is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Whether it loads, and what the lints say: quick enough to be asked while somebody types.
    Findings,
    /// Its cases are run too.
    Cases,
    /// Its cases are run again, to see what they show of the source.
    Coverage,
}

/// What was found out about a draft.
#[derive(Default)]
pub struct Examined {
    /// The revision that it would be; none if it does not load.
    pub revision: Option<String>,
    /// Faults and warnings, with their places.
    pub findings: Vec<Fault>,
    pub report: Option<Report>,
    pub coverage: Option<Coverage>,
}

impl Policy {
    /// The files of an overlay, and the revision that they are laid over.
    pub async fn overlaid(&self, overlay: Overlay) -> Result<(Files, Option<String>), PolicyFault> {
        let Overlay { base, files, remove } = overlay;
        let (mut all, mut under) = (Files::new(), None);
        if let Some(base) = base {
            let base = self.revision(&base).await?.revision;
            all = self.files(&base).await?;
            under = Some(base);
        }
        for path in &remove {
            if all.remove(path).is_none() {
                return Err(PolicyFault::Invalid(format!("the base has no file `{path}` to be left out")));
            }
        }
        all.extend(files.into_iter().map(|(path, text)| (path, text.into_bytes())));
        folder::bounded(&all).map_err(PolicyFault::Invalid)?;
        Ok((all, under))
    }

    /// Looks at a draft.
    pub async fn examine(&self, _: Permit<PublishBundle>, files: Files, depth: Depth) -> Examined {
        let beside = self.bundle();
        let work = tokio::task::spawn_blocking(move || examined(&beside, &files, depth));
        work.await.unwrap_or_else(|fault| {
            let fault = Fault::whole("bundle.toml", format!("the draft could not be looked at: {fault}"));
            Examined { findings: vec![fault], ..Examined::default() }
        })
    }
}

fn examined(beside: &Bundle, files: &Files, depth: Depth) -> Examined {
    let bundle = match beside.reload(files) {
        Ok(bundle) => Arc::new(bundle),
        Err(findings) => return Examined { findings, ..Examined::default() },
    };
    let mut found = Examined {
        revision: Some(bundle.revision().to_owned()),
        findings: lint::lint(files).unwrap_or_default(),
        ..Examined::default()
    };
    if depth >= Depth::Cases {
        found.report = Some(bundle.check());
    }
    if depth >= Depth::Coverage {
        found.coverage = Some(Coverage::of(&bundle, &Trial::default()));
    }
    found
}
