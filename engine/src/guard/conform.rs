//! Whether a schema takes what the engine supplies. A schema that does not would let policies speak of what never
//! comes, so that they err or stay silent when it counts.

use std::collections::BTreeSet;

use cedar_policy::{Entities, Request};
use legator_protocol::{CommandSpec, Level};

use super::Way;
use super::question::Question;
use super::vocabulary::Vocabulary;
use crate::bundle::Fault;
use crate::decision::Classified;
use crate::facts::{
    Approval, Ask, Ballot, BreakglassUses, Context, Facts, Origin, OtherKind, Principal, PrincipalKind, Probe, Resource,
};

/// One fault for each action that does not take an ordinary request, with everything that is optional and without.
pub(super) fn faults(file: &str, vocabulary: &Vocabulary) -> Vec<Fault> {
    let mut faults = Vec::new();
    for level in Level::ALL {
        if vocabulary.action(level.as_str()).is_none() {
            faults
                .push(Fault::whole(file, format!("the schema has no action `{level}`, which commands are judged as")));
        }
    }
    let mut said = BTreeSet::new();
    for name in vocabulary.askable() {
        for facts in examples(vocabulary, name) {
            if let Some(why) = misfit(vocabulary, name, &facts)
                && said.insert(why.clone())
            {
                let message = format!("the schema does not take what the engine supplies for `{name}`: {why}");
                faults.push(Fault::whole(file, message).help("compare it with the schema that ships"));
            }
        }
    }
    faults
}

fn misfit(vocabulary: &Vocabulary, name: &str, facts: &Facts) -> Option<String> {
    let classified = matches!(facts.ask, Ask::Command(_)).then(|| classified(name));
    let question = match Question::new(vocabulary, name, facts, classified.as_ref(), Way::Indexed) {
        Ok(question) => question,
        Err(unaskable) => return Some(unaskable.to_string()),
    };
    let request = Request::from(question.request(&facts.context));
    let checked = Request::new(
        request.principal()?.clone(),
        request.action()?.clone(),
        request.resource()?.clone(),
        request.context()?.clone(),
        Some(&vocabulary.schema),
    );
    if let Err(error) = checked {
        return Some(error.to_string());
    }
    let entities = Entities::from(question.entities.clone()).into_iter();
    Entities::from_entities(entities, Some(&vocabulary.schema)).err().map(|error| {
        match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        }
    })
}

/// A bare and a full request for each pair of kinds that the action takes.
fn examples(vocabulary: &Vocabulary, name: &str) -> Vec<Facts> {
    let Some(action) = vocabulary.action(name) else { return Vec::new() };
    let ask = match name.parse::<Level>() {
        Ok(_) => Ask::Command(CommandSpec::argv(["true"])),
        Err(_) => Ask::Operation(name.to_owned()),
    };
    let of = |kind: &str| vocabulary.types.of(kind);
    let mut examples = Vec::new();
    for (full, kind) in [false, true].into_iter().flat_map(|full| PrincipalKind::ALL.map(|kind| (full, kind))) {
        for resource in resources(full).into_iter().filter(|it| action.takes(&of(kind.as_str()), &of(it.kind()))) {
            let (principal, ask, context) = (principal(kind, full), ask.clone(), context(full));
            examples.push(Facts { at_ms: 0, principal, ask, resource, context, capacity: None });
        }
    }
    examples
}

fn classified(name: &str) -> Classified {
    let one = || BTreeSet::from(["true".to_owned()]);
    let level = name.parse().unwrap_or(Level::Destroy);
    let (parts, look) = (Vec::new(), Vec::new());
    Classified { level, parsed: true, known: true, programs: one(), effects: one(), targets: one(), parts, look }
}

fn given(full: bool) -> Option<String> {
    full.then(|| "given".to_owned())
}

fn principal(kind: PrincipalKind, full: bool) -> Principal {
    let mut principal = Principal::new(kind, "id");
    if full {
        principal.roles.insert("role".to_owned());
        principal.groups.insert("group".to_owned());
    }
    if full {
        principal.grants = ["tenant:given", "org:given", "scope:given"].map(str::to_owned).into();
    }
    principal.acts_for = given(full);
    principal
}

fn resources(full: bool) -> Vec<Resource> {
    let tags: BTreeSet<String> = given(full).into_iter().collect();
    let id = || "id".to_owned();
    let probe = Probe { id: id(), tags: tags.clone(), site: given(full), ..Probe::default() };
    let probe = Probe { tenant: given(full), org: given(full), ..probe };
    let approval = Approval {
        id: id(),
        requester: id(),
        requester_acts_for: given(full),
        probe: id(),
        tags,
        org: given(full),
        tenant: given(full),
        level: Level::Remediate,
        command: "true".to_owned(),
    };
    let others = OtherKind::ALL.into_iter().map(|kind| Resource::other(kind, "id"));
    [Resource::Probe(probe), Resource::Approval(approval)].into_iter().chain(others).collect()
}

fn context(full: bool) -> Context {
    let mut context = Context::new(Origin::Api);
    if full {
        context.approvals.by.insert("given".to_owned());
        context.approvals.groups.insert("given".to_owned());
        context.approvals.signed.insert("given".to_owned());
        context.breakglass_uses = Some(BreakglassUses { recent: 1, unreviewed: 1 });
        context.vote = Some(Ballot { enrolled: true, signed: true });
    }
    (context.breakglass, context.reason) = (given(full), given(full));
    context.approvals.grant = given(full);
    context
}
