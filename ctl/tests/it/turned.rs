//! A log whose key was turned: what was known before leads to the key of now, and nothing that is forged does.

use std::path::Path;
use std::sync::{Arc, Mutex};

use ed25519_dalek::SigningKey;
use legator_engine::tlog::{
    Checkpoint, ConsistencyPlan, Hash, InclusionPlan, Node, Signer, TURNED, Ticket, Tree, Turn, leaf_hash,
};
use serde_json::{Value, json};

use crate::fake::{Ended, Fake, Reply, json as answer, problem, run_with};

fn signer(seed: u8) -> Signer {
    Signer::new("legator/audit", SigningKey::from_bytes(&[seed; 32])).unwrap()
}

/// A log that grows, whose key can be turned.
#[derive(Clone)]
struct Log {
    lines: Vec<String>,
    signers: Vec<Signer>,
    turns: Vec<u64>,
}

impl Log {
    fn of(n: usize) -> Self {
        let mut log = Self { lines: Vec::new(), signers: vec![signer(1)], turns: Vec::new() };
        log.grow(n);
        log
    }

    fn grow(&mut self, n: usize) {
        for _ in 0..n {
            self.lines.push(json!({ "v": 1, "index": self.lines.len(), "kind": "test.entry" }).to_string());
        }
    }

    /// The key is turned by whoever signs as `old`.
    fn turn_by(&mut self, old: &Signer, new: Signer) {
        let index = self.lines.len() as u64;
        let body = Turn::body(index, self.tree(self.lines.len()).0.root(), old, &new);
        self.lines.push(json!({ "v": 1, "index": index, "kind": TURNED, "body": body }).to_string());
        self.turns.push(index);
        self.signers.push(new);
    }

    fn turn(&mut self) {
        let old = self.signers.last().unwrap().clone();
        self.turn_by(&old, signer(self.signers.len() as u8 + 1));
    }

    fn tree(&self, size: usize) -> (Tree, std::collections::HashMap<Node, Hash>) {
        let (mut tree, mut nodes) = (Tree::new(), std::collections::HashMap::new());
        for (n, line) in self.lines[..size].iter().enumerate() {
            let leaf = leaf_hash(line.as_bytes());
            nodes.insert(Node { level: 0, index: n as u64 }, leaf);
            tree.append(leaf, |node, hash| {
                nodes.insert(node, hash);
            });
        }
        (tree, nodes)
    }

    fn note_by(&self, size: usize, by: usize) -> String {
        Checkpoint::sign(size as u64, self.tree(size).0.root(), &self.signers[by])
    }

    fn note(&self) -> String {
        self.note_by(self.lines.len(), self.signers.len() - 1)
    }

    fn verifier(&self, n: usize) -> String {
        self.signers[n].verifier().to_string()
    }

    fn last(&self) -> String {
        self.verifier(self.signers.len() - 1)
    }

    fn proof(&self, index: u64) -> String {
        let (tree, nodes) = self.tree(self.lines.len());
        let plan = InclusionPlan::new(index, tree.size()).unwrap();
        let path = plan.finish(|node| nodes.get(&node).copied()).unwrap();
        Ticket { index, path, checkpoint: self.note() }.to_string()
    }

    fn keys(&self) -> Value {
        let mut keys = vec![json!({ "verifier": self.verifier(0), "from": 0 })];
        for (n, index) in self.turns.iter().enumerate() {
            let (entry, proof) = (&self.lines[*index as usize], self.proof(*index));
            let turn = json!({ "index": index, "by": "ana", "entry": entry, "proof": proof, "note": "" });
            keys.push(json!({ "verifier": self.verifier(n + 1), "from": index + 1, "turn": turn }));
        }
        json!({ "verifier": self.last(), "keys": keys })
    }

    fn reply(&self, path: &str) -> Reply {
        let (size, verifier, note) = (self.lines.len(), self.last(), self.note());
        if path == "/api/v1/audit/checkpoint" {
            return answer(200, json!({ "size": size, "root": "", "note": note, "verifier": verifier }));
        }
        if path == "/api/v1/audit/keys" {
            return answer(200, self.keys());
        }
        if let Some(from) = path.strip_prefix("/api/v1/audit/consistency?from=") {
            let plan = ConsistencyPlan::new(from.parse().unwrap(), size as u64).unwrap();
            let (_, nodes) = self.tree(size);
            let path = plan.finish(|node| nodes.get(&node).copied()).unwrap();
            let path: Vec<_> = path.iter().map(|hash| hash.to_base64()).collect();
            return answer(200, json!({ "path": path, "note": note, "verifier": verifier }));
        }
        if path.starts_with("/api/v1/audit/export?from=0&") {
            let body = self.lines.iter().map(|line| format!("{line}\n")).collect();
            return Reply { status: 200, kind: "text/plain", body, cut: false, cookie: None };
        }
        if path.starts_with("/api/v1/audit/entries/") {
            let index = path.split('/').nth(5).unwrap().parse().unwrap();
            let (entry, proof) = (&self.lines[index as usize], self.proof(index));
            return answer(200, json!({ "index": index, "entry": entry, "proof": proof, "verifier": verifier }));
        }
        problem(404, "not-found", path)
    }

    fn serve(self) -> Fake {
        Fake::start(move |request| self.reply(&request.path))
    }
}

fn verify(fake: &Fake, home: &Path, more: &[&str]) -> Ended {
    fake.run(home, &[["audit", "verify"].as_slice(), more].concat())
}

fn kept(home: &Path, name: &str, text: &str) -> String {
    let path = home.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn follows_from_what_was_seen_before_to_the_key_of_now_and_keeps_that() {
    let (home, log) = (tempfile::tempdir().unwrap(), Arc::new(Mutex::new(Log::of(5))));
    let shown = Arc::clone(&log);
    let fake = Fake::start(move |request| shown.lock().unwrap().reply(&request.path));
    assert_eq!(verify(&fake, home.path(), &[]).code, 0);
    let mut grown = log.lock().unwrap().clone();
    grown.turn();
    grown.grow(3);
    grown.turn();
    grown.grow(1);
    *log.lock().unwrap() = grown.clone();
    let followed = verify(&fake, home.path(), &["--full"]);
    assert_eq!(followed.code, 0, "{followed:?}");
    for told in ["begins with the 5", "turned in entry 5, signed by both", "turned in entry 9", &grown.verifier(2)] {
        assert!(followed.stdout.contains(told), "{told}: {}", followed.stdout);
    }
    let again = verify(&fake, home.path(), &["-o", "json"]);
    assert_eq!((again.code, &again.json()["turns_followed"]), (0, &json!(0)), "the key of now is the known one");
    assert_eq!(again.json()["verifier"], grown.last());
}

#[test]
fn follows_from_any_pinned_key_and_any_checkpoint_that_a_key_of_the_log_signed() {
    let (home, mut log) = (tempfile::tempdir().unwrap(), Log::of(5));
    let first = kept(home.path(), "first", &log.note());
    log.turn();
    log.grow(3);
    log.turn();
    log.grow(1);
    let fake = log.clone().serve();
    for known in 0..3 {
        let ended = verify(&fake, home.path(), &["--verifier", &log.verifier(known), "--checkpoint", &first]);
        assert_eq!(ended.code, 0, "{known}: {ended:?}");
    }
    // Signed by the old key when it had gone already.
    let late = kept(home.path(), "late", &log.note_by(8, 0));
    let refused = verify(&fake, home.path(), &["--verifier", &log.verifier(0), "--checkpoint", &late]);
    assert_eq!(refused.code, 5, "{refused:?}");
    assert!(refused.stderr.contains("its key was turned"), "{}", refused.stderr);
    let stranger = verify(&fake, home.path(), &["--verifier", &signer(9).verifier().to_string()]);
    assert_eq!(stranger.code, 5, "{stranger:?}");
    assert!(stranger.stderr.contains("this is another log"), "{}", stranger.stderr);
}

#[test]
fn believes_no_turn_that_the_known_key_did_not_sign_and_none_that_is_not_in_the_log() {
    let home = tempfile::tempdir().unwrap();
    let mut stolen = Log::of(5);
    let known = stolen.verifier(0);
    stolen.turn_by(&signer(9), signer(2));
    let refused = verify(&stolen.serve(), home.path(), &["--verifier", &known]);
    assert_eq!(refused.code, 5, "{refused:?}");
    assert!(refused.stderr.contains("this is another log"), "{}", refused.stderr);
    // A server that shows a turn, and proves another entry in its place.
    let mut log = Log::of(5);
    log.turn();
    log.grow(2);
    let fake = Fake::start(move |request| {
        let mut reply = log.reply(&request.path);
        if request.path == "/api/v1/audit/keys" {
            let mut keys = log.keys();
            keys["keys"][1]["turn"]["proof"] = log.proof(4).into();
            reply = answer(200, keys);
        }
        reply
    });
    let refused = verify(&fake, home.path(), &["--verifier", &known]);
    assert_eq!(refused.code, 5, "{refused:?}");
    assert!(refused.stderr.contains("not proved to be in the log"), "{}", refused.stderr);
}

#[test]
fn a_head_that_the_old_key_signs_after_the_turn_is_refused() {
    let (home, mut log) = (tempfile::tempdir().unwrap(), Log::of(5));
    let known = log.verifier(0);
    log.turn();
    log.grow(2);
    let forged = log.note_by(8, 0);
    let fake = Fake::start(move |request| match request.path.as_str() {
        "/api/v1/audit/checkpoint" => answer(200, json!({ "note": forged, "verifier": log.verifier(0) })),
        path => log.reply(path),
    });
    // A verifier that has seen the turn does not go back.
    let older = home.path().join("older");
    let mut seen = Log::of(5);
    seen.turn();
    std::fs::write(&older, seen.note()).unwrap();
    let refused = verify(&fake, home.path(), &["--verifier", &known, "--checkpoint", older.to_str().unwrap()]);
    assert_eq!(refused.code, 5, "{refused:?}");
}

fn offline(home: &Path, log: &Log, note: &str, key: &str) -> Ended {
    let (export, checkpoint) = (kept(home, "export", &(log.lines.join("\n") + "\n")), kept(home, "note", note));
    run_with(home, &[], &["audit", "verify", "--offline", &export, "--checkpoint", &checkpoint, "--verifier", key], "")
}

#[test]
fn an_export_alone_leads_from_one_key_to_the_other() {
    let (home, mut log) = (tempfile::tempdir().unwrap(), Log::of(5));
    log.turn();
    log.grow(3);
    log.turn();
    log.grow(1);
    for known in 0..3 {
        for (size, by) in [(3, 0), (6, 0), (6, 1), (9, 1), (11, 2)] {
            let ended = offline(home.path(), &log, &log.note_by(size, by), &log.verifier(known));
            assert_eq!(ended.code, 0, "{known}, {size} by {by}: {ended:?}");
        }
    }
    let said = offline(home.path(), &log, &log.note(), &log.verifier(0));
    assert!(said.stdout.contains("turned in entry 9, signed by both"), "{}", said.stdout);
    for (size, by) in [(7, 0), (11, 0), (11, 1), (3, 1)] {
        assert_eq!(offline(home.path(), &log, &log.note_by(size, by), &log.verifier(0)).code, 5, "{size} by {by}");
    }
    let mut forged = Log::of(5);
    forged.turn_by(&signer(9), signer(2));
    let refused = offline(home.path(), &forged, &forged.note(), &signer(1).verifier().to_string());
    assert_eq!(refused.code, 5, "{refused:?}");
}

#[test]
fn a_proof_is_checked_without_a_server_by_whoever_kept_the_turns() {
    let (home, mut log) = (tempfile::tempdir().unwrap(), Log::of(5));
    log.turn();
    log.grow(3);
    let fake = log.clone().serve();
    let turns = home.path().join("turns.json");
    let told =
        fake.run(home.path(), &["audit", "keys", "--out", turns.to_str().unwrap(), "--verifier", &log.verifier(0)]);
    assert_eq!(told.code, 0, "{told:?}");
    assert!(told.stdout.contains(&log.verifier(1)) && told.stderr.contains("each key named the next"), "{told:?}");
    let (proof, entry) = (kept(home.path(), "p", &log.proof(2)), kept(home.path(), "p.entry", &log.lines[2]));
    let check = |more: &[&str]| {
        let args = ["audit", "check-proof", &proof, "--entry", &entry, "--verifier"];
        run_with(home.path(), &[], &[&args[..], more].concat(), "").code
    };
    let turns = turns.to_str().unwrap();
    assert_eq!(check(&[&log.verifier(1)]), 0);
    assert_eq!(check(&[&log.verifier(0)]), 5, "signed by a key that is not known");
    assert_eq!(check(&[&log.verifier(0), "--keys", turns]), 0);
    assert_eq!(check(&[&signer(9).verifier().to_string(), "--keys", turns]), 5);
    assert_eq!(check(&[&log.verifier(0), "--keys", &entry]), 5, "no turns are in it, so no key leads on");
    assert_eq!(check(&[&log.verifier(0), "--keys", &proof]), 2, "not what was kept");
    // Online, the proof is followed by itself from the key that was seen before.
    assert_eq!(verify(&fake, home.path(), &["--verifier", &log.verifier(0)]).code, 0);
    assert_eq!(fake.run(home.path(), &["audit", "proof", "2"]).code, 0);
}

#[test]
fn turns_the_key_that_was_looked_at() {
    let (home, log) = (tempfile::tempdir().unwrap(), Log::of(5));
    let (seen, next) = (log.last(), signer(2).verifier().to_string());
    let turned = answer(200, json!({ "verifier": next, "size": 6, "note": "" })).body;
    let fake = Fake::start(move |request| match request.path.as_str() {
        "/api/v1/server/log-key/rotate" => answer(200, serde_json::from_str(&turned).unwrap()),
        path => log.reply(path),
    });
    let refused = fake.run(home.path(), &["keys", "rotate-log"]);
    assert_eq!(refused.code, 2, "nobody can be asked: {refused:?}");
    let ended = fake.run(home.path(), &["keys", "rotate-log", "--yes"]);
    assert_eq!((ended.code, ended.stdout.trim()), (0, next.as_str()), "{ended:?}");
    let heard = fake.heard.lock().unwrap();
    let asked: Value = serde_json::from_str(&heard.last().unwrap().body).unwrap();
    assert_eq!(asked, json!({ "expect": seen }));
}

#[test]
fn asks_probes_for_another_key_and_looks_on_until_they_have_it() {
    let home = tempfile::tempdir().unwrap();
    let asked = Arc::new(Mutex::new(0));
    let key =
        |name: &str, state: &str, why: Option<&str>| json!({ "probe": name, "name": name, "state": state, "why": why });
    let fake = Fake::start(move |request| match request.path.as_str() {
        "/api/v1/probes/web-1/rotate-key" => answer(200, key("web-1", "asked", None)),
        "/api/v1/probes/web-1/key" => {
            let mut asked = asked.lock().unwrap();
            *asked += 1;
            answer(200, key("web-1", ["kept", "settled"][usize::from(*asked > 1)], None))
        }
        "/api/v1/fleet/rotate-keys" => {
            let (away, settled) = (key("web-1", "asked", Some("the probe is away")), key("web-2", "settled", None));
            answer(200, json!({ "probes": if request.body.contains("none") { vec![] } else { vec![away, settled] } }))
        }
        path if path.starts_with("/api/v1/fleet/keys") => {
            answer(200, json!({ "probes": [key("web-1", "asked", None)] }))
        }
        path => problem(404, "not-found", path),
    });
    let one = fake.run(home.path(), &["probes", "rotate-key", "web-1", "-o", "json"]);
    assert_eq!((one.code, &one.json()["turned"], &one.json()["pending"]), (0, &json!(1), &json!(0)), "{one:?}");
    let several = fake.run(home.path(), &["probes", "rotate-key", "tag:web"]);
    assert_eq!(several.code, 0, "{several:?}");
    assert!(several.stderr.contains("1 of 2") && several.stderr.contains("`web-1`: the probe is away"), "{several:?}");
    assert_ne!(fake.run(home.path(), &["probes", "rotate-key", "tag:none"]).code, 0);
    assert_eq!(fake.run(home.path(), &["probes", "rotate-key"]).code, 2);
    assert_eq!(fake.run(home.path(), &["probes", "rotate-key", "--all"]).code, 2, "nobody can be asked");
    assert_eq!(fake.run(home.path(), &["probes", "rotate-key", "--all", "--yes", "--wait", "0s"]).code, 0);
    assert_eq!(
        fake.run(home.path(), &["probes", "keys", "--pending", "-o", "json"]).json()["probes"][0]["name"],
        "web-1"
    );
}
