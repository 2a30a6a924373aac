//! Turning a probe's key in its open session, without enrolling anew: see `legator_protocol`'s `turn`.
//!
//! Every step can be lost. A turn that is asked for is a row, and each session that opens takes it up; a next key that both
//! sides keep is proved in the next handshake, and then the old key goes. Until then either key opens a session.
//! Never: the old key after the new one was proved, or a turn that a probe of before is asked for.

use std::sync::Arc;

use legator_protocol::{Exchange, KeyShare, ProbeId, ToProbe};

use super::Road;
use super::seal::{KeyringFault, Which};
use crate::fault;
use crate::fleet::{FleetFault, Kept, KeyTurn, Probe};
use crate::identity::{ManageProbe, Permit};

/// A turn that a probe was told of in its present session, and our half of the exchange.
pub(super) struct Offer {
    turn: String,
    share: KeyShare,
    /// The session that it was made in.
    session: u64,
}

impl Road {
    /// Asks for the turn of probes' keys. A probe that is away is asked when it comes back.
    pub async fn turn_keys(&self, asked: Vec<(Permit<ManageProbe>, ProbeId)>) -> Result<Vec<Arc<Probe>>, FleetFault> {
        let asked = self.0.fleet.ask_turns(asked).await?;
        asked.iter().for_each(|probe| self.offer_key(probe.id));
        Ok(asked)
    }

    /// Offers a connected probe our half of the exchange, if its key is to be turned: once in a session, though a session
    /// that opens and somebody who asks may come to it at the same moment. A second half would make the first worth nothing.
    pub fn offer_key(&self, probe: ProbeId) {
        let turn = self.0.fleet.get(probe).and_then(|probe| probe.key_turn.clone()).filter(|turn| !turn.kept);
        let Some(KeyTurn { id: turn, .. }) = turn else { return };
        let Some(session) = self.0.hub.session(probe).filter(|_| self.0.fleet.can_turn(probe) == Some(true)) else {
            return;
        };
        let mut offers = self.0.offers.lock();
        // An older one is of a session that is over, a newer one of the session after the one that was looked at.
        if offers.get(&probe).is_some_and(|offer| offer.turn == turn && offer.session >= session) {
            return;
        }
        let share = KeyShare::new(self.0.clock.secret());
        let message = ToProbe::RotateKey { turn: turn.clone(), public: share.public() };
        if self.0.hub.send_in(probe, session, &message) {
            offers.insert(probe, Offer { turn, share, session });
        }
    }

    /// A session was opened with a key of this mark. `false` if that is no key of the probe any more.
    pub async fn proved(&self, probe: ProbeId, mark: &str) -> Result<bool, KeyringFault> {
        let which = self.0.keyring.which(probe, mark).await?;
        if which == Some(Which::Next) {
            fault::point("key.proved");
            self.0.fleet.take_next_key(probe).await?;
            fault::point("key.turned");
            tracing::info!(probe.id = %probe, "the probe's key was turned");
        }
        self.0.keyring.seals_with(probe, mark).await?;
        Ok(which.is_some())
    }

    /// The probe keeps the next key. When we do, it is to prove it.
    pub async fn key_kept(&self, probe: ProbeId, turn: &str, public: &str, proof: &str) {
        let Some(offer) = self.0.offers.lock().remove(&probe).filter(|offer| offer.turn == turn) else {
            return tracing::info!(probe.id = %probe, turn, "a key came for a turn that was not offered in this session");
        };
        match self.keep(probe, &offer, public, proof).await {
            Ok(Kept::Yes) => self.0.hub.drop_session(probe, "its new key is to be proved"),
            Ok(Kept::Late) => {}
            Err(fault) => {
                tracing::warn!(%fault, probe.id = %probe, "the probe's next key was not kept");
                let noted = self.0.fleet.note_turn_trouble(probe, turn, &fault.to_string()).await;
                if let Err(fault) = noted {
                    tracing::error!(%fault, probe.id = %probe, "nor could that be written down");
                }
            }
        }
    }

    async fn keep(&self, probe: ProbeId, offer: &Offer, public: &str, proof: &str) -> Result<Kept, KeyringFault> {
        let (id, own) = (probe.to_string(), offer.share.public());
        let exchange = Exchange { probe: &id, turn: &offer.turn, server: &own, own: public };
        let sealed = self.0.keyring.agree(probe, &offer.share, exchange, proof).await?;
        fault::point("key.keeping");
        let kept = self.0.fleet.keep_next_key(probe, &offer.turn, sealed).await?;
        fault::point("key.kept");
        Ok(kept)
    }

    /// The probe has no next key.
    pub async fn key_not_kept(&self, probe: ProbeId, turn: &str, why: &str) {
        tracing::warn!(probe.id = %probe, why, "the probe could not keep its next key");
        if let Err(fault) = self.0.fleet.note_turn_trouble(probe, turn, why).await {
            tracing::error!(%fault, probe.id = %probe, "that could not be written down");
        }
    }
}
