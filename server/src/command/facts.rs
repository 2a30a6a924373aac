//! From an intent to a judgement: what is proposed, what is known, and what the engine says to it.

use std::sync::Arc;

use legator_engine::{Ask, Capacity, Context, Decision, Facts, Outcome, Principal, ProbeLoad};
use legator_protocol::{CommandId, Level};

use super::stages::{Intent, Judged, Proposal, Texts, order};
use super::{CommandFault, Road};
use crate::approvals::BreakAbout;
use crate::capacity::{Counts, Guest, Seat};
use crate::fleet::{Census, Probe, percent};
use crate::telemetry::By;

/// The longest that a command may wait before it starts.
pub(super) const MAX_TTL_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// The longest that one with broken glass may wait, and the least that is said of why.
const MAX_BREAK_TTL_MS: i64 = 15 * 60 * 1000;
const SHORTEST_BREAK: usize = 8;

/// One decision in this many is made a second time without the index, and both have to agree.
const CROSS_CHECK: u128 = 1000;

impl Road {
    /// Bounds and well-formedness of what a caller sent.
    pub(super) fn check(&self, intent: &Intent) -> Result<(), CommandFault> {
        intent.spec.check()?;
        if !(1_000..=MAX_TTL_MS).contains(&intent.ttl_ms) {
            return Err(CommandFault::Invalid("`expires_in_s` has to be between 1 second and 7 days".to_owned()));
        }
        for (what, text) in [("reason", &intent.context.reason), ("breakglass", &intent.context.breakglass)] {
            if text.as_ref().is_some_and(|text| text.len() > 2_000) {
                return Err(CommandFault::Invalid(format!("`{what}` has at most 2,000 bytes")));
            }
        }
        if let Some(why) = &intent.context.breakglass {
            if why.trim().chars().count() < SHORTEST_BREAK {
                let least = format!("`breakglass` says why, in at least {SHORTEST_BREAK} characters");
                return Err(CommandFault::Invalid(least));
            }
            if intent.ttl_ms > MAX_BREAK_TTL_MS {
                let most = "with broken glass a command waits for at most 15 minutes: `expires_in_s` is at most 900";
                return Err(CommandFault::Invalid(most.to_owned()));
            }
        }
        if intent.idempotency.as_ref().is_some_and(|idempotency| !(1..=255).contains(&idempotency.key.len())) {
            return Err(CommandFault::Invalid("`Idempotency-Key` has to have 1 to 255 bytes".to_owned()));
        }
        Ok(())
    }

    pub(super) fn propose(&self, intent: Arc<Intent>, probe: Arc<Probe>) -> Proposal {
        let texts = Arc::new(Texts::of(&intent));
        self.propose_in(None, &intent, &texts, probe)
    }

    /// One of the proposals that an ask to many probes is made of.
    pub(super) fn propose_in(
        &self,
        group: Option<&str>,
        intent: &Arc<Intent>,
        texts: &Arc<Texts>,
        probe: Arc<Probe>,
    ) -> Proposal {
        let created_at = self.0.clock.now();
        let expires_at = created_at + intent.ttl_ms;
        let (intent, texts) = (Arc::clone(intent), Arc::clone(texts));
        let group = group.map(str::to_owned);
        Proposal { id: self.0.clock.born(CommandId::born), probe, intent, texts, group, created_at, expires_at }
    }

    /// Decides each proposal, and takes the seat that the decision gives, in one step for each.
    pub(super) fn judge(&self, proposals: Vec<Proposal>) -> Vec<Judged> {
        let judged = proposals.into_iter().map(|proposal| {
            let (facts, decision, broke) = self.0.capacity.with(|counts| {
                let (facts, decision) = self.decide_for_good(&proposal, counts);
                let broke = self.broken_for(&proposal, &facts, &decision);
                self.sit(&proposal, &decision, counts);
                (facts, decision, broke)
            });
            self.0.metrics.decisions.get_or_create(&By { name: decision.outcome.as_str() }).inc();
            let order = match decision.outcome {
                Outcome::Allow => order(&proposal, &decision, self.0.clock.now()),
                _ => None,
            };
            let again = self.0.open.lock().get(proposal.id).is_some();
            Judged { proposal, facts, decision, order, again, broke }
        });
        let judged = judged.collect();
        crate::fault::point("road.judged");
        judged
    }

    /// Decides, and takes the use of what was agreed to ahead where that lets it pass. Where the last use went to another
    /// command meanwhile, it is decided without.
    fn decide_for_good(&self, proposal: &Proposal, counts: &Counts) -> (Facts, Arc<Decision>) {
        loop {
            let (facts, decision) = self.decide(proposal, counts);
            match (&decision.grant, &decision.outcome) {
                // Each round either takes a use or has one grant fewer among its facts.
                (Some(grant), Outcome::Allow) if !self.0.approvals.take_use(grant) => {}
                _ => return (facts, decision),
            }
        }
    }

    /// The glass that was broken for it, where it passes and would not without.
    fn broken_for(&self, proposal: &Proposal, facts: &Facts, decision: &Decision) -> Option<BreakAbout> {
        let reason = facts.context.breakglass.clone()?;
        if !matches!(decision.outcome, Outcome::Allow) {
            return None;
        }
        let bundle = Arc::clone(&self.0.bundle.borrow());
        let mut whole = facts.clone();
        (whole.context.breakglass, whole.context.breakglass_uses) = (None, None);
        if matches!(legator_engine::decide(&bundle, &whole).outcome, Outcome::Allow) {
            return None;
        }
        let (principal, probe) = (&proposal.intent.principal, &proposal.probe);
        let about = BreakAbout {
            command: proposal.id,
            probe: probe.id,
            probe_name: probe.name.clone(),
            tags: probe.tags.clone(),
            tenant: probe.tenant.said().map(str::to_owned),
            level: level_of(decision),
            line: proposal.texts.line.clone(),
            person: principal.id.clone(),
            person_name: principal.name.clone(),
            acts_for: principal.acts_for.clone(),
            reason,
        };
        self.0.approvals.breaks(about.clone());
        Some(about)
    }

    /// Gathers the facts and asks the engine. The counts stay locked meanwhile: one decision is shorter than a task switch.
    pub(super) fn decide(&self, proposal: &Proposal, counts: &Counts) -> (Facts, Arc<Decision>) {
        let bundle = Arc::clone(&self.0.bundle.borrow());
        let mut facts = self.gather(proposal, counts);
        let timer = self.0.metrics.decision_seconds.clone();
        let started = tokio::time::Instant::now();
        let mut decision = legator_engine::decide(&bundle, &facts);
        // Who acts for somebody may do no more than they: both are asked, and the stricter answer stands with its facts.
        if let Some(owner) = &facts.principal.acts_for {
            let mut bound = Facts { principal: self.owner_now(owner), ..facts.clone() };
            // What was agreed to ahead is agreed to for who acts, and counts for who answers for them.
            let used = decision.grant.as_ref().and_then(|id| facts.context.grants.iter().find(|it| it.id == *id));
            if let Some(grant) = used {
                let approvals = &mut bound.context.approvals;
                approvals.by.extend(grant.by.iter().cloned());
                approvals.groups.extend(grant.groups.iter().cloned());
                approvals.signed.extend(grant.signed.iter().cloned());
                approvals.grant = Some(grant.id.clone());
            }
            let theirs = legator_engine::decide(&bundle, &bound);
            if stricter(&theirs.outcome, &decision.outcome) {
                (facts, decision) = (bound, theirs);
            }
        }
        timer.observe(started.elapsed().as_secs_f64());
        let chance = u128::from_be_bytes(proposal.id.to_string().as_bytes()[14..30].try_into().unwrap_or_default());
        if chance.is_multiple_of(CROSS_CHECK) {
            let plain = legator_engine::decide_plain(&bundle, &facts);
            if !decision.agrees_with(&plain) {
                tracing::error!(command.id = %proposal.id, "the scope index and plain Cedar disagree; the command is denied");
                self.0.metrics.index_mismatches.inc();
                decision.outcome = Outcome::Deny;
                "two ways of deciding disagree, so nothing is done; please report this"
                    .clone_into(&mut decision.rationale.summary);
            }
        }
        (facts, Arc::new(decision))
    }

    fn gather(&self, proposal: &Proposal, counts: &Counts) -> Facts {
        // The probe as it is now: its tags may have changed while the command waited.
        let probe = self.0.fleet.get(proposal.probe.id).unwrap_or_else(|| Arc::clone(&proposal.probe));
        let standing = self.0.fleet.standing(probe.id);
        let now = self.0.clock.now();
        Facts {
            at_ms: now.max(0).cast_unsigned(),
            principal: self.principal_now(&proposal.intent.principal),
            ask: Ask::Command(proposal.intent.spec.clone()),
            resource: self.0.identity.placed(probe.resource(standing.status)),
            context: self.context_now(proposal),
            capacity: Some(self.capacity_of(&probe, &standing, counts, now)),
        }
    }

    /// The principal as they are now: a role or a grant that was taken away while the command waited no longer counts.
    fn principal_now(&self, then: &Principal) -> Principal {
        let mut now = then.clone();
        match self.0.identity.person(&then.id) {
            Some(person) => {
                now.roles.clone_from(&person.roles);
                now.groups.clone_from(&person.groups);
                now.grants = person.principal().grants;
            }
            None => {
                now.roles.clear();
                now.groups.clear();
            }
        }
        now
    }

    /// The person that somebody acts for, as they are now. Without them nobody is left to be permitted.
    fn owner_now(&self, id: &str) -> Principal {
        self.0.identity.person(id).map_or_else(|| Principal::user(id), |person| person.principal())
    }

    /// The circumstances, with the approvals that exist for exactly this.
    fn context_now(&self, proposal: &Proposal) -> Context {
        let mut context = proposal.intent.context.clone();
        let open = self.0.open.lock().get(proposal.id);
        let approval = open.and_then(|open| open.life.lock().approval);
        if let Some(request) = approval.and_then(|id| self.0.approvals.pending(id)) {
            context.approvals = request.approvals(|id| self.is_there(id));
        }
        let principal = &proposal.intent.principal;
        context.grants = self.0.approvals.agreed_ahead(&principal.id, |id| self.is_there(id));
        if context.breakglass.is_some() {
            let uses = self.0.approvals.breakglass_uses(&principal.id, principal.acts_for.as_deref());
            context.breakglass_uses = Some(uses);
        }
        context
    }

    fn capacity_of(&self, probe: &Probe, standing: &crate::fleet::Standing, counts: &Counts, now: i64) -> Capacity {
        let census = self.0.fleet.census();
        let nobody = Census::default();
        let census = census.get(&probe.tenant).unwrap_or(&nobody);
        let (tags, fleet) = counts.groups(&probe.tenant, &probe.tags, &census.tags, census.fleet);
        let here = counts.probe(probe.id);
        let beat = standing.heartbeat.as_ref().filter(|beat| beat.mem_total_bytes > 0);
        let whole = |value: f64| if value.is_finite() { value.clamp(0.0, 1e9) as u64 } else { 0 };
        let pct = |value: f64| u32::try_from(whole(value)).unwrap_or(u32::MAX);
        let part = |used, total| u32::try_from(percent(used, total)).ok();
        let pressure = beat.and_then(|beat| beat.pressure);
        let probe = ProbeLoad {
            status: standing.status.as_str().to_owned(),
            heartbeat_age_s: standing.last_seen_at.map(|at| (now - at).max(0).cast_unsigned() / 1000),
            cpus: beat.map(|beat| beat.cpus),
            load1_milli: beat.map(|beat| whole(beat.load[0] * 1000.0)),
            mem_used_pct: beat.and_then(|beat| part(beat.mem_used_bytes, beat.mem_total_bytes)),
            disk_used_pct: beat.and_then(|beat| part(beat.disk_used_bytes, beat.disk_total_bytes)),
            pressure_cpu_pct: pressure.map(|pressure| pct(pressure.cpu)),
            pressure_mem_pct: pressure.map(|pressure| pct(pressure.memory)),
            pressure_io_pct: pressure.map(|pressure| pct(pressure.io)),
            running: here.running,
            queued: here.queued,
            running_changes: here.changes,
        };
        Capacity { probe, tags, fleet }
    }

    fn sit(&self, proposal: &Proposal, decision: &Decision, counts: &mut Counts) {
        let seat = match decision.outcome {
            Outcome::Allow => Seat::Running,
            Outcome::Queue { .. } => Seat::Queued,
            Outcome::Deny | Outcome::Hold { .. } => return,
        };
        counts.seat(guest(proposal, level_of(decision)), seat);
    }
}

fn stricter(one: &Outcome, other: &Outcome) -> bool {
    match (one, other) {
        (Outcome::Hold { approvals: one }, Outcome::Hold { approvals: other }) => one > other,
        _ => one.strictness() > other.strictness(),
    }
}

/// The level that a decision read; the highest where there is none.
pub(super) fn level_of(decision: &Decision) -> Level {
    decision.classification.as_ref().map_or(Level::Destroy, |classified| classified.level)
}

pub(super) fn guest(proposal: &Proposal, level: Level) -> Guest {
    let probe = &proposal.probe;
    Guest { command: proposal.id, probe: probe.id, tenant: probe.tenant.clone(), tags: probe.tags.clone(), level }
}
