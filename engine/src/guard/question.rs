//! A request as Cedar sees it: entities with their ancestors, and the context, both built from typed fields.
//! Never: JSON in between; building the context from JSON costs eight times as much.

use std::collections::HashSet;
use std::sync::Arc;

use cedar_policy_core::ast::{self, Entity, EntityType, EntityUID, EntityUIDEntry, Literal, PartialValue, Value};
use cedar_policy_core::entities::{Entities, NoEntitiesSchema, TCComputation};
use cedar_policy_core::extensions::Extensions;
use legator_protocol::{CommandSpec, Invocation};

use super::Way;
use super::vocabulary::{Has, Vocabulary};
use crate::decision::Classified;
use crate::facts::{Approvals, Ask, Context, DEFAULT_TENANT, Facts, Principal, Resource};

/// Operations that can wait for people, as commands do.
const APPROVABLE: [&str; 2] = ["activateBundle", "grantAhead"];

/// One request, ready to be held against policies.
pub(crate) struct Question {
    pub(crate) principal: Party,
    pub(crate) action: EntityUID,
    pub(crate) resource: Party,
    pub(crate) entities: Entities,
    pub(crate) way: Way,
    /// Whether people can agree to it, so that their approvals are part of its context.
    pub(crate) approvable: bool,
    /// What its context can take.
    pub(crate) has: Has,
    command: Option<Value>,
    time: Value,
    types: Arc<ContextTypes>,
}

/// A principal or a resource with everything that it is in, itself first.
pub(crate) struct Party {
    pub(crate) kind: EntityType,
    pub(crate) within: Vec<EntityUID>,
}

impl Party {
    pub(crate) fn uid(&self) -> Option<&EntityUID> {
        self.within.first()
    }

    pub(crate) fn is_in(&self, other: &EntityUID) -> bool {
        self.within.contains(other)
    }
}

/// What the context needs of the vocabulary.
pub(crate) struct ContextTypes {
    user: EntityType,
}

/// Why something cannot be asked at all.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unaskable {
    #[error("the schema has no action `{0}`")]
    NoAction(String),
    #[error("a `{principal}` cannot ask for `{action}` of a `{resource}`")]
    NotTaken { principal: String, action: String, resource: String },
    #[error("the entities of the request do not hold together: {0}")]
    Entities(String),
}

impl Question {
    pub(crate) fn new(
        vocabulary: &Vocabulary,
        action: &str,
        facts: &Facts,
        classified: Option<&Classified>,
        way: Way,
    ) -> Result<Self, Unaskable> {
        let (principal, principal_entity) = principal(vocabulary, &facts.principal);
        let (resource, resource_entity) = resource(vocabulary, &facts.resource);
        let asked = vocabulary.action(action).ok_or_else(|| Unaskable::NoAction(action.to_owned()))?;
        if !asked.takes(&principal.kind, &resource.kind) {
            let (principal, resource) = (principal.kind.to_string(), resource.kind.to_string());
            return Err(Unaskable::NotTaken { principal, action: action.to_owned(), resource });
        }
        let entities = Entities::from_entities(
            [principal_entity, resource_entity, asked.entity.clone()],
            None::<&NoEntitiesSchema>,
            TCComputation::AssumeAlreadyComputed,
            Extensions::all_available(),
        )
        .map_err(|error| Unaskable::Entities(error.to_string()))?;
        let command = match (&facts.ask, classified) {
            (Ask::Command(spec), Some(classified)) => Some(command(spec, classified)),
            _ => None,
        };
        let types = Arc::new(ContextTypes { user: vocabulary.types.of("User") });
        let has = asked.has;
        let approvable = command.is_some() || (has.approvals && APPROVABLE.contains(&action));
        let action = asked.uid.clone();
        let time = time(facts.at_ms);
        Ok(Self { principal, action, resource, entities, way, approvable, has, command, time, types })
    }

    /// The request with this context, for Cedar's evaluator.
    pub(crate) fn request(&self, context: &Context) -> ast::Request {
        let known = |uid: Option<&EntityUID>| match uid {
            Some(uid) => EntityUIDEntry::known(uid.clone(), None),
            None => EntityUIDEntry::unknown(),
        };
        ast::Request::new_unchecked(
            known(self.principal.uid()),
            EntityUIDEntry::known(self.action.clone(), None),
            known(self.resource.uid()),
            Some(self.context(context)),
        )
    }

    fn context(&self, context: &Context) -> ast::Context {
        let mut pairs: Vec<(&str, Value)> = Vec::with_capacity(8);
        if self.approvable {
            pairs.push(("approvals", self.approvals(&context.approvals)));
        }
        if let Some(command) = &self.command {
            pairs.push(("command", command.clone()));
        }
        if let Some(reason) = &context.breakglass {
            let uses = context.breakglass_uses.unwrap_or_default();
            let mut glass = vec![("reason", Value::from(reason.as_str()))];
            if self.has.glass_counts {
                glass.push(("recent", Value::from(i64::from(uses.recent))));
                glass.push(("unreviewed", Value::from(i64::from(uses.unreviewed))));
            }
            pairs.push(("breakglass", Value::record(glass, None)));
        }
        if let Some(reason) = &context.reason {
            pairs.push(("reason", Value::from(reason.as_str())));
        }
        if self.has.ballot {
            let ballot = context.vote.unwrap_or_default();
            pairs.push(("enrolled", Value::from(ballot.enrolled)));
            pairs.push(("signed", Value::from(ballot.signed)));
        }
        pairs.push(("mfa", Value::from(context.mfa)));
        pairs.push(("origin", Value::from(context.origin.as_str())));
        pairs.push(("tainted", Value::from(context.tainted)));
        pairs.push(("time", self.time.clone()));
        ast::Context::Value(Arc::new(pairs.into_iter().map(|(key, value)| (key.into(), value)).collect()))
    }

    fn approvals(&self, approvals: &Approvals) -> Value {
        let user = |id: &String| {
            Literal::from(EntityUID::from_components(self.types.user.clone(), ast::Eid::new(id.as_str()), None))
        };
        let count = i64::try_from(approvals.by.len()).unwrap_or(i64::MAX);
        let mut pairs = vec![
            ("by", Value::set_of_lits(approvals.by.iter().map(user), None)),
            ("count", Value::from(count)),
            ("groups", texts(&approvals.groups)),
        ];
        if self.has.signed {
            pairs.push(("signed", Value::set_of_lits(approvals.signed.iter().map(user), None)));
        }
        if let Some(grant) = approvals.grant.as_deref().filter(|_| self.has.grant) {
            pairs.push(("grant", Value::from(grant)));
        }
        Value::record(pairs, None)
    }
}

fn principal(vocabulary: &Vocabulary, principal: &Principal) -> (Party, Entity) {
    let types = &vocabulary.types;
    let kind = principal.kind.as_str();
    let mut within = vec![types.entity(kind, &principal.id)];
    within.extend(principal.roles.iter().map(|role| types.entity("Role", role)));
    within.extend(principal.groups.iter().map(|group| types.entity("Group", group)));
    let mut attributes =
        vec![("id", Value::from(principal.id.as_str())), ("name", Value::from(principal.name.as_str()))];
    if !principal.grants.is_empty() {
        bind(vocabulary, principal, &mut within, &mut attributes);
    }
    if matches!(kind, "Agent" | "Run") {
        put(&mut attributes, "acts_for", principal.acts_for.as_deref());
    }
    party(types.of(kind), within, attributes)
}

/// What somebody is bound to. Who has no grants is bound to nothing, and has none of these.
fn bind(
    vocabulary: &Vocabulary,
    principal: &Principal,
    within: &mut Vec<EntityUID>,
    attributes: &mut Vec<(&'static str, Value)>,
) {
    let entities = |kind: &'static str, grant: &'static str| -> Vec<EntityUID> {
        principal.granted(grant).map(|name| vocabulary.types.entity(kind, name)).collect()
    };
    let set = |entities: &[EntityUID]| Value::set_of_lits(entities.iter().cloned().map(Literal::from), None);
    let (tenants, orgs) = (entities("Tenant", "tenant"), entities("Org", "org"));
    if let ([_], []) = (&*tenants, &*orgs) {
        put(attributes, "tenant", principal.granted("tenant").next());
    }
    if vocabulary.tenancy {
        if !(tenants.is_empty() && orgs.is_empty()) {
            attributes.extend([("tenants", set(&tenants)), ("orgs", set(&orgs))]);
        }
        let scopes = entities("Tag", "scope");
        if !scopes.is_empty() {
            attributes.push(("scopes", set(&scopes)));
        }
        within.extend(orgs);
    }
    within.extend(tenants);
}

/// Where something stands: in its tenant, and in its tenant's organization.
fn stand(vocabulary: &Vocabulary, tenant: Option<&str>, org: Option<&str>, within: &mut Vec<EntityUID>) {
    let types = &vocabulary.types;
    if vocabulary.tenancy {
        within.push(types.entity("Tenant", tenant.unwrap_or(DEFAULT_TENANT)));
        within.extend(org.map(|org| types.entity("Org", org)));
    } else {
        within.extend(tenant.map(|tenant| types.entity("Tenant", tenant)));
    }
}

fn resource(vocabulary: &Vocabulary, resource: &Resource) -> (Party, Entity) {
    let types = &vocabulary.types;
    match resource {
        Resource::Probe(probe) => {
            let mut within = vec![types.entity("Probe", &probe.id)];
            within.extend(probe.tags.iter().map(|tag| types.entity("Tag", tag)));
            within.extend(probe.site.iter().map(|site| types.entity("Site", site)));
            stand(vocabulary, probe.tenant.as_deref(), probe.org.as_deref(), &mut within);
            let mut attributes = vec![
                ("id", Value::from(probe.id.as_str())),
                ("name", Value::from(probe.name.as_str())),
                ("hostname", Value::from(probe.hostname.as_str())),
                ("os", Value::from(probe.os.as_str())),
                ("arch", Value::from(probe.arch.as_str())),
                ("status", Value::from(probe.status.as_str())),
                ("tags", texts(&probe.tags)),
            ];
            put(&mut attributes, "site", probe.site.as_deref());
            put(&mut attributes, "tenant", probe.tenant.as_deref());
            party(types.of("Probe"), within, attributes)
        }
        Resource::Approval(approval) => {
            let mut within = vec![types.entity("Approval", &approval.id)];
            within.extend(approval.tags.iter().map(|tag| types.entity("Tag", tag)));
            stand(vocabulary, approval.tenant.as_deref(), approval.org.as_deref(), &mut within);
            let mut attributes = vec![
                ("requester", Value::from(approval.requester.as_str())),
                ("probe", Value::from(approval.probe.as_str())),
                ("level", Value::from(approval.level.as_str())),
                ("command", Value::from(approval.command.as_str())),
                ("tags", texts(&approval.tags)),
            ];
            put(&mut attributes, "requester_acts_for", approval.requester_acts_for.as_deref());
            put(&mut attributes, "tenant", approval.tenant.as_deref());
            party(types.of("Approval"), within, attributes)
        }
        Resource::Other(other) => {
            let kind = other.kind.as_str();
            party(types.of(kind), vec![types.entity(kind, &other.id)], Vec::new())
        }
    }
}

fn put(attributes: &mut Vec<(&'static str, Value)>, name: &'static str, value: Option<&str>) {
    attributes.extend(value.map(|value| (name, Value::from(value))));
}

fn party(kind: EntityType, within: Vec<EntityUID>, attributes: Vec<(&str, Value)>) -> (Party, Entity) {
    let uid = within.first().cloned();
    let parents = within.iter().skip(1).cloned().collect();
    let entity = Entity::new_with_attr_partial_value(
        uid.unwrap_or_else(|| EntityUID::from_components(kind.clone(), ast::Eid::new(""), None)),
        attributes.into_iter().map(|(name, value)| (name.into(), PartialValue::Value(value))),
        HashSet::new(),
        parents,
        [],
    );
    (Party { kind, within }, entity)
}

fn command(spec: &CommandSpec, classified: &Classified) -> Value {
    let argv: Vec<&str> = match &spec.run {
        Invocation::Argv(argv) => argv.iter().map(String::as_str).collect(),
        Invocation::Shell(_) => Vec::new(),
    };
    let mut pairs = vec![
        ("argv", texts(argv)),
        ("effects", texts(&classified.effects)),
        ("env", texts(spec.env.keys())),
        ("known", Value::from(classified.known)),
        ("level", Value::from(classified.level.as_str())),
        ("line", Value::from(spec.line().as_str())),
        ("parsed", Value::from(classified.parsed)),
        ("programs", texts(&classified.programs)),
        ("shell", Value::from(matches!(spec.run, Invocation::Shell(_)))),
        ("targets", texts(&classified.targets)),
        ("timeout_ms", Value::from(i64::try_from(spec.timeout_ms).unwrap_or(i64::MAX))),
    ];
    pairs.extend(spec.cwd.as_deref().map(|cwd| ("cwd", Value::from(cwd))));
    Value::record(pairs, None)
}

/// UTC, taken apart. Monday is 1.
fn time(at_ms: u64) -> Value {
    let minutes = at_ms / 60_000;
    let days = minutes / (24 * 60);
    let weekday = (days + 3) % 7 + 1; // 1970-01-01 was a Thursday
    let number = |n: u64| Value::from(i64::try_from(n).unwrap_or(i64::MAX));
    Value::record(
        [
            ("epoch_ms", number(at_ms)),
            ("hour", number(minutes / 60 % 24)),
            ("minute", number(minutes % 60)),
            ("weekday", number(weekday)),
        ],
        None,
    )
}

fn texts<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> Value {
    Value::set_of_lits(items.into_iter().map(|item| Literal::from(item.as_ref())), None)
}
