//! `bundle.toml`: what a bundle says about itself.

use std::collections::{BTreeMap, BTreeSet};

use semver::{Version, VersionReq};
use serde::Deserialize;
use toml::Spanned;

use super::Fault;
use super::written::{self, MANIFEST};
use crate::script::Limits;

/// A bundle's manifest. Everything has a default, so a bundle without one is complete.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Manifest {
    pub(crate) name: Option<Spanned<String>>,
    /// Which engines may read it, as cargo writes versions: `">=0.1, <0.3"`.
    pub(crate) engine: Option<Spanned<String>>,
    pub(crate) approvals: ApprovalsManifest,
    pub(crate) admission: Limits,
    pub(crate) alerts: Limits,
    pub(crate) jobs: Limits,
    pub(crate) coverage: Gate,
    pub(crate) names: Names,
    /// Rules of `bundle lint` that are switched: off, a warning, or an error.
    pub(crate) lint: BTreeMap<Spanned<String>, Switch>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ApprovalsManifest {
    /// How many hypothetical approvals are tried before a refusal is final.
    pub(crate) most: u32,
}

impl Default for ApprovalsManifest {
    fn default() -> Self {
        Self { most: 3 }
    }
}

/// What has to be covered before a change is good, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gate {
    /// Clauses of policies that cases have seen hold and fail.
    pub clauses: u8,
    /// Mutants that some case kills.
    pub mutants: u8,
}

impl Default for Gate {
    fn default() -> Self {
        Self { clauses: 95, mutants: 90 }
    }
}

/// The names that exist outside of the bundle. Where a list is given, a policy that names another is mistaken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Names {
    pub(crate) roles: Option<BTreeSet<String>>,
    pub(crate) groups: Option<BTreeSet<String>>,
    pub(crate) tags: Option<BTreeSet<String>>,
    pub(crate) sites: Option<BTreeSet<String>>,
    pub(crate) tenants: Option<BTreeSet<String>>,
    pub(crate) orgs: Option<BTreeSet<String>>,
}

impl Names {
    /// The names of entities of one type, if they are listed.
    pub(crate) fn of(&self, kind: &str) -> Option<&BTreeSet<String>> {
        match kind {
            "Role" => self.roles.as_ref(),
            "Group" => self.groups.as_ref(),
            "Tag" => self.tags.as_ref(),
            "Site" => self.sites.as_ref(),
            "Tenant" => self.tenants.as_ref(),
            "Org" => self.orgs.as_ref(),
            _ => None,
        }
    }
}

/// What becomes of what a lint rule finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Switch {
    Off,
    Warning,
    Error,
}

const MOST_APPROVALS: u32 = 16;
const LONGEST_NAME: usize = 64;

impl Manifest {
    /// Reads the manifest, with all that is wrong with it. What could be read counts, so that the rest can be checked.
    pub(crate) fn parse(file: &str, text: &str) -> (Self, Vec<Fault>) {
        let manifest: Self = match written::read(file, text, "the manifest cannot be read", MANIFEST) {
            Ok(manifest) => manifest,
            Err(faults) => return (Self::default(), faults),
        };
        let faults = manifest.faults(file, text);
        (manifest, faults)
    }

    fn faults(&self, file: &str, text: &str) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |range: std::ops::Range<usize>, message: String, help: String| {
            faults.push(Fault::at(file, text, range, message).code("manifest-value").help(help));
        };
        if let Some(name) = &self.name
            && !names_a_bundle(name.get_ref())
        {
            let message = format!("`{}` names no bundle", name.get_ref());
            fault(name.span(), message, format!("lower-case letters, digits and `-`, at most {LONGEST_NAME}"));
        }
        if let Some(range) = &self.engine {
            match (VersionReq::parse(range.get_ref()), Version::parse(super::ENGINE)) {
                (Ok(wanted), Ok(engine)) if !wanted.matches(&engine) => {
                    let message = format!("the bundle is for engines `{}`, and this is {engine}", range.get_ref());
                    let found = Fault::at(file, text, range.span(), message).code("engine-version");
                    faults.push(found.help("use a server and `legatorctl` of that range, or widen it"));
                }
                (Err(error), _) => {
                    let message = format!("`{}` is no range of versions: {error}", range.get_ref());
                    let found = Fault::at(file, text, range.span(), message).code("manifest-value");
                    faults.push(found.help("write it as in `engine = \">=0.1, <0.3\"`"));
                }
                _ => {}
            }
        }
        let mut value = |section: &str, key: &str, message: String, help: String| {
            faults.push(Fault::at(file, text, key_in(text, section, key), message).code("manifest-value").help(help));
        };
        if self.approvals.most > MOST_APPROVALS {
            let message = format!("`most` is {}; at most {MOST_APPROVALS} are tried", self.approvals.most);
            value("approvals", "most", message, "three is plenty: each is another person to find".to_owned());
        }
        for (section, limits) in [("admission", &self.admission), ("alerts", &self.alerts), ("jobs", &self.jobs)] {
            if let Some(name) = limits.excessive() {
                let Limits { operations, call_levels, string_bytes, array_items, map_items } = Limits::MOST;
                let help = format!(
                    "at most operations = {operations}, call_levels = {call_levels}, string_bytes = {string_bytes}, \
                     array_items = {array_items}, map_items = {map_items}, and none is zero"
                );
                value(section, name, format!("`{name}` is zero or out of bounds"), help);
            }
        }
        for (key, percent) in [("clauses", self.coverage.clauses), ("mutants", self.coverage.mutants)] {
            if percent > 100 {
                value("coverage", key, format!("`{key}` is {percent} %"), "at most 100".to_owned());
            }
        }
        faults
    }
}

fn names_a_bundle(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(plain) && !name.starts_with('-')
}

/// Where a key of a section stands; the beginning if it stands nowhere.
fn key_in(text: &str, section: &str, key: &str) -> std::ops::Range<usize> {
    let place = || {
        let document = toml::de::DeTable::parse(text).ok()?;
        let (_, value) = document.get_ref().iter().find(|(name, _)| name.get_ref() == section)?;
        let (name, _) = value.get_ref().as_table()?.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(name.span())
    };
    place().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Fault {
        let (_, mut faults) = Manifest::parse("bundle.toml", text);
        assert_eq!(faults.len(), 1, "{faults:#?}");
        faults.remove(0)
    }

    #[test]
    fn an_empty_manifest_is_the_default() {
        let (manifest, faults) = Manifest::parse("bundle.toml", "");
        assert_eq!(faults, []);
        assert_eq!((manifest.approvals.most, manifest.coverage), (3, Gate { clauses: 95, mutants: 90 }));
    }

    #[test]
    fn points_at_what_it_does_not_know_and_at_what_is_too_much() {
        let of = |text: &str| {
            let found = fault(text);
            (found.line, found.column, found.code.into_string())
        };
        assert_eq!(of("\n[limits]\n"), (2, 2, "manifest-key".to_owned()));
        assert_eq!(of("[approvals]\nmost = 99"), (2, 1, "manifest-value".to_owned()));
        assert_eq!(of("# operations\n[admission]\n  operations = 0\n"), (3, 3, "manifest-value".to_owned()));
        assert_eq!(of("[coverage]\nclauses = 101"), (2, 1, "manifest-value".to_owned()));
        assert_eq!(of("name = 'My Bundle'"), (1, 8, "manifest-value".to_owned()));
        assert_eq!(of("engine = 'new'"), (1, 10, "manifest-value".to_owned()));
        assert_eq!(of("engine = '>=7'"), (1, 10, "engine-version".to_owned()));
        assert_eq!(of("[lint]\nbare-permit = 'maybe'"), (2, 15, "manifest-value".to_owned()));
    }

    #[test]
    fn several_mistakes_are_said_at_once() {
        let (_, faults) = Manifest::parse("bundle.toml", "nmae = 'a'\n\n[coverage]\nclause = 3\nmutants = 'all'\n");
        assert_eq!(faults.len(), 3, "{faults:#?}");
        assert_eq!(faults[0].help.as_deref(), Some("did you mean `name`?"));
    }
}
