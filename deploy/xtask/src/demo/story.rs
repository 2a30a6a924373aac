//! The story, as data: who says what to the command line, why, and what must come back.
//! `{name}` in a line stands for what an earlier line kept, and `{marks}` for a folder that the story may write to.
//! Never: a command that would hurt this machine if the rules failed to stop it.

use super::teller::{Act, End, Scene};

/// The probes, and the tags by which the default guardrails know them.
pub const PROBES: &[(&str, &[&str])] = &[("web-1", &["web"]), ("db-1", &["db"]), ("prod-1", &["web", "prod"])];

/// The person who approves what the first one asked for.
pub const SECOND: &str = "ben";
const FIRST: &str = "admin";

/// Where the command line's JSON says how far a command has come, why, and what its id is.
const STATE: &str = "/state";
const WHY: &str = "/decision/rationale/summary";
const ID: &str = "/id";

pub const STORY: &[Scene] = &[
    Scene {
        title: "a command that runs",
        why: "Looking is permitted to operators by role, so nothing stands in the way; it is recorded all the same.",
        acts: &[Act {
            who: FIRST,
            line: &["run", "web-1", "--wait", "--", "uptime"],
            end: End::Well,
            says: &[(STATE, "succeeded")],
            keep: &[("first", ID)],
            tell: &[STATE, WHY],
        }],
    },
    Scene {
        title: "a change that waits for a second person",
        why: "`prod-1` carries the tag `prod`, and `prod-changes-need-a-second-pair-of-eyes`.",
        acts: &[
            Act {
                who: FIRST,
                line: &["run", "prod-1", "--reason", "after the cache move", "--", "touch", "{marks}/prod-1"],
                end: End::Any,
                says: &[(STATE, "held")],
                keep: &[("held", ID)],
                tell: &[STATE, WHY],
            },
            Act {
                who: SECOND,
                line: &["approve", "{held}", "--reason", "seen and agreed"],
                end: End::Well,
                says: &[],
                keep: &[],
                tell: &[STATE],
            },
            Act {
                who: FIRST,
                line: &["wait", "{held}"],
                end: End::Well,
                says: &[(STATE, "succeeded")],
                keep: &[],
                tell: &[STATE, WHY],
            },
        ],
    },
    Scene {
        title: "a change that waits for room",
        why: "`web-1` is in the middle of one change; the admission script lets the next one wait its turn.",
        acts: &[
            Act {
                who: FIRST,
                line: &["run", "web-1", "--no-wait", "--shell", "sleep 4; touch {marks}/web-1-first"],
                end: End::Well,
                says: &[],
                keep: &[("running", ID)],
                tell: &[STATE, WHY],
            },
            Act {
                who: FIRST,
                line: &["run", "web-1", "--no-wait", "--", "touch", "{marks}/web-1-second"],
                end: End::Any,
                says: &[(STATE, "queued")],
                keep: &[("queued", ID)],
                tell: &[STATE, WHY],
            },
            Act {
                who: FIRST,
                line: &["wait", "{running}"],
                end: End::Well,
                says: &[(STATE, "succeeded")],
                keep: &[],
                tell: &[STATE],
            },
            Act {
                who: FIRST,
                line: &["wait", "{queued}"],
                end: End::Well,
                says: &[(STATE, "succeeded")],
                keep: &[],
                tell: &[STATE],
            },
        ],
    },
    Scene {
        title: "a command that is refused",
        why: "Making a file system destroys what was there, and nobody wipes a database host from here.",
        acts: &[Act {
            who: FIRST,
            // A path inside the demo's own folder: were it let through by mistake, nothing would be lost.
            line: &["run", "db-1", "--", "mkfs.ext4", "{marks}/not-a-disk"],
            end: End::Badly,
            says: &[(STATE, "denied")],
            keep: &[],
            tell: &[STATE, WHY],
        }],
    },
    Scene {
        title: "the record",
        why: "Every answer above is a leaf of a signed Merkle tree; the whole log is recomputed, then one entry proved.",
        acts: &[
            Act {
                who: FIRST,
                line: &["audit", "verify"],
                end: End::Well,
                says: &[],
                keep: &[],
                tell: &["/size", "/root"],
            },
            Act {
                who: FIRST,
                line: &["audit", "proof", "{held}"],
                end: End::Well,
                says: &[],
                keep: &[],
                tell: &["/index"],
            },
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_a_line_uses_was_kept_before() {
        let mut kept = vec!["marks"];
        for act in STORY.iter().flat_map(|scene| scene.acts) {
            for word in act.line {
                for used in word.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
                    assert!(kept.contains(&used), "`{word}` uses `{used}`, which nothing kept");
                }
            }
            kept.extend(act.keep.iter().map(|(name, _)| *name));
        }
    }

    #[test]
    fn only_known_people_and_probes_appear() {
        for act in STORY.iter().flat_map(|scene| scene.acts) {
            assert!([FIRST, SECOND].contains(&act.who));
            if let ["run", probe, ..] = act.line {
                assert!(PROBES.iter().any(|(name, _)| name == probe), "{probe}");
            }
        }
    }
}
