//! Putting a revision in force, taking it back, and the pin that keeps a source from overruling a person.
//! Never: in force before it is durable. What decides after a crash is the newest row, so there is always one.

use std::sync::Arc;

use legator_engine::Bundle;
use legator_protocol::ApprovalId;

use super::publish::check_message;
use super::revision::{Activation, How, OriginKind, Pin, Revision};
use super::{Mode, Policy, PolicyFault, store};
use crate::approvals::{Approvals, RequestState};
use crate::audit::Draft;
use crate::events::Whose;
use crate::fault;
use crate::identity::{ActivateBundle, Permit};

/// How somebody wants a revision to be put in force.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    pub reason: Option<String>,
    /// The revision that decides now, as far as they know; if another does, nothing is done.
    pub expect: Option<String>,
}

/// One step of what is in force.
pub(super) struct Step {
    pub actor: String,
    pub how: How,
    pub reason: Option<String>,
    pub approval: Option<ApprovalId>,
    /// What a rollback from here goes back to.
    pub below: Option<i64>,
    /// The pin afterwards.
    pub pin: Option<Pin>,
}

impl Policy {
    /// Puts a stored revision in force. One that the source does not hold is pinned, so that the source does not take it
    /// back.
    pub async fn activate(
        &self,
        permit: Permit<ActivateBundle>,
        revision: &Revision,
        wish: Wish,
        approval: Option<ApprovalId>,
    ) -> Result<Activation, PolicyFault> {
        check_message(wish.reason.as_deref())?;
        let _activating = self.0.activating.try_lock().map_err(|_| PolicyFault::Busy)?;
        let state = self.state();
        self.could_activate(revision, &wish)?;
        let bundle = self.ready(revision).await?;
        let actor = permit.caller().person.name.clone();
        let followed = state.seen.as_ref().is_some_and(|seen| seen.revision == revision.revision);
        // A template that is applied to what decides is a change of it, and the source may go on changing it, too.
        let derived = revision.origin.kind == OriginKind::Template
            && revision.origin.place.as_ref() == Some(&state.active.revision);
        let (how, pin) = match derived {
            true => (How::Template, state.pin),
            false => (How::Person, self.pin_for(&actor, wish.reason.as_deref(), followed)),
        };
        let step = Step { actor, how, reason: wish.reason, approval, below: Some(state.active.n), pin };
        self.put_in_force(bundle, revision.clone(), step).await
    }

    /// Puts in force what was in force before, in one step; doing it again goes one further back.
    pub async fn roll_back(&self, permit: Permit<ActivateBundle>, wish: Wish) -> Result<Activation, PolicyFault> {
        check_message(wish.reason.as_deref())?;
        let _activating = self.0.activating.try_lock().map_err(|_| PolicyFault::Busy)?;
        self.expected(&wish)?;
        let target = self.previous().await?;
        let revision = self.revision(&target.revision).await?;
        let bundle = self.ready(&revision).await?;
        let actor = permit.caller().person.name.clone();
        let pin = self.pin_for(&actor, wish.reason.as_deref(), false);
        let step = Step { actor, how: How::Rollback, reason: wish.reason, approval: None, below: target.below, pin };
        self.put_in_force(bundle, revision, step).await
    }

    /// Lets the source move what is in force again.
    pub async fn unpin(&self, permit: Permit<ActivateBundle>) -> Result<(), PolicyFault> {
        let _activating = self.0.activating.lock().await;
        if self.state().pin.is_none() {
            return Err(PolicyFault::NotPinned);
        }
        let at = self.0.needs.clock.now();
        let actor = permit.caller().person.name.clone();
        let draft = Draft::new("bundle.unpinned", actor, self.bundle().revision());
        let write = self.0.needs.ledger.write(at, move |batch| {
            Box::pin(async move {
                store::pin(batch.connection().await?, None).await?;
                batch.entry(draft)?;
                Ok(())
            })
        });
        write.await?;
        let revision = {
            let mut state = self.0.state.lock();
            state.pin = None;
            // What the source holds is looked at again, though it has not changed.
            state.taken = None;
            state.active.revision.clone()
        };
        self.0.needs.events.publish(at, Whose::All, "bundle.unpinned", revision, serde_json::Value::Null);
        self.nudge();
        Ok(())
    }

    /// What a rollback goes back to: the last activation below the present one that another revision decided in.
    pub(super) async fn previous(&self) -> Result<Activation, PolicyFault> {
        let active = self.state().active;
        let mut below = active.below;
        while let Some(n) = below {
            let Some(found) = store::activation(&self.0.needs.db, n).await? else { break };
            if found.revision != active.revision {
                return Ok(found);
            }
            below = found.below;
        }
        Err(PolicyFault::NoEarlier)
    }

    fn expected(&self, wish: &Wish) -> Result<(), PolicyFault> {
        let found = self.state().active.revision;
        match &wish.expect {
            Some(expected) if expected.len() < 6 || !found.starts_with(expected.as_str()) => {
                Err(PolicyFault::Moved { expected: expected.clone(), found })
            }
            _ => Ok(()),
        }
    }

    /// Whether a revision could be put in force now, whoever asks.
    pub(super) fn could_activate(&self, revision: &Revision, wish: &Wish) -> Result<(), PolicyFault> {
        self.expected(wish)?;
        tested(revision)?;
        if self.state().active.revision == revision.revision {
            return Err(PolicyFault::Active(revision.revision.clone()));
        }
        Ok(())
    }

    /// The bundle of a revision that may decide.
    async fn ready(&self, revision: &Revision) -> Result<Arc<Bundle>, PolicyFault> {
        tested(revision)?;
        self.load(&revision.revision).await
    }

    fn pin_for(&self, actor: &str, reason: Option<&str>, followed: bool) -> Option<Pin> {
        let reason = reason.map(str::to_owned);
        (self.mode() == Mode::Auto && !followed).then(|| Pin {
            actor: actor.to_owned(),
            reason,
            at: self.0.needs.clock.now(),
        })
    }

    /// Writes the step down, and lets the bundle decide. The caller holds `activating`.
    pub(super) async fn put_in_force(
        &self,
        bundle: Arc<Bundle>,
        revision: Revision,
        step: Step,
    ) -> Result<Activation, PolicyFault> {
        // On a task of its own: a caller that goes away in the middle must not leave one revision durable and another live.
        let (policy, work) = (self.clone(), async move |policy: Policy| policy.step(bundle, revision, step).await);
        let done = tokio::spawn(async move { work(policy).await }).await;
        done.unwrap_or_else(|fault| Err(PolicyFault::Invalid(format!("the activation ended early: {fault}"))))
    }

    async fn step(&self, bundle: Arc<Bundle>, revision: Revision, step: Step) -> Result<Activation, PolicyFault> {
        let at = self.0.needs.clock.now();
        let Step { actor, how, reason, approval, below, pin } = step;
        let mut next = Activation {
            n: 0,
            revision: revision.revision.clone(),
            at,
            actor,
            how,
            reason,
            approval: approval.map(|id| id.to_string()),
            below,
        };
        let before = self.bundle().revision().to_owned();
        let draft = entry(&next, Some(&before), &revision);
        let (row, pinned) = (next.clone(), pin.clone());
        fault::point("policy.activating");
        next.n = self
            .0
            .needs
            .ledger
            .write(at, move |batch| {
                Box::pin(async move {
                    let n = store::activate(batch.connection().await?, &row).await?;
                    store::pin(batch.connection().await?, pinned.as_ref()).await?;
                    if let Some(id) = approval {
                        Approvals::close(batch, id, RequestState::Approved).await?;
                    }
                    batch.entry(draft)?;
                    Ok(n)
                })
            })
            .await?;
        fault::point("policy.recorded");
        self.remember(&self.bundle());
        {
            let mut state = self.0.state.lock();
            state.active = next.clone();
            state.pin = pin;
        }
        self.0.live.send_replace(bundle);
        fault::point("policy.live");
        let body = serde_json::json!({
            "revision": next.revision, "before": before, "how": how.as_str(), "actor": next.actor, "reason": next.reason,
        });
        self.0.needs.events.publish(at, Whose::All, "bundle.activated", next.revision.clone(), body);
        tracing::info!(revision = next.revision, how = how.as_str(), "another bundle decides now");
        Ok(next)
    }
}

fn tested(revision: &Revision) -> Result<(), PolicyFault> {
    if revision.report.passed() {
        return Ok(());
    }
    let (revision, report) = (revision.revision.clone(), &revision.report);
    Err(PolicyFault::Untested { revision, failed: report.failed.len(), faults: report.faults() })
}

/// The entry that says so.
pub fn entry(next: &Activation, before: Option<&str>, revision: &Revision) -> Draft {
    Draft::new("bundle.activated", next.actor.clone(), next.revision.clone()).body(serde_json::json!({
        "before": before, "how": next.how.as_str(), "reason": next.reason, "approval": next.approval,
        "source": revision.origin.place.as_deref().unwrap_or(revision.origin.kind.as_str()),
        "commit": revision.origin.commit, "policies": revision.policies, "scripts": revision.scripts,
    }))
}
