//! What comes over a probe's connection, from either side: handshake, frames, messages, orders.

use std::sync::LazyLock;

use legator_protocol::{Hello, Order, OrderKey, ProbeId, ProbeKey, Refusal, ToProbe, ToServer, answer, greet};

use crate::parts::{measured, text};

fn key() -> ProbeKey {
    ProbeKey::new([5; 32])
}

fn probe() -> ProbeId {
    ProbeId::born(9, 9)
}

/// What a stranger says first. What is read is written the same way, and greeted or not, nobody is proved by it.
pub fn hello(bytes: &[u8]) {
    let said = text(bytes);
    let Ok(hello) = Hello::read(&said) else { return };
    assert!(said.len() <= 4096);
    let written = serde_json::to_string(&hello).unwrap_or_default();
    assert_eq!(Hello::read(&written).as_ref(), Ok(&hello));
    if let Ok((welcome, _, mut opener)) = greet(&said, &hello, &key(), [4; 32], 1_000) {
        assert!(!welcome.is_empty());
        assert!(opener.open(bytes).is_err(), "a hello is no frame");
    }
}

/// What a server, or somebody in its place, answers to a probe. Only who holds the key is believed.
pub fn welcome(bytes: &[u8]) {
    let said = text(bytes);
    let hello = Hello::new(probe(), [3; 32], &[]);
    let own = serde_json::to_string(&hello).unwrap_or_default();
    assert!(answer(&own, &hello, &key(), &said).is_err(), "nobody but the server knows the key");
    let _ = serde_json::from_str::<Refusal>(&said);
}

/// Frames of somebody who has no key, one after another.
pub fn frame(bytes: &[u8]) {
    let hello = Hello::new(probe(), [3; 32], &[]);
    let own = serde_json::to_string(&hello).unwrap_or_default();
    let Ok((_, _, mut opener)) = greet(&own, &hello, &key(), [4; 32], 1_000) else { return };
    let mut rest = bytes;
    while !rest.is_empty() {
        let [one, after] = measured::<2>(rest);
        assert!(opener.open(one).is_err(), "it was not sealed");
        rest = after;
    }
}

/// What a probe that is known says in a frame: it may lie, and not break anything.
pub fn message(bytes: &[u8]) {
    if let Ok(said) = serde_json::from_slice::<ToServer>(bytes) {
        let written = serde_json::to_vec(&said).unwrap_or_default();
        let again = serde_json::from_slice::<ToServer>(&written);
        assert!(again.is_ok(), "what was read can be read again");
        match said {
            ToServer::Inventory(inventory) => crate::fleet::hostile::inventory(&inventory),
            ToServer::Heartbeat(beat) => assert!(crate::fleet::Health::of(&beat).score <= 100),
            _ => {}
        }
    }
    let _ = serde_json::from_slice::<ToProbe>(bytes);
}

/// An order with its seal, as a probe gets it.
pub fn order(bytes: &[u8]) {
    static KEY: LazyLock<OrderKey> = LazyLock::new(|| OrderKey::of(&key(), probe()));
    let [tag, order] = measured::<2>(bytes);
    assert!(KEY.open(order, tag).is_err(), "nobody sealed it");
    let Ok(order) = serde_json::from_slice::<Order>(order) else { return };
    if order.spec.check().is_ok() {
        assert!(!order.spec.line().is_empty(), "what can run can be shown");
    }
}
