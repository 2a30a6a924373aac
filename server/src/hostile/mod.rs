//! What somebody can send before anybody knows who they are, or to show who they are: a target for each parser of it.
//! The tests call every target with the kept inputs (`server/fuzz/corpus`); a fuzzer that sees which lines are reached
//! calls them with what it makes of these (`cargo xtask fuzz`).
//! Never: in a program that is used. Only tests and the fuzzer are built with it.

mod records;
mod wire;

use crate::{fleet, identity, policy};

/// Reads what somebody sent. What must not be true of it fails an assertion.
pub type Target = fn(&[u8]);

/// Every target by its name, which is the folder of its inputs, too.
pub const TARGETS: &[(&str, Target)] = &[
    ("authorization", identity::hostile::authorization),
    ("cookies", identity::hostile::cookies),
    ("forwarded", identity::hostile::forwarded),
    ("names", identity::hostile::names),
    ("passwords", identity::hostile::passwords),
    ("codes", identity::hostile::codes),
    ("id-token", identity::hostile::id_token),
    ("claims", identity::hostile::claims),
    ("key-set", identity::hostile::key_set),
    ("discovery", identity::hostile::discovery),
    ("passkey-made", identity::hostile::passkey_made),
    ("passkey-shown", identity::hostile::passkey_shown),
    ("cbor", identity::hostile::cbor),
    ("enrollment", fleet::hostile::enrollment),
    ("webhook", policy::hostile::webhook),
    ("git-listing", policy::hostile::git_listing),
    ("hello", wire::hello),
    ("welcome", wire::welcome),
    ("frame", wire::frame),
    ("message", wire::message),
    ("order", wire::order),
    ("archive", records::archive),
    ("evidence", records::evidence),
    ("checkpoint", records::checkpoint),
    ("proof", records::proof),
    ("vote", records::vote),
    ("votes-of-a-log", records::votes_of_a_log),
    ("command-line", records::command_line),
];

/// The target of this name.
pub fn named(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_kept_input_is_read_without_harm() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        for (name, target) in TARGETS {
            let inputs =
                std::fs::read_dir(corpus.join(name)).unwrap_or_else(|why| panic!("no inputs for {name}: {why}"));
            let mut read = 0;
            for input in inputs {
                let path = input.unwrap().path();
                let bytes = std::fs::read(&path).unwrap();
                // Cut at many places, and with a byte of each changed, it is as harmless.
                let step = bytes.len() / 64 + 1;
                for at in (0..bytes.len()).step_by(step) {
                    let mut changed = bytes.clone();
                    changed[at] = changed[at].wrapping_add(1);
                    target(&bytes[..at]);
                    target(&changed);
                }
                target(&bytes);
                read += 1;
            }
            assert!(read > 0, "{name} has no inputs");
        }
    }

    #[test]
    fn every_folder_of_inputs_is_a_targets() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        for folder in std::fs::read_dir(corpus).unwrap() {
            let name = folder.unwrap().file_name().into_string().unwrap();
            assert!(named(&name).is_some(), "{name}");
        }
    }
}
