//! Policy templates and what they are linked to: a template is a Cedar policy with `?principal` or `?resource` in its
//! scope, and a link fills these in. What comes out is a policy like any other, validated and indexed with the rest.
//! Never: a link that names no template, or a template that decides anything by itself.

use std::collections::BTreeSet;
use std::ops::Range;

use cedar_policy_core::ast::{Eid, EntityType, EntityUID, Name};
use cedar_policy_core::parser::{cst, text_to_cst};
use legator_protocol::Level;
use serde::{Deserialize, Serialize};

use super::Fault;
use super::kept::Texts;
use crate::guard::policy;

/// Where links stand: the author's own, and those that the server writes for people without git.
pub(super) const LINKS: [&str; 2] = ["policies/links.toml", "policies/api/links.toml"];
/// What a principal is, or is in.
const PRINCIPALS: &[&str] = &["User", "ServiceAccount", "Agent", "Run", "Role", "Group"];
/// What a probe is, or is in.
const RESOURCES: &[&str] = &["Probe", "Tag", "Site", "Tenant", "Org"];
const FOLDERS: [&str; 2] = ["policies/templates/", "policies/api/templates/"];

/// A policy with something left to fill in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its `@id`.
    pub id: String,
    /// Its `@rationale`.
    pub rationale: String,
    /// Its `@ceiling`: the highest level that a probe which it is linked to takes at all.
    pub ceiling: Option<Level>,
    /// Whether it wants a principal, and a resource.
    pub principal: bool,
    pub resource: bool,
    pub file: String,
    pub source: String,
    /// Where the text of its `@id` stands in its source.
    name: Range<usize>,
    /// Its place in its file, in lines.
    line: u32,
}

/// What a template is linked to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The `@id` of the policy that comes out.
    pub id: String,
    pub template: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Linked>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Linked>,
}

/// An entity that fills a place in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linked {
    pub kind: String,
    pub id: String,
}

impl Linked {
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self { kind: kind.into(), id: id.into() }
    }

    pub(crate) fn text(&self) -> Option<String> {
        let name = Name::parse_unqualified_name(&self.kind).ok()?;
        Some(EntityUID::from_components(EntityType::from(name), Eid::new(self.id.as_str()), None).to_string())
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    link: Vec<Link>,
}

/// The text of a file of links.
pub fn write_links(links: &[Link]) -> String {
    let written = Written { link: links.to_vec() };
    format!(
        "# Written by the server. One entry for each template that is applied.\n\n{}",
        toml::to_string(&written).unwrap_or_default()
    )
}

/// The links of such a file.
pub fn read_links(file: &str, text: &str) -> Result<Vec<Link>, Fault> {
    let written: Written = toml::from_str(text).map_err(|error| {
        let message = format!("the links cannot be read: {}", error.message());
        Fault::at(file, text, error.span().unwrap_or_default(), message)
    })?;
    Ok(written.link)
}

/// Templates and links of a bundle, and the policies that come out of them, by a file of their own each.
#[derive(Default)]
pub(super) struct Expanded {
    pub(super) templates: Vec<Template>,
    pub(super) links: Vec<Link>,
    pub(super) policies: Texts,
}

pub(super) fn is_template(path: &str) -> bool {
    FOLDERS.iter().any(|folder| path.starts_with(folder)) && path.ends_with(".cedar")
}

pub(super) fn expand(texts: &Texts, faults: &mut Vec<Fault>) -> Expanded {
    let mut out = Expanded::default();
    let mut known = BTreeSet::new();
    for (file, text) in texts.iter().filter(|(path, _)| is_template(path)) {
        for template in templates(file, text, faults) {
            if known.insert(template.id.clone()) {
                out.templates.push(template);
            } else {
                let message = format!("there is a template `{}` already", template.id);
                faults.push(Fault::on_line(file, text, template.line, 1, 1, message));
            }
        }
    }
    let mut named = BTreeSet::new();
    for (file, text) in LINKS.iter().filter_map(|file| Some((*file, texts.get(*file)?))) {
        let links = match read_links(file, text) {
            Ok(links) => links,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        for link in links {
            let place = text.find(&format!("\"{}\"", link.id)).unwrap_or_default();
            let fault = |message: String| Fault::at(file, text, place..place + link.id.len() + 2, message);
            if !named.insert(link.id.clone()) {
                faults.push(fault(format!("there is a link `{}` already", link.id)));
                continue;
            }
            match out.templates.iter().find(|template| template.id == link.template) {
                Some(template) => match template.fill(&link) {
                    Ok(policy) => {
                        out.policies.insert(format!("{file}#{}", link.id), policy.into());
                    }
                    Err(why) => faults.push(fault(why)),
                },
                None => {
                    let known: Vec<&str> = out.templates.iter().map(|template| template.id.as_str()).collect();
                    let help = format!("templates of this bundle: {}", known.join(", "));
                    faults.push(fault(format!("there is no template `{}`", link.template)).help(help));
                }
            }
            out.links.push(link);
        }
    }
    out
}

impl Template {
    /// The policy that comes out when a link fills the template in.
    fn fill(&self, link: &Link) -> Result<String, String> {
        for (wanted, given, name) in
            [(self.principal, &link.principal, "principal"), (self.resource, &link.resource, "resource")]
        {
            match (wanted, given.is_some()) {
                (true, false) => return Err(format!("template `{}` wants a `{name}`", self.id)),
                (false, true) => return Err(format!("template `{}` takes no `{name}`", self.id)),
                _ => {}
            }
        }
        // Cedar takes any entity here, and a policy on one that nothing is in would never apply.
        for (given, known, name) in
            [(&link.principal, PRINCIPALS, "principal"), (&link.resource, RESOURCES, "resource")]
        {
            if let Some(given) = given.as_ref().filter(|given| !known.contains(&given.kind.as_str())) {
                return Err(format!("`{}` is no entity type of a `{name}`; one of {}", given.kind, known.join(", ")));
            }
        }
        let text = |linked: &Option<Linked>| match linked {
            Some(linked) => linked.text().ok_or_else(|| format!("`{}` is no entity type", linked.kind)),
            None => Ok(String::new()),
        };
        let (principal, resource) = (text(&link.principal)?, text(&link.resource)?);
        let name = format!("\"{}\"", link.id.escape_debug());
        let (head, tail) = (self.source.get(..self.name.start), self.source.get(self.name.end..));
        let whole = format!("{}{name}{}", head.unwrap_or_default(), tail.unwrap_or_default());
        Ok(filled(&whole, &principal, &resource))
    }
}

/// The text with its slots filled in; what stands in strings and comments is left alone.
pub(crate) fn filled(text: &str, principal: &str, resource: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let end = match letter {
            '"' => string_end(rest),
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '?' if rest.starts_with("?principal") => {
                out.push_str(principal);
                rest = rest.get("?principal".len()..).unwrap_or_default();
                continue;
            }
            '?' if rest.starts_with("?resource") => {
                out.push_str(resource);
                rest = rest.get("?resource".len()..).unwrap_or_default();
                continue;
            }
            other => other.len_utf8(),
        };
        let (taken, left) = rest.split_at_checked(end).unwrap_or((rest, ""));
        out.push_str(taken);
        rest = left;
    }
    out
}

fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return at + 1,
            _ => escaped = false,
        }
    }
    text.len()
}

fn templates(file: &str, text: &str, faults: &mut Vec<Fault>) -> Vec<Template> {
    // Filled in with anything it has to be a policy; columns behind a slot are those of the filled text.
    let before = faults.len();
    let policies = policy::parse(file, &filled(text, "Role::\"any\"", "Tag::\"any\""), faults);
    if faults.len() > before {
        return Vec::new();
    }
    let Ok(parsed) = text_to_cst::parse_policies(text) else { return Vec::new() };
    let Some(trees) = parsed.as_inner() else { return Vec::new() };
    let mut found = Vec::new();
    for (node, policy) in trees.0.iter().zip(policies) {
        let (Some(loc), Some(cst::Policy::Policy(tree))) = (&node.loc, node.as_inner()) else { continue };
        let source = text.get(loc.start()..loc.end()).unwrap_or_default().to_owned();
        let (mut name, mut ceiling) = (0..0, None);
        for annotation in tree.annotations.iter().filter_map(|annotation| annotation.as_inner()) {
            let key = annotation.key.as_inner().map(ToString::to_string).unwrap_or_default();
            let Some(value) = &annotation.value else { continue };
            let Some(place) = value.loc.as_ref().map(|at| at.start()..at.end()) else { continue };
            let said = text.get(place.clone()).unwrap_or_default().trim_matches('"');
            match key.as_str() {
                "id" => name = place.start.saturating_sub(loc.start())..place.end.saturating_sub(loc.start()),
                "ceiling" => match said.parse::<Level>() {
                    Ok(level) => ceiling = Some(level),
                    Err(_) => {
                        let help = "a ceiling is `observe`, `diagnose`, `remediate` or `destroy`";
                        faults.push(Fault::at(file, text, place, format!("`{said}` is no level")).help(help));
                    }
                },
                _ => {}
            }
        }
        let (principal, resource) = (slot(&source, "?principal"), slot(&source, "?resource"));
        if !principal && !resource {
            let message = format!("template `{}` has nothing to fill in", policy.info.id);
            let help = "write `?principal` or `?resource` in its scope, or move it out of the folder of templates";
            faults.push(Fault::on_line(file, text, policy.info.span.line, 1, 1, message).help(help));
            continue;
        }
        let (id, rationale, line) = (policy.info.id, policy.info.rationale, policy.info.span.line);
        let file = file.to_owned();
        found.push(Template { id, rationale, ceiling, principal, resource, file, source, name, line });
    }
    found
}

/// Whether a slot is there, outside strings and comments.
fn slot(source: &str, name: &str) -> bool {
    let (principal, resource) = if name == "?principal" { ("\u{1}", "") } else { ("", "\u{1}") };
    filled(source, principal, resource).contains('\u{1}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_in_slots_and_nothing_that_looks_like_one() {
        let text = "@x(\"?resource \\\" ?resource\") // ?resource\npermit (principal, action, resource in ?resource);";
        let out = filled(text, "", "Tag::\"lab\"");
        assert_eq!(
            out,
            "@x(\"?resource \\\" ?resource\") // ?resource\npermit (principal, action, resource in Tag::\"lab\");"
        );
    }

    #[test]
    fn what_is_written_reads_back() {
        let links = [Link {
            id: "observe-only.a\"b".to_owned(),
            template: "observe-only".to_owned(),
            principal: None,
            resource: Some(Linked::new("Tag", "a\"b\n")),
        }];
        assert_eq!(read_links("x", &write_links(&links)).unwrap(), links);
        assert_eq!(links[0].resource.as_ref().unwrap().text().unwrap(), "Tag::\"a\\\"b\\n\"");
    }
}
