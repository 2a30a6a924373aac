//! A log whose key is turned, and those who would turn it for their own.

use ed25519_dalek::SigningKey;
use serde_json::json;

use super::*;

fn signer(seed: u8) -> Signer {
    named("legator/audit", seed)
}

fn named(name: &str, seed: u8) -> Signer {
    Signer::new(name, SigningKey::from_bytes(&[seed; 32])).unwrap()
}

/// The entry at `index`, after `n` plain ones.
fn entry(index: u64, root: Hash, old: &Signer, new: &Signer) -> String {
    let body = Turn::body(index, root, old, new);
    json!({ "v": 1, "index": index, "kind": TURNED, "body": body }).to_string()
}

fn read(entry: &str) -> Turn {
    Turn::read(entry).unwrap().unwrap()
}

/// A log of twelve entries whose key was turned in entry 3 and in entry 7.
struct Turned {
    lines: Vec<String>,
    keys: Vec<Signer>,
}

impl Turned {
    fn new() -> Self {
        let (mut lines, keys): (Vec<String>, Vec<_>) = (Vec::new(), (1..=3).map(signer).collect());
        for n in 0..12_u64 {
            let root = Grown::of(&lines).tree.root();
            lines.push(match n {
                3 => entry(3, root, &keys[0], &keys[1]),
                7 => entry(7, root, &keys[1], &keys[2]),
                n => json!({ "v": 1, "index": n, "kind": "test.entry" }).to_string(),
            });
        }
        Self { lines, keys }
    }

    fn turns(&self) -> Vec<Turn> {
        self.lines.iter().filter_map(|line| Turn::read(line).unwrap()).collect()
    }

    fn note(&self, size: usize, by: usize) -> String {
        Checkpoint::sign(size as u64, Grown::of(&self.lines[..size]).tree.root(), &self.keys[by])
    }

    fn cosigned(&self, size: usize, by: usize) -> String {
        let root = Grown::of(&self.lines[..size]).tree.root();
        Checkpoint::cosign(size as u64, root, &self.keys[by], &self.keys[by + 1])
    }
}

#[test]
fn whoever_trusts_any_of_the_keys_follows_to_all_of_them() {
    let log = Turned::new();
    for trusted in &log.keys {
        let keys = Keys::trusting(&trusted.verifier(), &log.turns()).unwrap();
        assert_eq!((keys.now(), keys.n_turns()), (&log.keys[2].verifier(), 2));
        let spans: Vec<_> = keys.spans().map(|span| (span.from, span.until)).collect();
        assert_eq!(spans, [(0, Some(4)), (4, Some(8)), (8, None)]);
        for (size, by) in [(1, 0), (4, 0), (4, 1), (8, 1), (8, 2), (12, 2)] {
            assert_eq!(keys.open(&log.note(size, by)).unwrap().size, size as u64, "{size} by {by}");
        }
        assert_eq!(keys.open(&log.cosigned(4, 0)).unwrap().size, 4);
    }
    let stranger = signer(9).verifier();
    let refused = Keys::trusting(&stranger, &log.turns());
    assert_eq!(refused, Err(TurnFault::Stranger(stranger.to_string())));
    assert_eq!(Keys::trusting(&stranger, &[]).unwrap().now(), &stranger, "nothing was turned");
}

#[test]
fn a_key_that_had_gone_or_had_not_come_signs_nothing() {
    let log = Turned::new();
    let keys = Keys::trusting(&log.keys[0].verifier(), &log.turns()).unwrap();
    for (size, by) in [(5, 0), (8, 0), (12, 0), (9, 1), (12, 1), (3, 1), (7, 2), (1, 2)] {
        let refused = keys.open(&log.note(size, by));
        assert_eq!(refused, Err(CheckpointFault::Turned { size: size as u64 }), "{size} by {by}");
    }
    let root = Grown::of(&log.lines).tree.root();
    let foreign = keys.open(&Checkpoint::sign(12, root, &signer(9)));
    assert!(matches!(foreign, Err(CheckpointFault::Note(NoteFault::Unsigned(_)))), "{foreign:?}");
    // The old key's own signature beside the right one harms nothing, and a broken one of the right key is no signature.
    assert_eq!(keys.open(&Checkpoint::cosign(12, root, &log.keys[0], &log.keys[2])).unwrap().size, 12);
    let forged = log.note(12, 2).replace("\n12\n", "\n11\n");
    assert!(matches!(keys.open(&forged), Err(CheckpointFault::Note(NoteFault::Forged(_)))));
}

#[test]
fn a_checkpoint_at_the_turn_is_good_to_either_key_alone() {
    let log = Turned::new();
    let note = log.cosigned(4, 0);
    for by in [0, 1] {
        assert_eq!(Checkpoint::open(&note, &log.keys[by].verifier()).unwrap().size, 4);
    }
    assert!(Checkpoint::open(&note, &log.keys[2].verifier()).is_err());
}

#[test]
fn a_proof_of_any_day_holds_under_the_keys_of_the_log() {
    let log = Turned::new();
    let keys = Keys::trusting(&log.keys[0].verifier(), &log.turns()).unwrap();
    let grown = Grown::of(&log.lines);
    for (size, by) in [(4, 0), (8, 1), (12, 2)] {
        let path = grown.inclusion(3, size);
        let ticket = Ticket { index: 3, path, checkpoint: log.note(size as usize, by) };
        assert_eq!(ticket.verify_under(log.lines[3].as_bytes(), &keys).unwrap().size, size);
        assert!(ticket.verify_under(log.lines[2].as_bytes(), &keys).is_err());
    }
    let late = Ticket { index: 3, path: grown.inclusion(3, 12), checkpoint: log.note(12, 0) };
    assert!(late.verify_under(log.lines[3].as_bytes(), &keys).is_err(), "the old key signs no log of today");
}

#[test]
fn a_turn_that_the_old_key_did_not_sign_is_none() {
    let (old, new, thief) = (signer(1), signer(2), signer(9));
    let root = root_of(3);
    assert_eq!(read(&entry(3, root, &old, &new)).new, new.verifier());
    // The thief signs in the place of either key, and names the key that did not sign.
    for (one, other) in [(&thief, &new), (&old, &thief)] {
        let mut body = Turn::body(3, root, one, other);
        (body.old, body.new) = (old.verifier().to_string(), new.verifier().to_string());
        let forged = json!({ "index": 3, "kind": TURNED, "body": body }).to_string();
        assert!(matches!(Turn::read(&forged), Err(TurnFault::Unsigned { index: 3, .. })), "{forged}");
    }
    // Both sign, for another key than the one that is named.
    let mut body = Turn::body(3, root, &old, &thief);
    body.note = Turn::body(3, root, &old, &new).note;
    let forged = json!({ "index": 3, "kind": TURNED, "body": body }).to_string();
    assert!(matches!(Turn::read(&forged), Err(TurnFault::Unsigned { .. })));
}

#[test]
fn a_turn_is_of_this_log_in_this_place() {
    let (old, new) = (signer(1), signer(2));
    let good = entry(3, root_of(3), &old, &new);
    assert_eq!(Turn::read(&good.replace("\"index\":3", "\"index\":4")), Err(TurnFault::Misplaced { index: 4 }));
    let other = entry(3, root_of(3), &old, &named("other/audit", 2));
    assert!(matches!(Turn::read(&other), Err(TurnFault::Origin { .. })), "{other}");
    // A whole turn of another log, by its own keys, leads nowhere from ours.
    let foreign = read(&entry(3, root_of(3), &named("other/audit", 1), &named("other/audit", 2)));
    let refused = Keys::trusting(&old.verifier(), std::slice::from_ref(&foreign));
    assert_eq!(refused, Err(TurnFault::Stranger(old.verifier().to_string())));
    assert_eq!(Keys::of(old.verifier()).turn(&foreign), Err(TurnFault::Broken { index: 3 }));
}

#[test]
fn turns_follow_each_other_and_never_lead_back() {
    let (a, b, c) = (signer(1), signer(2), signer(3));
    let turn = |index, old, new| read(&entry(index, root_of(index as usize), old, new));
    let trusting = |turns: &[Turn]| Keys::trusting(&a.verifier(), turns);
    assert_eq!(
        trusting(&[turn(3, &a, &b), turn(5, &a, &c)]),
        Err(TurnFault::Broken { index: 5 }),
        "from a key that went"
    );
    assert_eq!(trusting(&[turn(3, &a, &b), turn(5, &b, &a)]), Err(TurnFault::Broken { index: 5 }), "back");
    assert_eq!(trusting(&[turn(5, &a, &b), turn(3, &b, &c)]), Err(TurnFault::Broken { index: 3 }), "out of order");
    assert_eq!(trusting(&[turn(3, &a, &a)]), Err(TurnFault::Broken { index: 3 }), "to itself");
}

#[test]
fn what_only_looks_like_a_turn_is_none_and_a_broken_one_is_refused() {
    let (old, new) = (signer(1), signer(2));
    for other in [
        "log-key.turned".to_owned(),
        json!({ "index": 1, "kind": "test.entry", "body": { "kind": TURNED } }).to_string(),
        json!({ "index": 1, "kind": "test.entry", "subject": TURNED }).to_string(),
    ] {
        assert_eq!(Turn::read(&other), Ok(None), "{other}");
    }
    let good = Turn::body(3, root_of(3), &old, &new);
    let entry = |body| json!({ "index": 3, "kind": TURNED, "body": body }).to_string();
    assert!(matches!(Turn::read(&entry(json!({}))), Err(TurnFault::Shape(3))));
    assert!(matches!(Turn::read(&entry(json!({ "old": "x", "new": "y", "note": "z" }))), Err(TurnFault::Key { .. })));
    // A plain checkpoint of both keys says nothing of a next one.
    let plain = Checkpoint::cosign(3, root_of(3), &old, &new);
    let plain = json!({ "old": good.old, "new": good.new, "note": plain });
    assert_eq!(Turn::read(&entry(plain)), Err(TurnFault::Shape(3)));
    assert!(matches!(Turn::read(&json!({ "kind": TURNED }).to_string()), Err(TurnFault::Shape(_))));
}
