//! The nouns of the room: a revision with where it came from and what its cases came to, and an activation.

use std::collections::BTreeMap;

use legator_engine::{Fault, Report};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A bundle's files: path to bytes.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A published bundle: immutable, named by its content.
#[derive(Clone, Debug)]
pub struct Revision {
    /// In the order of publication.
    pub n: i64,
    pub revision: String,
    pub published_at: i64,
    pub publisher: String,
    pub origin: Origin,
    pub message: Option<String>,
    pub policies: u32,
    pub scripts: u32,
    pub report: Trial,
}

/// Where a revision came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub kind: OriginKind,
    /// The folder, the repository, or the revision that it was derived from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The git commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Who signed the commit, where signatures are asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// The commit that history no longer contains, where it was rewritten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrote: Option<String>,
}

/// The kinds of origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OriginKind {
    /// Built in.
    Shipped,
    Folder,
    Git,
    /// Sent over the API as a whole.
    Upload,
    /// A policy template was applied, or taken back.
    Template,
    /// Kept by an earlier build, which did not say more.
    Earlier,
}

impl OriginKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shipped => "shipped",
            Self::Folder => "folder",
            Self::Git => "git",
            Self::Upload => "upload",
            Self::Template => "template",
            Self::Earlier => "earlier",
        }
    }
}

impl Origin {
    pub const fn of(kind: OriginKind) -> Self {
        Self { kind, place: None, commit: None, signer: None, rewrote: None }
    }

    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }
}

/// What a revision's cases came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The version of the server that tried it.
    pub build: String,
    pub cases: usize,
    /// Cases that did not come out as they say; none of them may be left before the revision decides.
    pub failed: Vec<FailedCase>,
    /// What no case shows.
    pub gaps: Vec<String>,
}

/// A case that did not come out as it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCase {
    pub file: String,
    pub line: u32,
    pub name: String,
    pub problems: Vec<String>,
}

/// More than these are counted, not kept.
const MOST_KEPT: usize = 200;

impl Trial {
    pub fn of(report: &Report) -> Self {
        let of_policies = report.cases.iter().filter(|case| !case.passed()).map(|case| FailedCase {
            file: case.file.clone(),
            line: case.line,
            name: case.name.clone(),
            problems: case.problems.clone(),
        });
        let of_scripts = report.scripts.iter().filter(|case| !case.passed()).map(|case| FailedCase {
            file: case.file.clone(),
            line: case.line,
            name: case.name.clone(),
            problems: case.problems.clone(),
        });
        Self {
            build: env!("CARGO_PKG_VERSION").to_owned(),
            cases: report.cases.len() + report.scripts.len(),
            failed: of_policies.chain(of_scripts).take(MOST_KEPT).collect(),
            gaps: report.gaps.iter().take(MOST_KEPT).cloned().collect(),
        }
    }

    pub fn passed(&self) -> bool {
        self.failed.is_empty()
    }

    /// The failed cases, as faults with their place.
    pub fn faults(&self) -> Vec<Fault> {
        let fault = |case: &FailedCase| {
            let message = format!("case `{}` does not hold: {}", case.name, case.problems.join("; "));
            Fault { line: case.line, column: 1, ..Fault::whole(&case.file, message) }
        };
        self.failed.iter().map(fault).collect()
    }
}

/// That a revision came into force.
#[derive(Clone, Debug)]
pub struct Activation {
    pub n: i64,
    pub revision: String,
    pub at: i64,
    pub actor: String,
    pub how: How,
    pub reason: Option<String>,
    /// The request that people agreed to.
    pub approval: Option<String>,
    /// What a rollback goes back to.
    pub below: Option<i64>,
}

/// What brought a revision into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The server's first start.
    Start,
    /// The source changed.
    Source,
    Person,
    Rollback,
    Template,
}

impl How {
    pub const ALL: [Self; 5] = [Self::Start, Self::Source, Self::Person, Self::Rollback, Self::Template];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Source => "source",
            Self::Person => "person",
            Self::Rollback => "rollback",
            Self::Template => "template",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|how| how.as_str() == text)
    }
}

/// A person's word that the source does not take back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    pub actor: String,
    pub reason: Option<String>,
    pub at: i64,
}

/// A text's name.
pub fn text_digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// What a set of files is told apart by, whether it is a good bundle or not.
pub fn files_digest(files: &Files) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (path, bytes) in files {
        for part in [path.as_bytes(), bytes] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    hash.finalize().into()
}
