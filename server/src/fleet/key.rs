//! A probe's key, and the turn to the next one: both are kept until the probe has proved the new one.
//! Never: opens a key (that is the keyring's), or forgets the old one while the probe may hold nothing else.

use std::sync::Arc;

use legator_protocol::ProbeId;

use super::{Fleet, FleetFault, Probe, store};
use crate::audit::{Draft, WriteFault};
use crate::identity::{ManageProbe, Permit};

/// Turns that become durable together.
const TOGETHER: usize = 500;

/// A turn that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTurn {
    pub id: String,
    pub by: String,
    pub asked_at: i64,
    /// Whether both sides keep the next key; the probe has to prove it in a handshake.
    pub kept: bool,
    /// Why the probe could not keep it, when it tried last.
    pub trouble: Option<String>,
}

/// A probe's keys, sealed.
#[derive(Clone, Debug)]
pub struct SealedKeys {
    pub now: Vec<u8>,
    pub next: Option<Vec<u8>>,
}

/// What became of a next key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    Yes,
    /// The turn is not under way any more, or has its key.
    Late,
}

impl Fleet {
    /// Begins the turn of the keys of these probes; one that is under way goes on as it is. What becomes of each, in their order.
    pub async fn ask_turns(&self, asked: Vec<(Permit<ManageProbe>, ProbeId)>) -> Result<Vec<Arc<Probe>>, FleetFault> {
        let _changing = self.0.changing.lock().await;
        let mut fresh = Vec::new();
        for (permit, id) in &asked {
            let probe = self.entry(*id)?.probe();
            if probe.key_turn.is_none() {
                fresh.push((probe, self.new_turn(permit)));
            }
        }
        for part in fresh.chunks(TOGETHER) {
            let rows = part.to_vec();
            self.write(move |batch| {
                Box::pin(async move {
                    for (probe, turn) in &rows {
                        store::ask_turn(batch.connection().await?, probe.id, turn).await?;
                        let draft = Draft::new("probe.key_asked", turn.by.clone(), probe.name.clone());
                        let draft = draft.probe(probe.id).tenant(&probe.tenant);
                        batch.entry(draft.body(serde_json::json!({ "turn": turn.id })))?;
                    }
                    Ok(())
                })
            })
            .await?;
            for (probe, turn) in part {
                let probe = self.entry(probe.id)?.change(|probe| probe.key_turn = Some(turn.clone()));
                self.publish(&probe, "probe.key_asked", serde_json::Value::Null);
            }
        }
        asked.iter().map(|(_, id)| Ok(self.entry(*id)?.probe())).collect()
    }

    fn new_turn(&self, permit: &Permit<ManageProbe>) -> KeyTurn {
        KeyTurn {
            id: hex::encode(&self.0.clock.secret()[..8]),
            by: permit.caller().person.name.clone(),
            asked_at: self.0.clock.now(),
            kept: false,
            trouble: None,
        }
    }

    /// Keeps the next key beside the one of now, if it belongs to the turn that is under way.
    pub async fn keep_next_key(&self, id: ProbeId, turn: &str, sealed: Vec<u8>) -> Result<Kept, FleetFault> {
        let _changing = self.0.changing.lock().await;
        let entry = self.entry(id)?;
        let probe = entry.probe();
        let wanted = probe.key_turn.as_ref().is_some_and(|known| known.id == turn && !known.kept);
        if !wanted {
            return Ok(Kept::Late);
        }
        let draft = Draft::new("probe.key_kept", id.to_string(), probe.name.clone()).probe(id).tenant(&probe.tenant);
        let draft = draft.body(serde_json::json!({ "turn": turn }));
        let name = turn.to_owned();
        self.write(move |batch| {
            Box::pin(async move {
                store::keep_next_key(batch.connection().await?, id, &name, &sealed).await?;
                batch.entry(draft)?;
                Ok(())
            })
        })
        .await?;
        let probe = entry.change(|probe| {
            probe.key_turn = probe.key_turn.take().map(|turn| KeyTurn { kept: true, trouble: None, ..turn });
        });
        self.publish(&probe, "probe.key_kept", serde_json::Value::Null);
        Ok(Kept::Yes)
    }

    /// The probe has proved the next key: it is the key from now on, and the old one is forgotten.
    pub async fn take_next_key(&self, id: ProbeId) -> Result<(), FleetFault> {
        let _changing = self.0.changing.lock().await;
        let entry = self.entry(id)?;
        let probe = entry.probe();
        let Some(turn) = &probe.key_turn else { return Ok(()) };
        let at = self.0.clock.now();
        let draft = Draft::new("probe.key_turned", id.to_string(), probe.name.clone()).probe(id).tenant(&probe.tenant);
        let draft = draft.body(serde_json::json!({ "turn": turn.id, "asked_by": turn.by, "asked_at": turn.asked_at }));
        self.write(move |batch| {
            Box::pin(async move {
                store::take_next_key(batch.connection().await?, id, at).await?;
                batch.entry(draft)?;
                Ok(())
            })
        })
        .await?;
        let probe = entry.change(|probe| (probe.key_turn, probe.key_turned_at) = (None, Some(at)));
        self.publish(&probe, "probe.key_turned", serde_json::Value::Null);
        Ok(())
    }

    /// The probe says why it has no next key. The turn stays asked for.
    pub async fn note_turn_trouble(&self, id: ProbeId, turn: &str, why: &str) -> Result<(), FleetFault> {
        let _changing = self.0.changing.lock().await;
        let entry = self.entry(id)?;
        let why: String = why.chars().take(300).collect();
        let known = entry.probe().key_turn.clone();
        let Some(turn) = known.filter(|known| known.id == turn && !known.kept && known.trouble.as_ref() != Some(&why))
        else {
            return Ok(());
        };
        let probe = entry.probe();
        let draft = Draft::new("probe.key_failed", id.to_string(), probe.name.clone()).probe(id).tenant(&probe.tenant);
        let draft = draft.body(serde_json::json!({ "turn": turn.id, "why": why }));
        let row = why.clone();
        self.write(move |batch| {
            Box::pin(async move {
                store::note_turn_trouble(batch.connection().await?, id, &row).await?;
                batch.entry(draft)?;
                Ok(())
            })
        })
        .await?;
        let probe = entry.change(|probe| probe.key_turn = Some(KeyTurn { trouble: Some(why), ..turn }));
        self.publish(&probe, "probe.key_failed", serde_json::Value::Null);
        Ok(())
    }

    /// The probe's sealed keys. Only the command room's keyring asks.
    pub async fn sealed_keys(&self, id: ProbeId) -> Result<Option<SealedKeys>, FleetFault> {
        Ok(store::sealed_keys(&self.0.db, id).await?)
    }

    /// Whether the probe's program can be given another key; `None` before it has connected to this server.
    pub fn can_turn(&self, id: ProbeId) -> Option<bool> {
        self.0.probes.read().get(&id).and_then(|entry| entry.can_turn())
    }

    pub fn note_can_turn(&self, id: ProbeId, can: bool) {
        if let Some(entry) = self.0.probes.read().get(&id) {
            entry.note_can_turn(can);
        }
    }

    /// Seals probes' keys with the key of now, where they are not; gives how many were not.
    pub async fn reseal(&self) -> Result<usize, FleetFault> {
        let mut turned = Vec::new();
        for (id, keys) in store::all_sealed_keys(&self.0.db).await? {
            for old in std::iter::once(keys.now).chain(keys.next) {
                if let Some(new) = self.0.vault.renew(&self.0.clock, &label(id), &old)? {
                    turned.push((id, old, new));
                }
            }
        }
        let n_turned = turned.len();
        for part in turned.chunks(500) {
            let part = part.to_vec();
            let resealed = self.0.ledger.write(self.0.clock.now(), move |batch| {
                Box::pin(async move {
                    let connection = batch.connection().await?;
                    for (id, old, new) in &part {
                        store::reseal(connection, *id, old, new).await?;
                    }
                    Ok::<_, WriteFault>(())
                })
            });
            resealed.await?;
        }
        Ok(n_turned)
    }
}

/// What a probe's keys are sealed as; the next one becomes the one of now as it is.
pub fn label(id: ProbeId) -> String {
    format!("probe key {id}")
}
