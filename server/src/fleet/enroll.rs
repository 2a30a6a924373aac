//! Enrollment: a token buys an identity. A host name is never proof, and a known machine does not enroll unasked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use legator_protocol::{ProbeId, Ready};
use std::collections::BTreeSet;
use std::sync::Arc;

use super::probe::{Entry, Probe, check_tags};
use super::token::TokenText;
use super::{Fleet, FleetFault, store};
use crate::audit::Draft;
use crate::tenant::Tenant;
use crate::vault::Secret;

/// What a machine says of itself when it enrolls.
#[derive(Clone, Debug)]
pub struct Enrollment {
    pub token: Secret<String>,
    pub name: Option<String>,
    pub hostname: String,
    pub os: String,
    pub arch: String,
    pub version: String,
    pub machine_id: String,
    pub tags: BTreeSet<String>,
}

/// What it gets.
pub struct Enrolled {
    pub probe: Arc<Probe>,
    /// Base 64 of the key that is this probe's alone.
    pub key: Secret<String>,
}

impl Fleet {
    pub async fn enroll(&self, ask: Enrollment) -> Result<Enrolled, FleetFault> {
        for (what, text) in
            [("hostname", &ask.hostname), ("os", &ask.os), ("arch", &ask.arch), ("version", &ask.version)]
        {
            check_word(what, text)?;
        }
        check_word("machine_id", &ask.machine_id)?;
        check_tags(&ask.tags).map_err(FleetFault::Invalid)?;
        let wanted = ask.name.clone().unwrap_or_else(|| ask.hostname.clone());
        check_word("name", &wanted)?;
        let text = TokenText::read(ask.token.expose()).ok_or(FleetFault::BadToken)?;

        let _changing = self.0.changing.lock().await;
        let now = self.0.clock.now();
        let token = store::token(&self.0.db, text.id).await?.filter(|token| token.opens_for(&text, now));
        let token = token.ok_or(FleetFault::BadToken)?;
        let known = self.by_machine(&token.tenant, &ask.machine_id);
        let again = match (&known, token.probe) {
            (None, None) => None,
            (Some(known), Some(probe)) if known.id == probe => Some(Arc::clone(known)),
            (Some(known), _) => {
                return Err(FleetFault::KnownMachine { probe: known.id, name: known.name.clone() });
            }
            // A token for one probe brings another machine under its name only if that probe is still there.
            (None, Some(probe)) => Some(self.entry(probe)?.probe()),
        };

        let id = again.as_ref().map_or_else(|| self.0.clock.born(ProbeId::born), |probe| probe.id);
        let key = self.0.clock.secret();
        let sealed = self.0.vault.seal(&self.0.clock, &super::key_label(id), &key)?;
        let probe = Probe {
            id,
            name: again.as_ref().map_or_else(|| self.free_name(&token.tenant, &wanted), |probe| probe.name.clone()),
            hostname: ask.hostname,
            os: ask.os,
            arch: ask.arch,
            version: ask.version,
            machine_id: ask.machine_id,
            tags: ask.tags.union(&token.tags).cloned().chain(again.iter().flat_map(|p| p.tags.clone())).collect(),
            site: token.site.clone(),
            tenant: token.tenant.clone(),
            ceiling: again.as_ref().map_or(self.0.first_ceiling, |probe| probe.ceiling),
            floor: None,
            inventory: None,
            enrolled_at: again.as_ref().map_or(now, |probe| probe.enrolled_at),
            last_seen_at: None,
            key_turn: None,
            key_turned_at: None,
        };
        let kind = if again.is_some() { "probe.enrolled_again" } else { "probe.enrolled" };
        let draft = Draft::new(kind, token.id.to_string(), probe.name.clone()).probe(id).tenant(&probe.tenant);
        let draft = draft.body(serde_json::json!({
            "hostname": probe.hostname, "os": probe.os, "arch": probe.arch, "machine_id": probe.machine_id,
            "tags": probe.tags, "token": token.id, "token_by": token.created_by,
        }));
        let row = probe.clone();
        let renewed = again.is_some();
        self.write(move |batch| {
            Box::pin(async move {
                store::use_token(batch.connection().await?, token.id).await?;
                if renewed {
                    store::renew_probe(batch.connection().await?, &row, &sealed).await?;
                } else {
                    store::insert_probe(batch.connection().await?, &row, &sealed).await?;
                }
                batch.entry(draft)?;
                Ok(())
            })
        })
        .await?;
        let entry = Arc::new(Entry::new(probe));
        let probe = entry.probe();
        self.0.probes.write().insert(id, entry);
        self.publish(&probe, kind, serde_json::json!({ "name": probe.name }));
        Ok(Enrolled { probe, key: Secret::new(BASE64.encode(key)) })
    }

    /// Within a tenant: that another knows the machine is not to be found out.
    fn by_machine(&self, tenant: &Tenant, machine_id: &str) -> Option<Arc<Probe>> {
        let probes = self.0.probes.read();
        let mut of_tenant = probes.values().map(|entry| entry.probe()).filter(|probe| probe.tenant == *tenant);
        of_tenant.find(|probe| probe.machine_id == machine_id)
    }

    /// `wanted`, or `wanted-2`, `wanted-3`, … if another probe has it.
    fn free_name(&self, tenant: &Tenant, wanted: &str) -> String {
        let probes = self.0.probes.read();
        let taken = |probe: &Probe, name: &String| probe.name == *name && probe.tenant == *tenant;
        let free = |name: &String| !probes.values().any(|entry| taken(&entry.probe(), name));
        let mut names = std::iter::once(wanted.to_owned()).chain((2u64..).map(|n| format!("{wanted}-{n}")));
        names.find(free).unwrap_or_else(|| wanted.to_owned())
    }
}

pub(super) fn check_word(what: &str, text: &str) -> Result<(), FleetFault> {
    let plain = |c: char| c.is_ascii_graphic();
    if text.is_empty() || text.len() > 128 || !text.chars().all(plain) {
        return Err(FleetFault::Invalid(format!(
            "`{what}` has to be 1 to 128 printable ASCII characters without spaces"
        )));
    }
    Ok(())
}

/// Rules of a floor that are shown, and how much of each.
const MOST_RULES: usize = 64;
const LONGEST_RULE: usize = 200;

/// What a probe says of itself, as far as it may stand in lists and in the log: of what is no plain word, what was known
/// before is kept. A host's root may lie, and not fill the lists of everybody else.
pub(super) fn modest(mut ready: Ready, known: &Probe) -> Ready {
    let plain = |text: &str| check_word("word", text).is_ok();
    for (said, before) in [(&mut ready.hostname, &known.hostname), (&mut ready.agent, &known.version)] {
        if !plain(said) {
            said.clone_from(before);
        }
    }
    ready.floor.rules.truncate(MOST_RULES);
    for rule in &mut ready.floor.rules {
        *rule = rule.chars().filter(|c| !c.is_control()).take(LONGEST_RULE).collect();
    }
    ready
}
