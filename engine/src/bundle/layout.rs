//! What a bundle is made of: which paths belong to it, and which cannot.

use std::collections::BTreeMap;

use super::{Fault, nearest::nearest};

pub(crate) const SCHEMA: &str = "policies/schema.cedarschema";
pub(crate) const MANIFESTS: [&str; 2] = ["bundle.toml", "policies/bundle.toml"];
pub(crate) const MOST_BYTES: usize = 64 * 1024 * 1024;
pub(crate) const MOST_FILE_BYTES: usize = 4 * 1024 * 1024;
pub(crate) const MOST_FILES: usize = 20_000;
const LONGEST_PATH: usize = 200;
const DEEPEST: usize = 8;

/// What a script is for; its folder says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScriptKind {
    Admission,
    Alert,
    Job,
}

impl ScriptKind {
    pub const ALL: [Self; 3] = [Self::Admission, Self::Alert, Self::Job];

    /// The folder whose scripts are of this kind.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Admission => "scripts/admission/",
            Self::Alert => "scripts/alerts/",
            Self::Job => "scripts/jobs/",
        }
    }

    /// In a sentence: "an admission script".
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Admission => "an admission script",
            Self::Alert => "an alert script",
            Self::Job => "a job script",
        }
    }
}

/// What a file is to a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Manifest,
    Schema,
    Policies,
    PolicyCases,
    Commands,
    CommandCases,
    Script(ScriptKind),
    ScriptCases(ScriptKind),
}

impl Part {
    pub(crate) fn of(path: &str) -> Option<Self> {
        let cases = path.ends_with(".cases.toml");
        if MANIFESTS.contains(&path) {
            return Some(Self::Manifest);
        }
        if path == SCHEMA {
            return Some(Self::Schema);
        }
        if path.starts_with("policies/commands/") {
            return match path.ends_with(".toml") {
                true if cases => Some(Self::CommandCases),
                true => Some(Self::Commands),
                false => None,
            };
        }
        if path.starts_with("policies/") {
            return if cases { Some(Self::PolicyCases) } else { path.ends_with(".cedar").then_some(Self::Policies) };
        }
        let kind = ScriptKind::ALL.into_iter().find(|kind| path.starts_with(kind.folder()))?;
        if cases { Some(Self::ScriptCases(kind)) } else { path.ends_with(".rhai").then_some(Self::Script(kind)) }
    }

    /// The code of a mistake in such a file that has none of its own.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Schema => "schema",
            Self::Policies => "policy",
            Self::Commands => "command-table",
            Self::PolicyCases | Self::CommandCases | Self::ScriptCases(_) => "cases",
            Self::Script(_) => "script",
        }
    }
}

/// What is wrong with a path, whoever wrote it: it has to mean the same file on every machine, and one inside.
pub(crate) fn path_fault(path: &str) -> Option<Fault> {
    let shown: String = path.chars().take(LONGEST_PATH).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    let fault = |code: &str, message: String, help: &str| Some(Fault::whole(&shown, message).code(code).help(help));
    let escapes = path.split('/').any(|part| part == "..") || path.starts_with('/') || path.contains(['\\', ':']);
    if escapes {
        let message = format!("the path `{shown}` leads out of the bundle");
        return fault("path-escape", message, "name files from the bundle's folder on, as in `policies/own.cedar`");
    }
    if path.split('/').any(|part| part.is_empty() || part == ".") || path.is_empty() {
        return fault("path-name", format!("the path `{shown}` has an empty part"), "write it as `policies/own.cedar`");
    }
    if path.len() > LONGEST_PATH || path.split('/').count() > DEEPEST {
        let message = format!("the path is longer than {LONGEST_PATH} bytes or deeper than {DEEPEST} folders");
        return fault("path-name", message, "give it a shorter one");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._+@/".contains(c);
    if !path.chars().all(plain) {
        let message = format!("the path `{shown}` has characters that are not the same on every machine");
        return fault("path-name", message, "use letters, digits and `-`, `_`, `.`, `+`, `@`");
    }
    None
}

/// Two paths that are one file where case does not count.
pub(crate) fn case_faults<'p>(paths: impl Iterator<Item = &'p str>) -> Vec<Fault> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    let mut faults = Vec::new();
    for path in paths {
        if let Some(first) = seen.insert(path.to_ascii_lowercase(), path) {
            let message = format!("`{path}` and `{first}` differ only in case, and are one file on some machines");
            faults.push(Fault::whole(path, message).code("path-name").help("rename one of both"));
        }
    }
    faults
}

/// What lies where a bundle's files lie, and is read by nothing: probably a slip in its name.
pub(crate) fn unread<'p>(paths: impl Iterator<Item = &'p str>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for path in paths {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let (top, ending) = (folder.split('/').next().unwrap_or_default(), name.rsplit('.').next().unwrap_or_default());
        let document = ["md", "txt", "json", "csv", "png", "svg", "sh", "yml", "yaml"].contains(&ending);
        let here = nearest(top, ["policies", "scripts"]).is_some() || ["policies", "scripts"].contains(&top);
        if Part::of(path).is_some() || document || !here || name.starts_with('.') {
            continue;
        }
        let message = format!("nothing reads `{path}`");
        let folders = ["policies", "policies/commands", "scripts/admission", "scripts/alerts", "scripts/jobs"];
        let help = match (nearest(ending, ["cedar", "rhai", "toml"]), nearest(folder, folders)) {
            (Some(meant), _) => format!("is its ending `.{meant}`?"),
            (_, Some(meant)) => format!("does it belong into `{meant}/`?"),
            _ if top == "scripts" => {
                "scripts end in `.rhai` and lie in `scripts/admission/`, `scripts/alerts/` or `scripts/jobs/`"
                    .to_owned()
            }
            _ => "policies end in `.cedar`, cases in `.cases.toml`, tables lie in `policies/commands/`".to_owned(),
        };
        faults.push(Fault::whole(path, message).code("unread-file").help(help).warning());
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_one_part_or_none() {
        assert_eq!(Part::of("policies/a/b.cedar"), Some(Part::Policies));
        assert_eq!(Part::of("policies/commands/own.cases.toml"), Some(Part::CommandCases));
        assert_eq!(Part::of("policies/commands/own.cedar"), None);
        assert_eq!(Part::of("scripts/jobs/a.rhai"), Some(Part::Script(ScriptKind::Job)));
        assert_eq!(Part::of("scripts/a.rhai"), None);
        assert_eq!(Part::of("README.md"), None);
    }

    #[test]
    fn refuses_paths_that_lead_out_or_mean_another_file_elsewhere() {
        let code = |path: &str| path_fault(path).map(|fault| fault.code.into_string());
        assert_eq!(code("policies/a.cedar"), None);
        for path in ["../a.cedar", "policies/../../a.cedar", "/etc/passwd", "policies\\a.cedar", "C:/a.cedar"] {
            assert_eq!(code(path).as_deref(), Some("path-escape"), "{path}");
        }
        for path in ["", "policies//a.cedar", "policies/é.cedar", "policies/a b.cedar", "policies/\u{202e}.cedar"] {
            assert_eq!(code(path).as_deref(), Some("path-name"), "{path}");
        }
        assert_eq!(code(&"a/".repeat(9)).as_deref(), Some("path-name"));
        assert_eq!(case_faults(["policies/A.cedar", "policies/a.cedar"].into_iter()).len(), 1);
    }

    #[test]
    fn says_where_a_file_belongs_that_nothing_reads() {
        let found = |path: &str| unread(std::iter::once(path)).pop().and_then(|fault| fault.help);
        assert_eq!(found("policies/own.ceder").as_deref(), Some("is its ending `.cedar`?"));
        assert_eq!(found("scripts/alert/disk.rhai").as_deref(), Some("does it belong into `scripts/alerts/`?"));
        assert_eq!(found("policies/README.md"), None);
        assert_eq!(found("notes/own.cedar"), None);
    }
}
