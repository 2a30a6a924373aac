//! `bundle.toml`: what a bundle says about itself.

use serde::Deserialize;

use super::Fault;
use crate::script::Limits;

/// A bundle's manifest. Everything has a default, so a bundle without one is complete.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Manifest {
    pub(crate) approvals: ApprovalsManifest,
    pub(crate) admission: Limits,
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

const MOST_APPROVALS: u32 = 16;

impl Manifest {
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, Fault> {
        let manifest: Self = toml::from_str(text).map_err(|error| {
            Fault::at(
                file,
                text,
                error.span().unwrap_or_default(),
                format!("the manifest cannot be read: {}", error.message()),
            )
        })?;
        if manifest.approvals.most > MOST_APPROVALS {
            let place = text.find("most").unwrap_or_default();
            let message = format!("`most` is {}; at most {MOST_APPROVALS} are tried", manifest.approvals.most);
            return Err(Fault::at(file, text, place..place + "most".len(), message));
        }
        if let Some(name) = manifest.admission.excessive() {
            let place = text.find(name).unwrap_or_default();
            let message = format!("`{name}` is zero or out of bounds");
            let help = format!("the most that a bundle may ask for is {:?}", Limits::MOST);
            return Err(Fault::at(file, text, place..place + name.len(), message).help(help));
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_manifest_is_the_default() {
        assert_eq!(Manifest::parse("bundle.toml", "").unwrap(), Manifest::default());
    }

    #[test]
    fn points_at_what_it_does_not_know_and_at_what_is_too_much() {
        let fault = |text: &str| Manifest::parse("bundle.toml", text).unwrap_err();
        assert_eq!(fault("\n[limits]\n").line, 2);
        assert_eq!(fault("[approvals]\nmost = 99").line, 2);
        let fault = fault("[admission]\n  operations = 0\n");
        assert_eq!((fault.line, fault.column), (2, 3));
    }
}
