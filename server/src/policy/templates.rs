//! Policies through the API, for people without git: templates applied to a probe or a tag, and policies of one's own.
//! Each change is a revision that is derived from what decides, tried and put in force like any other.
//! Never: a file outside `policies/api/`; what authors wrote is theirs.

use legator_engine::{Fault, Link, Linked, read_links, write_links};

use super::activate::Wish;
use super::held::{Activations, Answer};
use super::publish::{Draft, OVERLAY};
use super::revision::{Files, Origin, OriginKind};
use super::{Policy, PolicyFault};
use crate::identity::{Caller, Permit, PublishBundle};

const LINKS: &str = "policies/api/links.toml";

/// A template, and what it is linked to.
pub struct Applied {
    pub template: legator_engine::Template,
    pub links: Vec<Link>,
}

impl Policy {
    /// The templates of the bundle that decides.
    pub fn templates(&self) -> Vec<Applied> {
        let bundle = self.bundle();
        let links = |id: &str| bundle.links().iter().filter(|link| link.template == id).cloned().collect();
        let one =
            |template: &legator_engine::Template| Applied { template: template.clone(), links: links(&template.id) };
        bundle.templates().iter().map(one).collect()
    }
}

impl Activations {
    /// Applies a template to a resource. Of templates with a ceiling a resource has one at a time: the last one applied.
    pub async fn apply(
        &self,
        caller: &Caller,
        permit: Permit<PublishBundle>,
        template: &str,
        to: Linked,
        wish: Wish,
    ) -> Result<Answer, PolicyFault> {
        let bundle = self.policy.bundle();
        let found = bundle.templates().iter().find(|known| known.id == template);
        let found = found.ok_or_else(|| PolicyFault::NoTemplate(template.to_owned()))?;
        let replaced = |link: &Link| {
            let other = bundle.templates().iter().find(|known| known.id == link.template);
            let level = found.ceiling.is_some() && other.is_some_and(|other| other.ceiling.is_some());
            link.resource.as_ref() == Some(&to) && (link.template == template || level)
        };
        let (mut files, mut links) = self.ours(&bundle).await?;
        links.retain(|link| !replaced(link));
        let id = format!("{template}.{}.{}", to.kind.to_lowercase(), to.id);
        let message = format!("apply `{template}` to {} `{}`", to.kind.to_lowercase(), to.id);
        links.push(Link { id, template: template.to_owned(), principal: None, resource: Some(to) });
        files.insert(LINKS.to_owned(), write_links(&links).into_bytes());
        self.derive(caller, permit, files, message, wish).await
    }

    /// Takes a template back from a resource.
    pub async fn unapply(
        &self,
        caller: &Caller,
        permit: Permit<PublishBundle>,
        template: &str,
        from: Linked,
        wish: Wish,
    ) -> Result<Answer, PolicyFault> {
        let (mut files, mut links) = self.ours(&self.policy.bundle()).await?;
        let before = links.len();
        links.retain(|link| link.template != template || link.resource.as_ref() != Some(&from));
        if links.len() == before {
            return Err(PolicyFault::NotApplied { template: template.to_owned(), to: from.id });
        }
        let message = format!("take `{template}` back from {} `{}`", from.kind.to_lowercase(), from.id);
        if links.is_empty() {
            files.remove(LINKS);
        } else {
            files.insert(LINKS.to_owned(), write_links(&links).into_bytes());
        }
        self.derive(caller, permit, files, message, wish).await
    }

    /// Adds a policy or a template in Cedar, or replaces the one of that name that was added so.
    pub async fn write(
        &self,
        caller: &Caller,
        permit: Permit<PublishBundle>,
        name: &str,
        source: String,
        wish: Wish,
    ) -> Result<Answer, PolicyFault> {
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if !plain || !(1..=100).contains(&name.len()) {
            return Err(PolicyFault::Invalid("`name` is 1 to 100 letters, digits, `-` or `_`".to_owned()));
        }
        let (mut files, _) = self.ours(&self.policy.bundle()).await?;
        let [policy, template] = places(name);
        files.remove(&policy);
        files.remove(&template);
        // With something to fill in it is a template.
        let place = if source.contains("?principal") || source.contains("?resource") { template } else { policy };
        files.insert(place, source.into_bytes());
        self.derive(caller, permit, files, format!("write policy `{name}`"), wish).await
    }

    /// Takes away what was added so.
    pub async fn erase(
        &self,
        caller: &Caller,
        permit: Permit<PublishBundle>,
        name: &str,
        wish: Wish,
    ) -> Result<Answer, PolicyFault> {
        let (mut files, _) = self.ours(&self.policy.bundle()).await?;
        let gone = places(name).into_iter().filter(|place| files.remove(place).is_some()).count();
        if gone == 0 {
            return Err(PolicyFault::NotOurs(name.to_owned()));
        }
        self.derive(caller, permit, files, format!("take policy `{name}` away"), wish).await
    }

    /// The files of what decides, and the links among them that the API wrote.
    async fn ours(&self, bundle: &legator_engine::Bundle) -> Result<(Files, Vec<Link>), PolicyFault> {
        let files = self.policy.files(bundle.revision()).await?;
        let refused = |fault: Fault| PolicyFault::Refused { from: LINKS.to_owned(), faults: vec![fault] };
        let links = match files.get(LINKS) {
            Some(bytes) => read_links(LINKS, &String::from_utf8_lossy(bytes)).map_err(refused)?,
            None => Vec::new(),
        };
        Ok((files, links))
    }

    async fn derive(
        &self,
        caller: &Caller,
        permit: Permit<PublishBundle>,
        files: Files,
        message: String,
        wish: Wish,
    ) -> Result<Answer, PolicyFault> {
        let base = self.policy.bundle().revision().to_owned();
        let origin = Origin::of(OriginKind::Template).at(base.clone());
        let draft = Draft { files, origin, message: Some(message.clone()) };
        let (revision, _) = self.policy.publish(permit, draft).await?;
        // Derived from what decided when it was read: if another decides by now, nothing is lost by trying again.
        let wish = Wish { reason: wish.reason.or(Some(message)), expect: Some(base) };
        self.activate(caller, &revision, wish).await
    }
}

fn places(name: &str) -> [String; 2] {
    [format!("{OVERLAY}{name}.cedar"), format!("{OVERLAY}templates/{name}.cedar")]
}
