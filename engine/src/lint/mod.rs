//! What is not wrong with a bundle and yet not right: slow, dead, untested or unexplained policies and scripts.
//!
//! Each rule has a code in `rules.rs`. `[lint]` of the manifest switches it off or to `error`, `@lint_allow("code")` on a
//! policy and a comment `lint_allow: code` in any other file let it pass there.
//! Never: decides whether a bundle is taken; that is `bundle check`.

mod conditions;
mod files;
mod policies;
mod rules;
mod scope;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use rules::RULES;

use crate::bundle::nearest::nearest;
use crate::bundle::{Bundle, Fault, Grade, Manifest, Part, Switch, plain};
use crate::guard::Guardrail;

/// Everything that the rules look at.
struct Looked<'b> {
    bundle: &'b Bundle,
    manifest: &'b Manifest,
    texts: &'b BTreeMap<String, String>,
}

impl Looked<'_> {
    fn guardrails(&self) -> &[Arc<Guardrail>] {
        self.bundle.guard.guardrails()
    }

    fn text(&self, file: &str) -> &str {
        self.texts.get(file).map_or("", String::as_str)
    }

    /// A finding on the head of a policy.
    fn on(&self, guardrail: &Guardrail, code: &str, message: String) -> Fault {
        let head = guardrail.info.source.find("permit").into_iter().chain(guardrail.info.source.find("forbid")).min();
        let at = guardrail.offset + head.unwrap_or_default();
        Fault::at(&guardrail.info.file, self.text(&guardrail.info.file), at..at + "permit".len(), message).code(code)
    }
}

/// Looks at a bundle that `bundle check` finds nothing wrong with; else gives what that finds.
pub fn lint(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<Fault>, Vec<Fault>> {
    let looked = Bundle::inspect(files);
    let Some(bundle) = looked.bundle else { return Err(looked.findings) };
    let known = files.iter().filter(|(path, _)| Part::of(path).is_some());
    let texts: BTreeMap<String, String> =
        known.map(|(path, bytes)| (path.clone(), String::from_utf8_lossy(&plain(bytes)).into_owned())).collect();
    let manifests = texts.iter().find(|(path, _)| Part::of(path) == Some(Part::Manifest));
    let manifest = manifests.map(|(path, text)| Manifest::parse(path, text).0).unwrap_or_default();
    let looked = Looked { bundle: &bundle, manifest: &manifest, texts: &texts };
    let mut found = Vec::new();
    policies::look(&looked, &mut found);
    conditions::look(&looked, &mut found);
    files::look(&looked, &mut found);
    let mut found: Vec<Fault> = found.into_iter().filter(|fault| !allowed(&looked, fault)).collect();
    unknown(&looked, &mut found);
    let switched = |code: &str| {
        let found = manifest.lint.iter().find(|(name, _)| name.get_ref() == code);
        found.map(|(_, switch)| *switch)
    };
    found.retain(|fault| switched(&fault.code) != Some(Switch::Off));
    for fault in &mut found {
        let rule = RULES.iter().find(|rule| *rule.name == *fault.code);
        fault.grade = match switched(&fault.code) {
            Some(Switch::Error) => Grade::Error,
            Some(Switch::Warning) => Grade::Warning,
            _ => rule.map_or(Grade::Warning, |rule| rule.grade),
        };
        if fault.help.is_none() {
            fault.help = rule.map(|rule| rule.mend.to_owned());
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Whether the place of a finding says that it is meant so.
fn allowed(looked: &Looked<'_>, fault: &Fault) -> bool {
    let within = |guardrail: &&Arc<Guardrail>| {
        let span = guardrail.info.span;
        guardrail.info.file == fault.file && span.line <= fault.line && fault.line <= span.end_line
    };
    let policy = looked.guardrails().iter().find(within);
    policy.is_some_and(|guardrail| allowances(guardrail).any(|code| code == &*fault.code))
        || Part::of(&fault.file) != Some(Part::Policies)
            && comments(looked.text(&fault.file)).any(|(_, code)| code == &*fault.code)
}

fn allowances(guardrail: &Guardrail) -> impl Iterator<Item = &str> {
    let values = guardrail.policy.annotations().filter(|(key, _)| key.as_ref() == "lint_allow");
    values.flat_map(|(_, value)| value.val.split(',').map(str::trim))
}

/// Codes that a file lets pass by a comment, with the number of the line.
fn comments(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let said = text.lines().enumerate().filter_map(|(n, line)| {
        let comment = line.trim_start().trim_start_matches(['/', '#']);
        (comment.len() < line.trim_start().len())
            .then(|| comment.trim_start().strip_prefix("lint_allow:").map(|codes| (n, codes)))?
    });
    said.flat_map(|(n, codes)| codes.split(',').map(move |code| (n + 1, code.trim())))
}

/// Codes that are named where something is switched or allowed, and that no rule has.
fn unknown(looked: &Looked<'_>, found: &mut Vec<Fault>) {
    let names: BTreeSet<&str> = RULES.iter().map(|rule| rule.name).collect();
    let help = |wrong: &str| match nearest(wrong, names.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "`legatorctl bundle lint --explain` lists the rules".to_owned(),
    };
    let message = |code: &str| format!("there is no rule `{code}`");
    for guardrail in looked.guardrails() {
        for code in allowances(guardrail).filter(|code| !names.contains(code)) {
            found.push(looked.on(guardrail, "unknown-rule", message(code)).help(help(code)));
        }
    }
    for (file, text) in looked.texts {
        for (line, code) in comments(text).filter(|(_, code)| !names.contains(code)) {
            let line = u32::try_from(line).unwrap_or(u32::MAX);
            let fault = Fault::on_line(file, text, line, 1, 1, message(code)).code("unknown-rule");
            found.push(fault.help(help(code)));
        }
        if Part::of(file) == Some(Part::Manifest) {
            for (name, _) in looked.manifest.lint.iter().filter(|(name, _)| !names.contains(name.get_ref().as_str())) {
                let fault = Fault::at(file, text, name.span(), message(name.get_ref())).code("unknown-rule");
                found.push(fault.help(help(name.get_ref())));
            }
        }
    }
}
