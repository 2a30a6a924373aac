//! Broken glass: one command, on one host, now, that passed only because somebody broke the glass for it.
//! It is loud, it is counted among the facts of the next one, and it stays open until another person has looked at it.
//! Never: lets a command pass. Policy does, and it sees how often the glass was broken before.

use std::sync::Arc;

use legator_engine::{BreakglassUses, Resource};
use legator_protocol::{CommandId, Level, ProbeId};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::{ApprovalFault, Approvals, store};
use crate::audit::{Batch, Draft, WriteFault};
use crate::identity::{Permit, ReviewBreakglass};
use crate::tenant::{Reach, Tenant};

/// What counts as recent.
const RECENT_MS: i64 = 24 * 60 * 60 * 1000;

#[derive(Clone, Debug)]
pub struct Break {
    pub about: BreakAbout,
    pub at: i64,
    pub review: Option<Review>,
}

/// Who, where, what and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BreakAbout {
    pub command: CommandId,
    pub probe: ProbeId,
    pub probe_name: String,
    #[serde(default)]
    pub tags: std::collections::BTreeSet<String>,
    #[serde(default)]
    pub tenant: Option<String>,
    pub level: Level,
    pub line: String,
    pub person: String,
    pub person_name: String,
    #[serde(default)]
    pub acts_for: Option<String>,
    pub reason: String,
}

/// What another person said of it afterwards.
#[derive(Clone, Debug)]
pub struct Review {
    pub at: i64,
    pub person: String,
    pub name: String,
    pub verdict: Verdict,
    pub note: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Justified,
    Unjustified,
}

impl Verdict {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Justified => "justified",
            Self::Unjustified => "unjustified",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        [Self::Justified, Self::Unjustified].into_iter().find(|verdict| verdict.as_str() == text)
    }
}

impl BreakAbout {
    pub fn whose(&self) -> Tenant {
        Tenant::of_column(self.tenant.as_deref())
    }
}

impl Break {
    /// Whether somebody who reaches so far may know of it.
    pub fn is_within(&self, reach: &Reach) -> bool {
        reach.covers(&self.about.whose(), &self.about.tags)
    }

    /// What the policies on `reviewBreakglass` see.
    pub fn resource(&self) -> Resource {
        let about = &self.about;
        Resource::Approval(legator_engine::Approval {
            id: about.command.to_string(),
            requester: about.person.clone(),
            requester_acts_for: about.acts_for.clone(),
            probe: about.probe.to_string(),
            tags: about.tags.clone(),
            org: None,
            tenant: about.tenant.clone(),
            level: about.level,
            command: about.line.clone(),
        })
    }
}

/// What is open or recent, at hand for decisions.
#[derive(Default)]
pub(super) struct Glass(pub(super) Mutex<Vec<Break>>);

impl Approvals {
    /// How often this principal, and whoever acts for the same person, broke the glass.
    pub fn breakglass_uses(&self, person: &str, acts_for: Option<&str>) -> BreakglassUses {
        let since = self.0.clock.now() - RECENT_MS;
        let glass = self.0.glass.0.lock();
        let whose = acts_for.unwrap_or(person);
        let mine = || {
            glass.iter().filter(|broken| {
                broken.about.person == person
                    || broken.about.person == whose
                    || broken.about.acts_for.as_deref() == Some(whose)
            })
        };
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        BreakglassUses {
            recent: count(mine().filter(|broken| broken.at >= since).count()),
            unreviewed: count(mine().filter(|broken| broken.review.is_none()).count()),
        }
    }

    /// Counts it from the judgement on, before it is written, so that a hundred asked at once are counted one by one.
    pub fn breaks(&self, about: BreakAbout) {
        let (now, since) = (self.0.clock.now(), self.0.clock.now() - RECENT_MS);
        let mut glass = self.0.glass.0.lock();
        glass.retain(|broken| broken.review.is_none() || broken.at >= since);
        if !glass.iter().any(|broken| broken.about.command == about.command) {
            glass.push(Break { about, at: now, review: None });
        }
    }

    /// It was not written, so it did not happen.
    pub fn unbroken(&self, command: CommandId) {
        self.0.glass.0.lock().retain(|broken| broken.about.command != command);
    }

    /// Writes it down, as part of the write that lets the command go.
    pub async fn broke(batch: &mut Batch, about: BreakAbout) -> Result<(), WriteFault> {
        let broken = Break { at: batch.at_ms(), about, review: None };
        store::glass::insert(batch.connection().await?, &broken).await?;
        let about = &broken.about;
        let draft = Draft::new("breakglass.used", about.person_name.clone(), about.command.to_string())
            .command(about.command)
            .probe(about.probe)
            .tenant(&about.whose())
            .body(serde_json::json!({
                "line": about.line, "reason": about.reason, "person": about.person, "acts_for": about.acts_for,
                "level": about.level, "probe_name": about.probe_name,
            }));
        batch.entry(draft)?;
        Ok(())
    }

    /// It is durable: everybody hears of it.
    pub fn broken(&self, about: &BreakAbout) {
        tracing::warn!(
            command.id = %about.command, person = %about.person_name, probe = %about.probe_name,
            "the glass was broken"
        );
        self.0.metrics.breakglass.inc();
        self.count_unreviewed();
        let body = serde_json::json!({
            "by": about.person_name, "probe": about.probe, "probe_name": about.probe_name, "line": about.line,
            "reason": about.reason,
        });
        self.0.events.publish(self.0.clock.now(), &about.whose(), "breakglass.used", about.command.to_string(), body);
    }

    /// How many nobody has looked at yet.
    pub fn n_unreviewed(&self, reach: &Reach) -> usize {
        let glass = self.0.glass.0.lock();
        glass.iter().filter(|broken| broken.review.is_none() && broken.is_within(reach)).count()
    }

    pub(super) fn count_unreviewed(&self) {
        self.0
            .metrics
            .breakglass_unreviewed
            .set(i64::try_from(self.n_unreviewed(&Reach::everything())).unwrap_or(i64::MAX));
    }

    pub async fn list_breaks(&self, reach: &Reach, unreviewed: bool, limit: u32) -> Result<Vec<Break>, ApprovalFault> {
        let mut found = store::glass::list(&self.0.db, reach, unreviewed, limit).await?;
        found.retain(|broken| broken.is_within(reach));
        Ok(found)
    }

    pub async fn break_of(&self, reach: &Reach, command: CommandId) -> Result<Break, ApprovalFault> {
        let found = store::glass::get(&self.0.db, command).await?.filter(|broken| broken.is_within(reach));
        found.ok_or(ApprovalFault::NoBreak(command))
    }

    /// Closes the review with a verdict. Nobody reviews themselves, whatever policy says.
    pub async fn review(
        &self,
        permit: Permit<ReviewBreakglass>,
        command: CommandId,
        verdict: Verdict,
        note: String,
    ) -> Result<Break, ApprovalFault> {
        if note.trim().is_empty() || note.len() > 4_000 {
            return Err(ApprovalFault::Invalid("a review says why, in 1 to 4,000 bytes".to_owned()));
        }
        let (now, person) = (self.0.clock.now(), Arc::clone(&permit.caller().person));
        let (mut broken, id) = (self.break_of(&permit.caller().reach, command).await?, person.id.to_string());
        if broken.about.person == id || broken.about.acts_for.as_ref() == Some(&id) {
            return Err(ApprovalFault::Invalid("another person reviews this".to_owned()));
        }
        let review = Review { at: now, person: id, name: person.name.clone(), verdict, note };
        let draft = Draft::new("breakglass.reviewed", person.name.clone(), command.to_string())
            .command(command)
            .probe(broken.about.probe)
            .tenant(&broken.about.whose())
            .body(serde_json::json!({
                "verdict": verdict.as_str(), "note": review.note, "person": review.person, "of": broken.about.person,
            }));
        let row = review.clone();
        let first = self.0.ledger.attempt(now, move |batch| {
            Box::pin(async move {
                let connection = batch.connection().await.map_err(ApprovalFault::from)?;
                if !store::glass::review(connection, command, &row).await? {
                    return Err(ApprovalFault::Invalid("this has been reviewed already".to_owned()));
                }
                batch.entry(draft)?;
                Ok(())
            })
        });
        first.await?;
        for open in self.0.glass.0.lock().iter_mut().filter(|open| open.about.command == command) {
            open.review = Some(review.clone());
        }
        self.count_unreviewed();
        let body = serde_json::json!({ "by": review.name, "verdict": verdict.as_str() });
        self.0.events.publish(now, &broken.about.whose(), "breakglass.reviewed", command.to_string(), body);
        broken.review = Some(review);
        Ok(broken)
    }
}
