//! Following the source: what it holds is tried, published, and put in force where nothing speaks against it.
//! Never: overrules a person. A pin, or a source that only publishes, leaves what is in force as it is.

use super::activate::Step;
use super::publish::overlay;
use super::revision::{Files, How, files_digest};
use super::source::Found;
use super::{Mode, Policy, PolicyFault, Reload, Seen, trial};
use crate::audit::Draft;
use crate::events::Whose;
use crate::identity::{ActivateBundle, Permit};

impl Policy {
    /// Reads the source again because somebody asked.
    pub async fn reload(&self, permit: Permit<ActivateBundle>) -> Result<Reload, PolicyFault> {
        self.follow(&permit.caller().person.name.clone()).await
    }

    /// Looks at the source, and takes up what it holds.
    pub(super) async fn follow(&self, actor: &str) -> Result<Reload, PolicyFault> {
        let found = match self.source().read().await {
            Ok(found) => found,
            Err(fault) => {
                self.trouble(&fault).await?;
                return Err(fault);
            }
        };
        let _activating = self.0.activating.lock().await;
        let Found { mut files, origin } = found;
        let digest = files_digest(&files);
        {
            let mut state = self.0.state.lock();
            state.checked_at = Some(self.0.needs.clock.now());
            state.trouble = None;
            if state.taken == Some(digest) {
                state.faults.clear();
                state.refused = None;
                return Ok(Reload::Unchanged);
            }
        }
        self.lay_over(&mut files).await?;
        let refused = |faults| PolicyFault::Refused { from: self.source().to_string(), faults };
        let tried = match trial::attempt(files, Some(self.bundle())).await.map_err(refused) {
            Ok(tried) if tried.trial.passed() => tried,
            Ok(tried) => {
                let fault = refused(tried.trial.faults());
                self.refuse(actor, digest, &fault).await?;
                return Err(fault);
            }
            Err(fault) => {
                self.refuse(actor, digest, &fault).await?;
                return Err(fault);
            }
        };
        let bundle = std::sync::Arc::clone(&tried.bundle);
        let (revision, new) = self.keep(tried, origin.clone(), actor, None).await?;
        let (active, pinned) = {
            let mut state = self.0.state.lock();
            state.faults.clear();
            state.refused = None;
            state.taken = Some(digest);
            state.seen = Some(Seen { revision: revision.revision.clone(), origin });
            (state.active.clone(), state.pin.is_some())
        };
        if revision.revision == active.revision {
            return Ok(Reload::Unchanged);
        }
        if pinned || self.mode() == Mode::Manual {
            tracing::info!(revision = revision.revision, pinned, "the source's bundle is published; another decides");
            return Ok(if new { Reload::Published } else { Reload::Unchanged });
        }
        let step = Step {
            actor: actor.to_owned(),
            how: How::Source,
            reason: None,
            approval: None,
            below: Some(active.n),
            pin: None,
        };
        self.put_in_force(bundle, revision, step).await?;
        Ok(Reload::Activated)
    }

    /// Adds what the API wrote into the bundle that is in force, unless the source has such files of its own.
    async fn lay_over(&self, files: &mut Files) -> Result<(), PolicyFault> {
        if overlay(files).is_empty() {
            let active = self.state().active.revision;
            files.extend(overlay(&self.files(&active).await?));
        }
        Ok(())
    }

    async fn refuse(&self, actor: &str, digest: [u8; 32], fault: &PolicyFault) -> Result<(), PolicyFault> {
        let faults = if let PolicyFault::Refused { faults, .. } = fault { faults.clone() } else { Vec::new() };
        {
            let mut state = self.0.state.lock();
            state.faults.clone_from(&faults);
            // What was taken up before may come back, and then it is good again.
            state.taken = None;
            if state.refused.replace(digest) == Some(digest) {
                return Ok(());
            }
        }
        self.0.needs.metrics.bundle_refused.inc();
        for fault in faults.iter().take(20) {
            tracing::error!(%fault, "a bundle was refused");
        }
        let said: Vec<String> = faults.iter().take(100).map(ToString::to_string).collect();
        self.say("bundle.refused", actor, serde_json::json!({ "faults": said, "count": faults.len() })).await
    }

    /// Notes that the source could not be read; said once for each reason.
    async fn trouble(&self, fault: &PolicyFault) -> Result<(), PolicyFault> {
        let why = fault.to_string();
        {
            let mut state = self.0.state.lock();
            state.checked_at = Some(self.0.needs.clock.now());
            if state.trouble.replace(why.clone()) == Some(why.clone()) {
                return Ok(());
            }
        }
        self.say("bundle.unreadable", "server", serde_json::json!({ "why": why })).await
    }

    async fn say(&self, kind: &'static str, actor: &str, mut body: serde_json::Value) -> Result<(), PolicyFault> {
        body["source"] = self.source().to_string().into();
        let (at, revision) = (self.0.needs.clock.now(), self.bundle().revision().to_owned());
        self.0.needs.events.publish(at, Whose::All, kind, revision.clone(), body.clone());
        self.0.needs.ledger.append(at, Draft::new(kind, actor, revision).body(body)).await?;
        Ok(())
    }
}
