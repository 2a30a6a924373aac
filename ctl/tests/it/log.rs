use std::path::Path;

use ed25519_dalek::SigningKey;
use legator_engine::tlog::{Checkpoint, ConsistencyPlan, Hash, Node, Signer, Tree, leaf_hash};
use serde_json::json;

use crate::fake::{Ended, Fake, Reply, json as answer, problem, run_with};

/// A log of `n` entries.
#[derive(Clone)]
struct Log {
    lines: Vec<String>,
    signer: Signer,
}

impl Log {
    fn of(n: usize) -> Self {
        let lines = (0..n).map(|n| format!("{{\"kind\":\"test.entry\",\"n\":{n}}}")).collect();
        let signer = Signer::new("legator/audit", SigningKey::from_bytes(&[7; 32])).unwrap();
        Self { lines, signer }
    }

    fn tree(&self, size: usize, mut completed: impl FnMut(Node, Hash)) -> Tree {
        let mut tree = Tree::new();
        for (n, line) in self.lines[..size].iter().enumerate() {
            let leaf = leaf_hash(line.as_bytes());
            completed(Node { level: 0, index: n as u64 }, leaf);
            tree.append(leaf, &mut completed);
        }
        tree
    }

    fn note(&self, size: usize) -> String {
        Checkpoint::sign(size as u64, self.tree(size, |_, _| {}).root(), &self.signer)
    }

    fn verifier(&self) -> String {
        self.signer.verifier().to_string()
    }

    fn consistency(&self, from: u64) -> Option<Vec<String>> {
        let plan = ConsistencyPlan::new(from, self.lines.len() as u64).ok()?;
        let mut nodes = std::collections::BTreeMap::new();
        self.tree(self.lines.len(), |node, hash| {
            nodes.insert((node.level, node.index), hash);
        });
        let path = plan.finish(|node| nodes.get(&(node.level, node.index)).copied()).unwrap();
        Some(path.iter().map(|hash| hash.to_base64()).collect())
    }

    /// A server that has this log.
    fn serve(self) -> Fake {
        Fake::start(move |request| self.reply(&request.path))
    }

    fn reply(&self, path: &str) -> Reply {
        let (size, verifier) = (self.lines.len(), self.verifier());
        let note = self.note(size);
        if path == "/api/v1/audit/checkpoint" {
            return answer(200, json!({ "size": size, "root": "", "note": note, "verifier": verifier }));
        }
        if let Some(from) = path.strip_prefix("/api/v1/audit/consistency?from=") {
            let from = from.parse().unwrap();
            return match self.consistency(from) {
                Some(path) => {
                    answer(200, json!({ "from": from, "size": size, "path": path, "note": note, "verifier": verifier }))
                }
                None => problem(422, "invalid", "the log has fewer entries"),
            };
        }
        if path.starts_with("/api/v1/audit/export?from=0&") {
            let body = self.lines.iter().map(|line| format!("{line}\n")).collect();
            return Reply { status: 200, kind: "text/plain", body, cut: false, cookie: None };
        }
        problem(404, "not-found", path)
    }

    fn export(&self, folder: &Path) -> String {
        let path = folder.join("export.jsonl");
        std::fs::write(&path, self.lines.join("\n") + "\n").unwrap();
        path.to_str().unwrap().to_owned()
    }
}

fn verify(fake: &Fake, home: &Path, more: &[&str]) -> Ended {
    // Each server listens on a port of its own; the kept checkpoint is given by hand where it is of another.
    fake.run(home, &[["audit", "verify"].as_slice(), more].concat())
}

#[test]
fn takes_the_key_on_trust_once_and_says_so() {
    let (home, fake) = (tempfile::tempdir().unwrap(), Log::of(5).serve());
    let first = verify(&fake, home.path(), &[]);
    assert_eq!(first.code, 0, "{first:?}");
    assert!(first.stderr.contains("taken on trust"), "{}", first.stderr);
    let second = verify(&fake, home.path(), &["--full"]);
    assert_eq!(second.code, 0, "{second:?}");
    assert!(second.stdout.contains("begins with the 5") && !second.stderr.contains("on trust"), "{second:?}");
    assert!(second.stdout.contains("recomputed from 5 entries"), "{second:?}");
}

#[test]
fn follows_a_log_that_grew() {
    let home = tempfile::tempdir().unwrap();
    let kept = home.path().join("kept.txt");
    std::fs::write(&kept, Log::of(5).note(3)).unwrap();
    let ended = verify(&Log::of(9).serve(), home.path(), &["--checkpoint", kept.to_str().unwrap(), "-o", "json"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!((&ended.json()["from"], &ended.json()["size"]), (&json!(3), &json!(9)));
}

#[test]
fn notices_a_log_that_was_cut_and_one_that_was_rewritten() {
    let home = tempfile::tempdir().unwrap();
    let kept = home.path().join("kept.txt");
    std::fs::write(&kept, Log::of(7).note(7)).unwrap();
    let more = ["--checkpoint", kept.to_str().unwrap()];
    let cut = verify(&Log::of(5).serve(), home.path(), &more);
    assert_eq!(cut.code, 5, "{cut:?}");
    assert!(cut.stderr.contains("the log is cut: it had 7 entries and has 5"), "{}", cut.stderr);
    let mut rewritten = Log::of(9);
    rewritten.lines[2].push(' ');
    let altered = verify(&rewritten.clone().serve(), home.path(), &more);
    assert_eq!(altered.code, 5, "{altered:?}");
    assert!(altered.stderr.contains("does not continue"), "{}", altered.stderr);
    rewritten.lines.truncate(7);
    assert_eq!(verify(&rewritten.serve(), home.path(), &more).code, 5, "of the same size");
}

#[test]
fn believes_no_other_key_than_the_pinned_one() {
    let (home, log) = (tempfile::tempdir().unwrap(), Log::of(4));
    let other = Signer::new("legator/audit", SigningKey::from_bytes(&[8; 32])).unwrap().verifier().to_string();
    let ended = verify(&log.clone().serve(), home.path(), &["--verifier", &other]);
    assert_eq!(ended.code, 5, "{ended:?}");
    assert_eq!(verify(&log.clone().serve(), home.path(), &["--verifier", &log.verifier()]).code, 0);
}

#[test]
fn notices_entries_that_do_not_lead_to_the_signed_root() {
    let home = tempfile::tempdir().unwrap();
    let log = Log::of(6);
    let fake = Fake::start(move |request| {
        let mut reply = log.reply(&request.path);
        if request.path.contains("/export") {
            reply.body = reply.body.replace("\"n\":4", "\"n\":5");
        }
        reply
    });
    assert_eq!(verify(&fake, home.path(), &[]).code, 0, "the heads alone fit");
    let full = verify(&fake, home.path(), &["--full"]);
    assert_eq!(full.code, 5, "{full:?}");
    assert!(full.stderr.contains("altered"), "{}", full.stderr);
}

fn offline(home: &Path, log: &Log, note: &str, key: &str) -> Ended {
    let checkpoint = home.join("checkpoint.txt");
    std::fs::write(&checkpoint, note).unwrap();
    let (export, checkpoint) = (log.export(home), checkpoint.to_str().unwrap().to_owned());
    run_with(home, &[], &["audit", "verify", "--offline", &export, "--checkpoint", &checkpoint, "--verifier", key], "")
}

#[test]
fn verifies_an_export_without_a_server() {
    let (home, log) = (tempfile::tempdir().unwrap(), Log::of(10));
    let good = offline(home.path(), &log, &log.note(10), &log.verifier());
    assert_eq!(good.code, 0, "{good:?}");
    let longer = offline(home.path(), &log, &log.note(8), &log.verifier());
    assert_eq!(longer.code, 0, "{longer:?}");
    assert!(longer.stderr.contains("2 more entries"), "{}", longer.stderr);
}

#[test]
fn finds_what_is_wrong_with_an_export() {
    let (home, log) = (tempfile::tempdir().unwrap(), Log::of(10));
    let (note, key) = (log.note(10), log.verifier());
    let mut cut = log.clone();
    cut.lines.pop();
    assert!(offline(home.path(), &cut, &note, &key).stderr.contains("signs 10 entries, and there are 9"));
    for (what, line) in [("altered", "{\"kind\":\"test.entry\",\"n\":33}"), ("entry 3 is missing", "null")] {
        let mut altered = log.clone();
        line.clone_into(&mut altered.lines[3]);
        let ended = offline(home.path(), &altered, &note, &key);
        assert_eq!(ended.code, 5, "{what}");
        assert!(ended.stderr.contains(what), "{}", ended.stderr);
    }
    let other = Signer::new("legator/audit", SigningKey::from_bytes(&[8; 32])).unwrap().verifier().to_string();
    assert_eq!(offline(home.path(), &log, &note, &other).code, 5);
    assert_eq!(offline(home.path(), &log, &note, "no key").code, 2);
}

fn check_proof(home: &Path, proof: &str, entry: &str, key: &str) -> Ended {
    let (proof_path, entry_path) = (home.join("p"), home.join("p.entry"));
    std::fs::write(&proof_path, proof).unwrap();
    std::fs::write(&entry_path, entry).unwrap();
    let (proof, entry) = (proof_path.to_str().unwrap(), entry_path.to_str().unwrap());
    run_with(home, &[], &["audit", "check-proof", proof, "--entry", entry, "--verifier", key], "")
}

#[test]
fn checks_a_proof_without_a_server() {
    // A log of two: the path of entry 1 is the leaf of entry 0.
    let (home, log) = (tempfile::tempdir().unwrap(), Log::of(2));
    let path = vec![leaf_hash(log.lines[0].as_bytes())];
    let proof = legator_engine::tlog::Ticket { index: 1, path, checkpoint: log.note(2) }.to_string();
    let good = check_proof(home.path(), &proof, &log.lines[1], &log.verifier());
    assert_eq!(good.code, 0, "{good:?}");
    assert!(good.stdout.contains("entry 1 of a log of 2"), "{}", good.stdout);
    assert_eq!(check_proof(home.path(), &proof, &log.lines[0], &log.verifier()).code, 5, "another entry");
    assert_eq!(check_proof(home.path(), "no proof", &log.lines[1], &log.verifier()).code, 5);
    let other = Signer::new("legator/audit", SigningKey::from_bytes(&[8; 32])).unwrap().verifier().to_string();
    assert_eq!(check_proof(home.path(), &proof, &log.lines[1], &other).code, 5, "another key");
    let forged = proof.replace("index 1", "index 0");
    assert_eq!(check_proof(home.path(), &forged, &log.lines[1], &log.verifier()).code, 5, "another place");
}
