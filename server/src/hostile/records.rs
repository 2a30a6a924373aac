//! What is carried from place to place: archives, evidence, signed heads and proofs, votes, and lines that people type.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ed25519_dalek::SigningKey;
use legator_engine::archive::{self, Limits};
use legator_engine::tlog::{Checkpoint, Hash, Signer, Ticket, Verifier, verify_consistency, verify_inclusion};
use legator_engine::vote::{self, Algorithm, Ring, Statement};
use legator_engine::{CommandSpec, Invocation, Level, Table, classify, evidence};

use crate::parts::{parts, text};

/// Small, so that what would be a bomb is one here.
const LIMITS: Limits = Limits { packed_bytes: 64 * 1024, unpacked_bytes: 64 * 1024, file_bytes: 16 * 1024, files: 32 };

static NOBODY: LazyLock<Option<Verifier>> =
    LazyLock::new(|| Signer::new("legator/audit", SigningKey::from_bytes(&[7; 32])).ok().map(|it| it.verifier()));

/// A bundle's archive. What opens is within its bounds, is what its manifest says, and is signed by nobody we know.
pub fn archive(bytes: &[u8]) {
    let Ok(opened) = archive::open(bytes, &LIMITS) else { return };
    let total: usize = opened.files.values().map(Vec::len).sum();
    assert!(total <= LIMITS.unpacked_bytes + 64 * 1024 && opened.files.len() <= LIMITS.files);
    for (path, bytes) in &opened.files {
        assert!(bytes.len() <= LIMITS.file_bytes);
        let leads_out = path.starts_with('/') || path.split('/').any(|part| part == ".." || part.is_empty());
        assert!(!leads_out && !path.contains(['\\', '\0']), "{path:?}");
    }
    assert_eq!(opened.files.keys().collect::<Vec<_>>(), opened.manifest.files.keys().collect::<Vec<_>>());
    assert!(NOBODY.as_ref().is_none_or(|key| opened.signed_by(key).is_err()));
    // The same files make an archive that is opened as well, and is the same revision where nothing was left out.
    if let Ok(again) = archive::pack(&opened.files, &opened.manifest.name, None) {
        let again = archive::open(&again, &Limits::default());
        let same = |again: &archive::Archive| again.manifest.revision == opened.manifest.revision;
        assert!(again.is_ok_and(|again| again.files.len() < opened.files.len() || same(&again)));
    }
}

/// A tar that says it is evidence. With the key of a log that never signed anything nothing is proved.
pub fn evidence(bytes: &[u8]) {
    if let Some(key) = NOBODY.as_ref()
        && let Ok(shown) = evidence::verify(bytes, Some(key))
    {
        assert_eq!(shown.proved, 0, "this key has signed nothing that proves an entry");
    }
    let _ = evidence::verify(bytes, None);
}

/// A signed head of a log.
pub fn checkpoint(bytes: &[u8]) {
    let [key, note] = parts::<2>(bytes);
    let (key, note) = (text(key), text(note));
    if let Some(nobody) = NOBODY.as_ref() {
        assert!(Checkpoint::open(&note, nobody).is_err(), "nobody signed it");
    }
    let _ = Checkpoint::read_unverified(&note);
    let Ok(key) = Verifier::parse(&key) else { return };
    assert_eq!(Verifier::parse(&key.to_string()).ok().as_ref(), Some(&key));
    if let Ok(head) = Checkpoint::open(&note, &key) {
        assert_eq!(Checkpoint::read_unverified(&note).ok().map(|it| it.size), Some(head.size));
    }
}

/// A proof that an entry is in a log, and bare paths through a tree.
pub fn proof(bytes: &[u8]) {
    let [numbers, ticket, entry] = parts::<3>(bytes);
    if let Ok(ticket) = Ticket::parse(&text(ticket)) {
        assert_eq!(Ticket::parse(&ticket.to_string()).ok().map(|it| it.index), Some(ticket.index));
        if let Some(nobody) = NOBODY.as_ref() {
            assert!(ticket.verify(entry, nobody).is_err(), "nobody signed it");
        }
    }
    let number = |at: usize| {
        let bytes = numbers.get(at..at + 8).and_then(|bytes| bytes.first_chunk::<8>());
        bytes.map_or(0, |bytes| u64::from_be_bytes(*bytes))
    };
    let path: Vec<Hash> = entry.chunks_exact(32).filter_map(Hash::from_slice).collect();
    let (leaf, root) = (Hash::new([1; 32]), Hash::new([2; 32]));
    assert!(verify_inclusion(leaf, number(0), number(8), &path, root).is_err());
    if verify_consistency(number(0), leaf, number(8), root, &path).is_ok() {
        assert_eq!((number(0), path.len()), (0, 0), "every log begins with nothing, and with nothing else for nothing");
    }
}

/// A signature over a vote, by a key that signed none.
pub fn vote(bytes: &[u8]) {
    let [key, signature, request, person, reason, nonce] = parts::<6>(bytes).map(text);
    let statement = |choice| Statement {
        request: &request,
        digest: "00",
        choice,
        person: &person,
        stands_for: None,
        reason: Some(&reason),
        at_ms: 7,
        nonce: &nonce,
    };
    let approves = statement("approve").check(Algorithm::Ed25519, &key, &signature).is_ok();
    let denies = statement("deny").check(Algorithm::Ed25519, &key, &signature).is_ok();
    assert!(!(approves && denies), "one signature is over one vote");
    let _ = vote::check(Algorithm::Ed25519, &key, &vote::enrollment(&person, &key), &signature);
    let _ = Algorithm::read(&reason);
}

/// Lines of a log, of which some say that they are votes.
pub fn votes_of_a_log(bytes: &[u8]) {
    let (mut ring, mut lines) = (Ring::default(), 0);
    for line in text(bytes).lines() {
        lines += 1;
        if ring.take(line).is_err() {
            return;
        }
    }
    assert!(ring.good + ring.unknown + ring.unsigned <= lines);
}

/// What somebody wants to be run: a line for a shell, or words. What cannot be read is a change, never a look.
pub fn command_line(bytes: &[u8]) {
    let table = Table::shipped();
    let (shell, words) = match bytes.split_first() {
        Some((first, rest)) => (first % 2 == 0, rest),
        None => (true, bytes),
    };
    let run = match shell {
        true => Invocation::Shell(text(words).into_owned()),
        false => Invocation::Argv(words.split(|byte| *byte == 0).map(|word| text(word).into_owned()).collect()),
    };
    let spec = CommandSpec { run, env: BTreeMap::new(), cwd: None, timeout_ms: 1_000 };
    if spec.check().is_err() {
        return;
    }
    let found = classify(table, &spec);
    let again = classify(table, &spec);
    assert_eq!(found.level, again.level, "it is read the same way twice");
    assert!(found.parsed || found.level >= Level::Remediate, "{found:?}");
    let _ = spec.line();
}
