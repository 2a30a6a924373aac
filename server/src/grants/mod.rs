//! Agreeing ahead: somebody asks that commands of one pattern may pass for a while without asking each time, and people
//! decide on that as on anything that waits. What they read and vote on is a Cedar policy; it counts from their agreement on.
//! Never: a grant without people, whatever policy says, and none that reaches further than what they read.

pub mod api;
mod held;

use std::collections::BTreeSet;
use std::sync::Arc;

use legator_engine::grant::{Pattern, PatternFault};
use legator_engine::{Approvals as Agreed, Asking, Context, Decision, Linked, Outcome, Probe, Resource};
use legator_protocol::{ApprovalId, GrantId, Level};
use sha2::{Digest as _, Sha256};

pub use self::held::reconcile_grants;

use crate::approvals::{About, ApprovalFault, Approvals, Asked, Grant, GrantState, Request, RequestState, Subject};
use crate::clock::Clock;
use crate::fleet::{Fleet, FleetFault, Probe as Host};
use crate::identity::{Caller, GrantAhead, Identity, IdentityFault, Judged, Kind, Permit, ViewFleet};
use crate::tenant::Reach;

/// The longest that something is agreed to for.
const LONGEST_MS: i64 = 90 * 24 * 60 * 60 * 1000;

/// How long people have to agree.
const PATIENCE_MS: i64 = 24 * 60 * 60 * 1000;

/// Has commands agreed to ahead. Cheap to clone.
#[derive(Clone)]
pub struct Ahead {
    pub clock: Clock,
    pub approvals: Approvals,
    pub identity: Identity,
    pub fleet: Fleet,
}

/// What somebody wants agreed to ahead.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Whose commands, by id or name; the caller's own, if absent.
    pub principal: Option<String>,
    pub place: Place,
    pub level: Level,
    pub programs: BTreeSet<String>,
    pub effects: BTreeSet<String>,
    pub line: Option<String>,
    pub duration_ms: i64,
    pub most_uses: Option<u32>,
    pub reason: String,
}

#[derive(Clone, Debug)]
pub enum Place {
    /// By id or name.
    Probe(String),
    Tag(String),
}

/// What a wish would come to.
pub struct Preview {
    /// The Cedar policy that people would read and vote on.
    pub policy: String,
    /// In words.
    pub line: String,
    /// The hosts that it would be for now.
    pub hosts: Vec<Arc<Host>>,
    /// How many people would have to agree; none where policy refuses.
    pub approvals: Option<u32>,
    /// Why so many, or why it is refused.
    pub why: String,
}

#[derive(Debug, thiserror::Error)]
pub enum GrantFault {
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Pattern(#[from] PatternFault),
    #[error(transparent)]
    Fleet(#[from] FleetFault),
    #[error(transparent)]
    Identity(#[from] IdentityFault),
    #[error(transparent)]
    Approval(#[from] ApprovalFault),
}

/// What policy said, and how many people it takes.
enum Answer {
    Agreed(Permit<GrantAhead>),
    Waits { approvals: u32, why: String, asking: Asking },
}

impl Ahead {
    /// Asks people whether this may be agreed to.
    pub async fn ask(&self, caller: &Caller, wish: Wish) -> Result<(Grant, Arc<Request>), GrantFault> {
        self.check(&wish)?;
        let about = self.about(caller, wish.clone())?;
        let policy = pattern(&about, self.kind_of(&about)?).policy()?;
        let (approvals, why, asking) = match self.judge(caller, &about, Agreed::default()).await? {
            Answer::Waits { approvals, why, asking } => (approvals, why, asking),
            // Policy wants nobody; a grant is people's agreement all the same.
            Answer::Agreed(_) => (
                1,
                "needs 1 more approval: what is agreed to ahead, another person agrees to".to_owned(),
                Asking::default(),
            ),
        };
        let now = self.clock.now();
        let id = self.clock.born(GrantId::born);
        let approval = self.clock.born(ApprovalId::born);
        let within = asking.within_ms.map_or(PATIENCE_MS, |ms| i64::try_from(ms).unwrap_or(i64::MAX).min(PATIENCE_MS));
        let expires_at = now.saturating_add(within);
        let probe = self.standing_for(&about)?;
        let request = Request {
            id: approval,
            subject: Subject::Grant { grant: id },
            digest: binding(&policy, wish.duration_ms, wish.most_uses, &about.requester, expires_at),
            asked: Asked {
                requester: about.requester.clone(),
                requester_name: about.requester_name.clone(),
                key: Some(caller.by.remembered(caller.mfa)),
                acts_for: caller.owner.as_ref().map(|owner| owner.id.to_string()),
                probe_name: about.place_name.clone(),
                tags: probe.tags.clone(),
                tenant: about.whose(),
                level: Some(about.level),
                line: in_words(&about, wish.duration_ms, wish.most_uses),
                reason: Some(about.reason.clone()),
                why,
                ..Asked::default()
            }
            .asking(&asking),
            needed: approvals,
            state: RequestState::Pending,
            created_at: now,
            expires_at,
            closed_at: None,
            escalated_at: None,
            votes: Vec::new(),
        };
        let grant = Grant {
            id,
            approval,
            about,
            policy,
            state: GrantState::Pending,
            duration_ms: wish.duration_ms,
            most_uses: wish.most_uses,
            used: 0,
            created_at: now,
            agreed_at: None,
            until: None,
            voices: Vec::new(),
            ended_at: None,
            ended_by: None,
            ended_why: None,
        };
        let request = self.approvals.ask_ahead(grant.clone(), request).await?;
        Ok((grant, request))
    }

    /// What asking for this would come to. Nothing is asked, and nothing is written down.
    pub fn preview(&self, caller: &Caller, wish: Wish) -> Result<Preview, GrantFault> {
        self.check(&wish)?;
        let about = self.about(caller, wish.clone())?;
        let policy = pattern(&about, self.kind_of(&about)?).policy()?;
        let context = Context { reason: Some(about.reason.clone()), ..caller.context() };
        let resource = Resource::Probe(self.standing_for(&about)?);
        let decision = self.identity.foresee::<GrantAhead>(caller, resource, context);
        let approvals = match decision.outcome {
            // Policy wants nobody; a grant is people's agreement all the same.
            Outcome::Allow => Some(1),
            Outcome::Hold { approvals } => Some(approvals),
            _ => None,
        };
        let line = in_words(&about, wish.duration_ms, wish.most_uses);
        Ok(Preview { hosts: self.hosts_of(caller, &about)?, policy, line, approvals, why: decision.rationale.summary })
    }

    /// The hosts that it would be for now, of those that the caller may see and whom it is for reaches.
    fn hosts_of(&self, caller: &Caller, about: &About) -> Result<Vec<Arc<Host>>, GrantFault> {
        let sees = |host: &Arc<Host>| {
            let status = self.fleet.standing(host.id).status;
            self.identity.may::<ViewFleet>(caller, host.resource(status))
        };
        if about.place_kind == "Probe" {
            let host = self.fleet.find(&caller.reach, &about.place)?;
            return Ok(Some(host).filter(sees).into_iter().collect());
        }
        let theirs = self.identity.person(&about.principal).map(|person| person.reach.clone());
        let reach = theirs.map_or_else(|| caller.reach.clone(), |theirs| caller.reach.and(&theirs));
        Ok(self.fleet.tagged(&reach, &about.place).into_iter().filter(sees).collect())
    }

    fn check(&self, wish: &Wish) -> Result<(), GrantFault> {
        let invalid = |why: &str| Err(GrantFault::Invalid(why.to_owned()));
        if !(60_000..=LONGEST_MS).contains(&wish.duration_ms) {
            return invalid("`for_s` has to be between a minute and 90 days");
        }
        if wish.reason.trim().is_empty() || wish.reason.len() > 2_000 {
            return invalid("`reason` says what it is for, in 1 to 2,000 bytes");
        }
        if wish.most_uses == Some(0) {
            return invalid("`uses` is at least 1");
        }
        Ok(())
    }

    fn about(&self, caller: &Caller, wish: Wish) -> Result<About, GrantFault> {
        let principal = match &wish.principal {
            None => Arc::clone(&caller.person),
            Some(name) => {
                let found = self.identity.named(&caller.reach, name);
                found.ok_or_else(|| {
                    GrantFault::Invalid(format!("there is nobody `{name}` whose commands it could cover"))
                })?
            }
        };
        let (place_kind, place, place_name, tenant) = match wish.place {
            Place::Probe(name) => {
                let probe = self.fleet.find(&caller.reach, &name)?;
                ("Probe".to_owned(), probe.id.to_string(), probe.name.clone(), probe.tenant.clone())
            }
            // Who it is for reaches only their own hosts with the tag, whatever it says.
            Place::Tag(tag) => {
                ("Tag".to_owned(), tag.clone(), format!("every host tagged {tag}"), caller.person.home())
            }
        };
        Ok(About {
            principal: principal.id.to_string(),
            principal_name: principal.name.clone(),
            place_kind,
            place,
            place_name,
            level: wish.level,
            programs: wish.programs,
            effects: wish.effects,
            line: wish.line,
            reason: wish.reason,
            requester: caller.person.id.to_string(),
            requester_name: caller.person.name.clone(),
            tenant: tenant.said().map(str::to_owned),
        })
    }

    fn kind_of(&self, about: &About) -> Result<&'static str, GrantFault> {
        let person = self.identity.person(&about.principal);
        let person = person.ok_or_else(|| GrantFault::Invalid("who it is for may no longer do anything".to_owned()))?;
        Ok(match person.kind {
            Kind::User => "User",
            Kind::Service => "ServiceAccount",
            Kind::Agent => "Agent",
        })
    }

    /// The probe that policies on `grantAhead` are asked about: the one that it is for, or one that has just the tag.
    fn standing_for(&self, about: &About) -> Result<Probe, GrantFault> {
        if about.place_kind == "Probe" {
            let probe = self.fleet.find(&Reach::everything(), &about.place)?;
            return Ok(Probe {
                id: probe.id.to_string(),
                name: probe.name.clone(),
                tags: probe.tags.clone(),
                tenant: about.tenant.clone(),
                ..Probe::default()
            });
        }
        let tags = BTreeSet::from([about.place.clone()]);
        let (id, tenant) = (format!("any host tagged {}", about.place), about.tenant.clone());
        Ok(Probe { id, tags, tenant, ..Probe::default() })
    }

    async fn judge(&self, caller: &Caller, about: &About, agreed: Agreed) -> Result<Answer, GrantFault> {
        let resource = Resource::Probe(self.standing_for(about)?);
        let context = Context { reason: Some(about.reason.clone()), approvals: agreed, ..caller.context() };
        Ok(match self.identity.judge::<GrantAhead>(caller, resource, context).await? {
            Judged::Permitted(permit) => Answer::Agreed(permit),
            Judged::Held { approvals, decision } => {
                let (why, asking) = (decision.rationale.summary.clone(), self.asking(&decision));
                Answer::Waits { approvals, why, asking }
            }
        })
    }

    fn asking(&self, decision: &Decision) -> Asking {
        let bundle = self.identity.bundle();
        let holds = |id: &str| decision.rationale.policies.iter().any(|policy| policy.id == id);
        let holding = bundle.policies().filter(|policy| holds(&policy.id));
        holding.fold(Asking::default(), |asking, policy| asking.and(&policy.asking))
    }
}

fn pattern(about: &About, kind: &str) -> Pattern {
    Pattern {
        principal: Linked::new(kind, &about.principal),
        resource: Linked::new(&about.place_kind, &about.place),
        level: about.level,
        programs: about.programs.clone(),
        effects: about.effects.clone(),
        line: about.line.clone(),
    }
}

fn in_words(about: &About, duration_ms: i64, most_uses: Option<u32>) -> String {
    let programs: Vec<&str> = about.programs.iter().map(String::as_str).collect();
    let line = about.line.as_deref().map(|line| format!(" as `{line}`")).unwrap_or_default();
    let uses = most_uses.map(|most| format!(", {most} times at most")).unwrap_or_default();
    let minutes = duration_ms / 60_000;
    let long = match minutes {
        minutes if minutes % (24 * 60) == 0 => format!("{} days", minutes / (24 * 60)),
        minutes if minutes % 60 == 0 => format!("{} hours", minutes / 60),
        minutes => format!("{minutes} minutes"),
    };
    format!(
        "let {} run {}{line} on {}, up to {}, for {long}{uses}",
        about.principal_name,
        programs.join(", "),
        about.place_name,
        about.level
    )
}

/// What a vote binds to: exactly this policy, for so long, so often, for this person, until then.
fn binding(policy: &str, duration_ms: i64, most_uses: Option<u32>, requester: &str, expires_at: i64) -> String {
    let mut hash = Sha256::new();
    hash.update(b"legator grant v1");
    let uses = most_uses.map(u64::from).unwrap_or(u64::MAX).to_be_bytes();
    for part in [policy.as_bytes(), &duration_ms.to_be_bytes(), &uses, requester.as_bytes(), &expires_at.to_be_bytes()]
    {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}
