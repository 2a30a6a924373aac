//! Asking the access policies: may this caller do this, and what may they do at all.
//! Never: an answer of its own. It asks the engine, for machine accounts twice: for themselves and for their owner.

use std::collections::BTreeSet;
use std::sync::Arc;

use legator_engine::{Approval, Ask, Bundle, Context, Decision, Facts, OtherKind, Outcome, Principal, Probe, Resource};
use legator_protocol::{CommandSpec, Invocation, Level};

use super::{ACTIONS, Act, Caller, Identity, IdentityFault, Kind, Permit, Person};
use crate::audit::Draft;
use crate::tenant::{Reach, Tenant};

/// A command of each level, by which the table of commands is asked what the policies say to that level.
const EXAMPLES: [(Level, &str); 4] = [
    (Level::Observe, "uptime"),
    (Level::Diagnose, "traceroute example.org"),
    (Level::Remediate, "systemctl restart nginx"),
    (Level::Destroy, "rm -rf /srv/old"),
];

/// What the access policies say to something that can wait for people.
#[derive(Debug)]
pub enum Judged<A> {
    Permitted(Permit<A>),
    /// It waits for this many approvals more.
    Held {
        approvals: u32,
        decision: Box<Decision>,
    },
}

impl Identity {
    /// Asks the access policies; the permit is what the verbs of the rooms demand.
    pub async fn permit<A: Act>(&self, caller: &Caller, resource: Resource) -> Result<Permit<A>, IdentityFault> {
        self.permit_in(caller, resource, caller.context()).await
    }

    /// The same in circumstances that the caller alone does not make: how a vote came in, say.
    pub async fn permit_in<A: Act>(
        &self,
        caller: &Caller,
        resource: Resource,
        context: Context,
    ) -> Result<Permit<A>, IdentityFault> {
        let decision = self.asked_for(A::ACTION, caller, resource.clone(), context);
        match decision.outcome {
            Outcome::Allow => Ok(Permit::new(caller.clone())),
            _ => Err(self.refused(A::ACTION, caller, resource, decision).await?),
        }
    }

    /// Asks the access policies about something that can wait for people.
    pub async fn judge<A: Act>(
        &self,
        caller: &Caller,
        resource: Resource,
        context: Context,
    ) -> Result<Judged<A>, IdentityFault> {
        let decision = self.asked_for(A::ACTION, caller, resource.clone(), context);
        match decision.outcome {
            Outcome::Allow => Ok(Judged::Permitted(Permit::new(caller.clone()))),
            Outcome::Hold { approvals } => Ok(Judged::Held { approvals, decision: Box::new(decision) }),
            _ => Err(self.refused(A::ACTION, caller, resource, decision).await?),
        }
    }

    /// What would be answered, without an entry: for whoever only wants to know.
    pub fn foresee<A: Act>(&self, caller: &Caller, resource: Resource, context: Context) -> Decision {
        self.ask_in(A::ACTION, caller, resource, context)
    }

    /// The refusal, when it is on record.
    async fn refused(
        &self,
        action: &'static str,
        caller: &Caller,
        resource: Resource,
        decision: Decision,
    ) -> Result<IdentityFault, IdentityFault> {
        let body = serde_json::json!({
            "action": action,
            "resource": resource,
            "decision": decision,
        });
        let draft =
            Draft::new("access.refused", caller.person.name.clone(), action).tenant(&caller.person.home()).body(body);
        self.0.ledger.append(self.0.clock.now(), draft).await?;
        let name = caller.person.name.clone();
        Ok(IdentityFault::Forbidden { name, action, decision: Box::new(decision) })
    }

    /// Whether a list shows this to the caller.
    pub fn may<A: Act>(&self, caller: &Caller, resource: Resource) -> bool {
        matches!(self.ask(A::ACTION, caller, resource).outcome, Outcome::Allow)
    }

    /// Why the caller would be refused, in a sentence; `None` if they would not.
    pub fn why_not<A: Act>(&self, caller: &Caller, resource: Resource) -> Option<String> {
        let decision = self.ask(A::ACTION, caller, resource);
        (!matches!(decision.outcome, Outcome::Allow)).then_some(decision.rationale.summary)
    }

    /// The same in such circumstances.
    pub fn why_not_in<A: Act>(&self, caller: &Caller, resource: Resource, context: Context) -> Option<String> {
        let decision = self.ask_in(A::ACTION, caller, resource, context);
        (!matches!(decision.outcome, Outcome::Allow)).then_some(decision.rationale.summary)
    }

    /// Why policy would not let this person do it, however well they showed who they are; `None` if it would.
    pub fn why_not_person<A: Act>(&self, person: &Person, resource: Resource, context: Context) -> Option<String> {
        let context = Context { mfa: true, ..context };
        let ask = Ask::Operation(A::ACTION.to_owned());
        let (_, decision) = self.decide(person.principal(), ask, resource, context);
        (!matches!(decision.outcome, Outcome::Allow)).then_some(decision.rationale.summary)
    }

    /// Everybody whom policy would let do it, if they came with all that they have.
    pub fn who_may<A: Act>(&self, resource: &Resource) -> Vec<Arc<Person>> {
        let directory = self.0.directory.load();
        let context = Context {
            vote: Some(legator_engine::Ballot { enrolled: true, signed: true }),
            ..Context::new(legator_engine::Origin::Api)
        };
        let may = |person: &&Arc<Person>| {
            !person.disabled && self.why_not_person::<A>(person, resource.clone(), context.clone()).is_none()
        };
        directory.people.values().filter(may).cloned().collect()
    }

    /// An example of what votes are about, for asking whether somebody votes at all.
    pub fn could_vote(&self, person: &Person) -> bool {
        let mut resource = example_of(super::DecideApproval::ACTION);
        if let Resource::Approval(approval) = &mut resource {
            // One that they reach: what is elsewhere is nobody's to vote on.
            let (tenant, tags) = person.reach.example();
            (approval.tenant, approval.tags) = (tenant.said().map(str::to_owned), tags);
        }
        let vote = Some(legator_engine::Ballot { enrolled: true, signed: true });
        let context = Context { vote, ..Context::new(legator_engine::Origin::Api) };
        self.why_not_person::<super::DecideApproval>(person, resource, context).is_none()
    }

    /// The rules that decide now.
    pub fn bundle(&self) -> Arc<legator_engine::Bundle> {
        Arc::clone(&self.0.bundle.borrow())
    }

    /// Somebody who can be named to others, by id or name.
    pub fn named(&self, reach: &Reach, id_or_name: &str) -> Option<Arc<Person>> {
        self.0.directory.load().find(id_or_name).filter(|person| !person.disabled && person.reach.meets(reach))
    }

    fn ask(&self, action: &str, caller: &Caller, resource: Resource) -> Decision {
        self.ask_in(action, caller, resource, caller.context())
    }

    fn ask_in(&self, action: &str, caller: &Caller, resource: Resource, context: Context) -> Decision {
        self.ask_noting(action, caller, resource, context, |_, _| {})
    }

    /// The same, where the answer counts: it is kept, so that it can be decided again.
    fn asked_for(&self, action: &str, caller: &Caller, resource: Resource, context: Context) -> Decision {
        let home = caller.person.home();
        self.ask_noting(action, caller, resource, context, |facts, decision| self.note(&home, facts, decision))
    }

    fn ask_noting(
        &self,
        action: &str,
        caller: &Caller,
        resource: Resource,
        context: Context,
        note: impl Fn(Facts, &Decision),
    ) -> Decision {
        let ask = || Ask::Operation(action.to_owned());
        let (facts, decision) = self.decide(caller.principal(), ask(), resource.clone(), context.clone());
        note(facts, &decision);
        match &caller.owner {
            // Both have to be permitted, so the first refusal is the answer.
            Some(owner) if matches!(decision.outcome, Outcome::Allow) => {
                let (facts, decision) = self.decide(owner.principal(), ask(), resource, context);
                note(facts, &decision);
                decision
            }
            _ => decision,
        }
    }

    fn decide(&self, principal: Principal, ask: Ask, resource: Resource, context: Context) -> (Facts, Decision) {
        self.decide_by(&self.bundle(), principal, ask, resource, context)
    }

    fn decide_by(
        &self,
        rules: &Bundle,
        principal: Principal,
        ask: Ask,
        resource: Resource,
        context: Context,
    ) -> (Facts, Decision) {
        let resource = self.placed(resource);
        let at_ms = self.0.clock.now().max(0).cast_unsigned();
        let facts = Facts { at_ms, principal, ask, resource, context, capacity: None };
        let decision = legator_engine::decide(rules, &facts);
        (facts, decision)
    }

    /// What a caller may do somewhere: on the control plane, or on a probe without tags. What a guardrail holds until
    /// people agree counts, since it may be asked for.
    pub fn permissions(&self, caller: &Caller) -> Vec<&'static str> {
        let own = self.actions_of(&caller.principal(), &caller.context());
        let Some(owner) = &caller.owner else { return own };
        let bound = self.actions_of(&owner.principal(), &caller.context());
        own.into_iter().filter(|action| bound.contains(action)).collect()
    }

    /// What somebody with nothing but this role may do, by the policies that decide now.
    pub fn actions_of_role(&self, role: &str, kind: Kind) -> Vec<&'static str> {
        let nobody = Person { roles: BTreeSet::from([role.to_owned()]), kind, ..Person::nobody() };
        self.actions_of(&nobody.principal(), &Context::new(legator_engine::Origin::Api))
    }

    fn actions_of(&self, principal: &Principal, context: &Context) -> Vec<&'static str> {
        let operations = ACTIONS.iter().copied().filter(|action| {
            let ask = Ask::Operation((*action).to_owned());
            let (_, decision) = self.decide(principal.clone(), ask, example_of(action), context.clone());
            // Only what can wait for people is ever held, and it may be asked for.
            !matches!(decision.outcome, Outcome::Deny)
        });
        let levels = EXAMPLES.iter().filter(|(level, line)| {
            let run = Invocation::Argv(line.split(' ').map(str::to_owned).collect());
            let spec = CommandSpec { run, env: Default::default(), cwd: None, timeout_ms: 30_000 };
            let probe = Resource::Probe(Probe { id: "example".to_owned(), ..Probe::default() });
            let (_, decision) = self.decide(principal.clone(), Ask::Command(spec), probe, context.clone());
            decision.action == level.as_str() && !matches!(decision.outcome, Outcome::Deny)
        });
        let levels = levels.map(|(level, _)| level.as_str());
        levels.chain(operations).collect()
    }

    /// The roles that the policies in force speak of, and those that somebody has.
    pub fn roles(&self) -> BTreeSet<String> {
        let mut roles = self.roles_of_policies();
        roles.extend(self.0.directory.load().people.values().flat_map(|person| person.roles.iter().cloned()));
        roles
    }

    pub(super) fn roles_of_policies(&self) -> BTreeSet<String> {
        let bundle = Arc::clone(&self.0.bundle.borrow());
        let named = |source: &str| {
            let names = source.split("Role::\"").skip(1);
            names.filter_map(|rest| rest.split_once('"').map(|(name, _)| name.to_owned())).collect::<Vec<_>>()
        };
        bundle.policies().flat_map(|policy| named(&policy.source)).collect()
    }

    /// Whether policy would let this person manage people, however they come in.
    pub(super) fn could_administer(&self, person: &Person, second_factor: bool) -> bool {
        self.could_administer_by(&self.bundle(), person, second_factor)
    }

    /// The same by rules that may not decide yet.
    pub(super) fn could_administer_by(&self, rules: &Bundle, person: &Person, second_factor: bool) -> bool {
        let context = Context { mfa: second_factor, ..Context::new(legator_engine::Origin::Api) };
        let ask = Ask::Operation(super::ManageUsers::ACTION.to_owned());
        let (_, decision) = self.decide_by(rules, person.principal(), ask, Resource::control_plane(), context);
        // Of a tenant alone nobody could administer the house.
        matches!(decision.outcome, Outcome::Allow) && person.reach.has(&Tenant::default())
    }

    /// Whether these rules would let this person put other rules in force, or ask people whether they may.
    pub(super) fn could_activate_by(&self, rules: &Bundle, person: &Person, second_factor: bool) -> bool {
        let context = Context { mfa: second_factor, ..Context::new(legator_engine::Origin::Api) };
        let ask = Ask::Operation(super::ActivateBundle::ACTION.to_owned());
        let resource = Resource::other(OtherKind::Bundle, "another");
        !matches!(self.decide_by(rules, person.principal(), ask, resource, context).1.outcome, Outcome::Deny)
    }
}

/// Something that the action can be asked of.
fn example_of(action: &str) -> Resource {
    if action == super::GrantAhead::ACTION {
        return Resource::Probe(Probe { id: "example".to_owned(), ..Probe::default() });
    }
    let of_requests = [super::DecideApproval::ACTION, super::CommentApproval::ACTION, super::ReviewBreakglass::ACTION];
    if !of_requests.contains(&action) {
        return Resource::control_plane();
    }
    Resource::Approval(Approval {
        id: "example".to_owned(),
        requester: "somebody else".to_owned(),
        requester_acts_for: None,
        org: None,
        probe: "example".to_owned(),
        tags: BTreeSet::new(),
        tenant: None,
        level: Level::Remediate,
        command: "systemctl restart nginx".to_owned(),
    })
}
