//! What policies can speak of: the schema, its actions, and the entity types that the engine supplies.

use std::collections::BTreeMap;
use std::ops::Range;

use cedar_policy::{Schema, SchemaFragment};
use cedar_policy_core::ast::{Eid, Entity, EntityType, EntityUID, Name};
use cedar_policy_core::validator::ValidatorSchema;
use cedar_policy_core::validator::types::Type;
use miette::Diagnostic;

use super::depth;
use crate::bundle::Fault;

/// The schema, taken apart for quick questions.
pub(crate) struct Vocabulary {
    pub(crate) schema: Schema,
    pub(crate) types: Types,
    /// Whether the schema speaks of organizations. One from before them is not given what it could not take.
    pub(crate) tenancy: bool,
    actions: BTreeMap<String, Action>,
}

/// An action, and what it can be asked of.
pub(crate) struct Action {
    pub(crate) uid: EntityUID,
    pub(crate) entity: Entity,
    /// Itself and every group that it is in.
    pub(crate) within: Vec<EntityUID>,
    principals: Vec<EntityType>,
    resources: Vec<EntityType>,
    pub(crate) has: Has,
}

/// What the context of an action came to have after the first schema. Every revision keeps the schema that it was
/// written with, and one from before is not given what it could not take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Has {
    /// `approvals`, of what can wait for people.
    pub(crate) approvals: bool,
    /// `approvals.signed`: whose vote is signed.
    pub(crate) signed: bool,
    /// `approvals.grant`: what was agreed to ahead. Without it a policy could not tell it from a vote, so none counts.
    pub(crate) grant: bool,
    /// `enrolled` and `signed`, of a vote.
    pub(crate) ballot: bool,
    /// `breakglass.recent` and `breakglass.unreviewed`.
    pub(crate) glass_counts: bool,
}

impl Has {
    fn of(schema: &Schema, action: &EntityUID) -> Self {
        let schema: &ValidatorSchema = schema.as_ref();
        let context = schema.context_type(action);
        let knows = |of: &str, attribute: &str| {
            attribute_of(context, of).is_some_and(|inner| attribute_of(Some(inner), attribute).is_some())
        };
        Self {
            approvals: attribute_of(context, "approvals").is_some(),
            signed: knows("approvals", "signed"),
            grant: knows("approvals", "grant"),
            ballot: attribute_of(context, "enrolled").is_some(),
            glass_counts: knows("breakglass", "recent"),
        }
    }
}

fn attribute_of<'t>(record: Option<&'t Type>, name: &str) -> Option<&'t Type> {
    let Some(Type::Record { attrs, .. }) = record else { return None };
    attrs.iter().find(|(known, _)| known.as_str() == name).map(|(_, attribute)| attribute.attr_type.as_ref())
}

impl Action {
    pub(crate) fn takes(&self, principal: &EntityType, resource: &EntityType) -> bool {
        self.principals.contains(principal) && self.resources.contains(resource)
    }
}

/// The names of the entity types, parsed once.
pub(crate) struct Types {
    named: BTreeMap<&'static str, EntityType>,
    fallback: EntityType,
}

const TYPES: [&str; 17] = [
    "Action",
    "Agent",
    "Alert",
    "Approval",
    "AuditLog",
    "Bundle",
    "ControlPlane",
    "Group",
    "Job",
    "Org",
    "Probe",
    "Role",
    "Run",
    "ServiceAccount",
    "Site",
    "Tag",
    "Tenant",
];

impl Types {
    fn new() -> Result<Self, String> {
        let mut named = BTreeMap::new();
        for name in TYPES.into_iter().chain(["Token", "User"]) {
            named.insert(name, parse(name)?);
        }
        Ok(Self { named, fallback: parse("Unknown")? })
    }

    /// The type of that name. One that is not in the list is a type that no policy can name.
    pub(crate) fn of(&self, name: &str) -> EntityType {
        self.named.get(name).unwrap_or(&self.fallback).clone()
    }

    pub(crate) fn entity(&self, kind: &str, id: &str) -> EntityUID {
        EntityUID::from_components(self.of(kind), Eid::new(id), None)
    }
}

fn parse(name: &str) -> Result<EntityType, String> {
    Ok(EntityType::from(Name::parse_unqualified_name(name).map_err(|error| error.to_string())?))
}

impl Vocabulary {
    /// Reads the schema, and checks that it takes what the engine supplies.
    pub(crate) fn parse(file: &str, text: &str, shipped: &str) -> Result<Self, Vec<Fault>> {
        let whole = |message: String| vec![Fault::whole(file, message)];
        if let Some(fault) = depth::too_deep(file, text, depth::Text::Schema) {
            return Err(vec![fault]);
        }
        let (fragment, _) = SchemaFragment::from_cedarschema_str(text)
            .map_err(|error| coded(faults_of(file, text, &error, "the schema cannot be read"), "schema-syntax"))?;
        if let Some(fault) = depth::too_large(file, fragment.clone()) {
            return Err(vec![fault]);
        }
        let schema = Schema::from_schema_fragments([fragment.clone()])
            .map_err(|error| coded(super::unsound::faults(file, text, fragment, &error), "schema"))?;
        let types = Types::new().map_err(|error| whole(format!("the schema cannot be used: {error}")))?;
        let entities = schema.action_entities().map_err(|error| whole(error.to_string()))?;
        let entities: &cedar_policy_core::entities::Entities = entities.as_ref();
        let mut actions = BTreeMap::new();
        for entity in entities.iter() {
            let uid = entity.uid().clone();
            let (principals, resources) = applies_to(&schema, &types, &uid);
            let within = std::iter::once(uid.clone()).chain(entity.ancestors().cloned()).collect();
            let has = Has::of(&schema, &uid);
            let action = Action { uid: uid.clone(), entity: entity.clone(), within, principals, resources, has };
            actions.insert(AsRef::<str>::as_ref(uid.eid()).to_owned(), action);
        }
        let tenancy = schema.entity_types().any(|name| name.to_string() == "Org");
        let vocabulary = Self { schema, types, tenancy, actions };
        // The schema that ships is known to conform; a test says so.
        let faults = if text == shipped {
            Vec::new()
        } else {
            coded(super::conform::faults(file, &vocabulary), "schema-narrow")
        };
        if faults.is_empty() { Ok(vocabulary) } else { Err(faults) }
    }

    pub(crate) fn action(&self, name: &str) -> Option<&Action> {
        self.actions.get(name)
    }

    /// The actions that something can be asked for with; groups are left out.
    pub(crate) fn askable(&self) -> impl Iterator<Item = &str> {
        self.actions.iter().filter(|(_, action)| !action.principals.is_empty()).map(|(name, _)| name.as_str())
    }

    /// Every action that is in `group`, itself included.
    pub(crate) fn members<'v>(&'v self, group: &'v EntityUID) -> impl Iterator<Item = &'v EntityUID> {
        self.actions.values().filter(move |action| action.within.contains(group)).map(|action| &action.uid)
    }
}

fn applies_to(schema: &Schema, types: &Types, action: &EntityUID) -> (Vec<EntityType>, Vec<EntityType>) {
    let uid = cedar_policy::EntityUid::from(action.clone());
    let of = |name: &cedar_policy::EntityTypeName| types.of(&name.to_string());
    (
        schema.principals_for_action(&uid).map(|names| names.map(of).collect()).unwrap_or_default(),
        schema.resources_for_action(&uid).map(|names| names.map(of).collect()).unwrap_or_default(),
    )
}

fn coded(faults: Vec<Fault>, code: &str) -> Vec<Fault> {
    let help = "take `policies/schema.cedarschema` as it ships, and add to it what is yours";
    let helped = faults.into_iter().map(|fault| {
        let help = fault.help.clone().unwrap_or_else(|| help.to_owned());
        fault.code(code).help(help)
    });
    helped.collect()
}

/// One fault for each place that a diagnostic names, or one for the file where it names none.
pub(crate) fn faults_of(file: &str, text: &str, error: &dyn Diagnostic, attempt: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for part in std::iter::once(error).chain(error.related().into_iter().flatten()) {
        let message = format!("{attempt}: {part}");
        let help = part.help().map(|help| help.to_string());
        let fault = match place_of(part) {
            Some(range) => Fault::at(file, text, range, message),
            None => Fault::whole(file, message),
        };
        faults.push(Fault { help, ..fault });
    }
    faults
}

/// The first place that a diagnostic points at.
pub(crate) fn place_of(error: &dyn Diagnostic) -> Option<Range<usize>> {
    let label = error.labels()?.next()?;
    Some(label.offset()..label.offset() + label.len())
}
