//! `bundle replay`, `replays`, `shadow` and `facts`: offline over an export, and against a server of canned answers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use legator_engine::replay::{Kept, Line, Mask, Obstacle, ObstacleKind, Record, Stopped};
use legator_engine::{Ask, Bundle, CommandSpec, Context, Facts, Origin, Principal, Probe, Resource, decide};
use serde_json::{Value, json};

use crate::fake::{Fake, Reply, json as reply, problem, run_with};

fn shipped() -> Bundle {
    Bundle::load(&Bundle::shipped()).unwrap()
}

fn restart(tag: &str) -> Record {
    let facts = Facts {
        at_ms: 1_700_000_000_000,
        principal: Principal::user("ana").role("operator"),
        ask: Ask::Command(CommandSpec::argv(["systemctl", "restart", "nginx"])),
        resource: Resource::Probe(Probe { id: "prb_1".to_owned(), tags: [tag.to_owned()].into(), ..Probe::default() }),
        context: Context::new(Origin::Api),
        capacity: Some(legator_engine::Capacity {
            probe: legator_engine::ProbeLoad { status: "online".to_owned(), ..Default::default() },
            ..Default::default()
        }),
    };
    let decision = decide(&shipped(), &facts);
    Record::new(format!("cmd_{tag}"), 1, 1_700_000_000_000, facts, decision)
}

fn export(home: &Path, lines: &[Line]) -> PathBuf {
    let path = home.join("facts.jsonl");
    std::fs::write(&path, lines.iter().map(|line| line.text() + "\n").collect::<String>()).unwrap();
    path
}

fn decisions() -> Vec<Line> {
    vec![Line::Decision(Box::new(restart("lab"))), Line::Decision(Box::new(restart("prod"))), Line::End(2)]
}

/// The shipped bundle in a folder, with nobody restarting anything in the lab.
fn frozen(home: &Path) -> String {
    let folder = home.join("bundle");
    for (name, bytes) in Bundle::shipped() {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let text = "@id(\"the-lab-is-frozen\")\n@rationale(\"The lab is frozen.\")\n\
                forbid (principal, action == Action::\"remediate\", resource in Tag::\"lab\");\n";
    std::fs::write(folder.join("policies/lab.cedar"), text).unwrap();
    std::fs::write(folder.join("README.md"), "Not of the bundle.").unwrap();
    folder.to_str().unwrap().to_owned()
}

fn replay(home: &Path, folder: &str, from: &Path, more: &[&str]) -> crate::fake::Ended {
    let mut args = vec!["bundle", "replay", folder, "--from", from.to_str().unwrap()];
    args.extend(more);
    run_with(home, &[], &args, "")
}

#[test]
fn replays_an_export_without_a_server_and_fails_beyond_the_budget() {
    let home = tempfile::tempdir().unwrap();
    let (folder, from) = (frozen(home.path()), export(home.path(), &decisions()));
    let ended = replay(home.path(), &folder, &from, &[]);
    assert_eq!(ended.code, 0, "{ended:?}");
    for said in ["newly-denied", "the-lab-is-frozen", "cmd_lab", "allow → deny", "systemctl restart nginx"] {
        assert!(ended.stdout.contains(said), "{said}: {}", ended.stdout);
    }
    assert!(!ended.stdout.contains("cmd_prod"), "{}", ended.stdout);

    let within = replay(home.path(), &folder, &from, &["--max-newly-allowed", "0", "--max-newly-denied", "1"]);
    assert_eq!(within.code, 0, "{within:?}");
    let beyond = replay(home.path(), &folder, &from, &["--max-newly-denied", "0"]);
    assert_eq!(beyond.code, 11, "{beyond:?}");
    assert!(beyond.stderr.contains("1 newly-denied, and the budget is 0"), "{}", beyond.stderr);
    let as_json = replay(home.path(), &folder, &from, &["--max-changed", "0", "-o", "json"]);
    assert_eq!(as_json.code, 11);
    let as_json = as_json.json();
    assert_eq!(as_json["tally"]["kinds"], json!({ "newly-denied": 1, "same": 1 }));
    assert_eq!(as_json["budget"]["overruns"], json!([{ "what": "changed", "most": 0, "found": 1 }]));
    assert_eq!(as_json["differences"][0]["outcome_after"], "deny");
    let none = replay(home.path(), &folder, &from, &["--kind", "newly-allowed", "-o", "json"]).json();
    assert_eq!(none["differences"], json!([]));
    let narrowed = replay(home.path(), &folder, &from, &["--tag", "prod", "-o", "json"]).json();
    assert_eq!(narrowed["tally"]["decisions"], 1);
}

#[test]
fn under_the_bundle_that_made_them_all_are_identical() {
    let home = tempfile::tempdir().unwrap();
    let (folder, from) = (frozen(home.path()), export(home.path(), &decisions()));
    std::fs::remove_file(Path::new(&folder).join("policies/lab.cedar")).unwrap();
    let ended = replay(home.path(), &folder, &from, &["--max-changed", "0", "-o", "json"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!((&ended.json()["tally"]["own"], &ended.json()["tally"]["identical"]), (&json!(2), &json!(2)));
}

#[test]
fn names_what_cannot_be_replayed_and_counts_it_against_the_budget() {
    let home = tempfile::tempdir().unwrap();
    let folder = frozen(home.path());
    let obstacle = Obstacle::new(ObstacleKind::MissingFacts, "its facts are not kept");
    let mut lines = decisions();
    lines.insert(2, Line::Stopped(Stopped::new("cmd_old", 1, 1_700_000_000_000, obstacle)));
    let from = export(home.path(), &lines[..3]);
    let mut text = std::fs::read_to_string(&from).unwrap();
    text.push_str("nonsense\n{\"v\":1,\"end\":4}\n");
    std::fs::write(&from, text).unwrap();
    let ended = replay(home.path(), &folder, &from, &["--max-not-replayable", "1"]);
    assert_eq!(ended.code, 11, "{ended:?}");
    assert!(ended.stdout.contains("1 missing-facts, 1 unreadable-line"), "{}", ended.stdout);
    assert!(ended.stderr.contains("cmd_old") && ended.stderr.contains("its facts are not kept"), "{}", ended.stderr);
}

#[test]
fn a_masked_export_is_replayed_where_the_candidate_does_not_name_what_is_masked() {
    let home = tempfile::tempdir().unwrap();
    let folder = frozen(home.path());
    let own = shipped();
    let mask = Mask::new([1; 32], Kept::of(&own));
    let masked = ["lab", "prod"].map(|tag| Line::Decision(Box::new(mask.record(&own, &restart(tag)).unwrap())));
    let [lab, prod] = masked;
    let from = export(home.path(), &[Line::Masked(Box::new(mask.kept().clone())), lab.clone(), prod, Line::End(2)]);
    let tally = replay(home.path(), &folder, &from, &["-o", "json"]).json()["tally"].clone();
    assert_eq!(tally["kinds"], json!({ "newly-denied": 1, "same": 1 }));

    let named = "@id(\"named\")\n@rationale(\"Named.\")\n\
                 forbid (principal == User::\"ana\", action == Action::\"remediate\", resource in Tag::\"prod\");\n";
    std::fs::write(Path::new(&folder).join("policies/named.cedar"), named).unwrap();
    let tally = replay(home.path(), &folder, &from, &["-o", "json"]).json()["tally"].clone();
    assert_eq!((&tally["decisions"], &tally["not_replayable"]), (&json!(1), &json!({ "masked": 1 })), "{tally}");

    // Without its first line nobody knows what is masked.
    let from = export(home.path(), &[lab, Line::End(1)]);
    let tally = replay(home.path(), &folder, &from, &["-o", "json"]).json()["tally"].clone();
    assert_eq!((&tally["decisions"], &tally["not_replayable"]), (&json!(0), &json!({ "masked": 1 })), "{tally}");
}

#[test]
fn refuses_an_export_that_was_cut_a_folder_with_faults_and_a_kind_that_is_none() {
    let home = tempfile::tempdir().unwrap();
    let folder = frozen(home.path());
    let cut = replay(home.path(), &folder, &export(home.path(), &decisions()[..2]), &[]);
    assert!(cut.code == 1 && cut.stderr.contains("was cut"), "{cut:?}");
    let short = replay(home.path(), &folder, &export(home.path(), &decisions()[1..]), &[]);
    assert!(short.code == 1 && short.stderr.contains("says that it has 2 decisions, and has 1"), "{short:?}");
    let from = export(home.path(), &decisions());
    assert_eq!(replay(home.path(), &folder, &from, &["--kind", "other"]).code, 2);
    assert_eq!(replay(home.path(), &folder, &from, &["--since", "yesterday"]).code, 2);
    assert_eq!(replay(home.path(), &folder, Path::new("/no/such/file"), &[]).code, 1);
    std::fs::write(Path::new(&folder).join("policies/lab.cedar"), "permit (").unwrap();
    let faulty = replay(home.path(), &folder, &from, &[]);
    assert!(faulty.code == 1 && faulty.stdout.contains("policies/lab.cedar:1:"), "{faulty:?}");
    let both = run_with(home.path(), &[], &["bundle", "replay", &folder, "--revision", "live"], "");
    assert_eq!(both.code, 2);
}

fn job(state: &str, seen: u64) -> Value {
    let tally = json!({
        "decisions": seen, "kinds": { "same": 1, "newly-allowed": 1 }, "reclassified": 0, "own": 0, "identical": 0,
        "not_replayable": {}, "by_principal": { "ana": { "newly-allowed": 1 } }, "by_tag": {}, "by_action": {},
        "by_policy": { "gone": { "newly-allowed": 1 } },
    });
    json!({ "id": "rpl_1", "state": state, "ended": state != "running", "candidate": "abc", "total": 2, "seen": seen,
            "tally": tally, "actor": "ana", "created_at": "2027-01-01T00:00:00Z" })
}

fn difference() -> Value {
    json!({ "kind": "newly-allowed", "command": "cmd_9", "judgement": 1, "at": "2027-01-01T00:00:00Z",
            "principal": "ana", "probe": "web-1", "tags": [], "line": "rm x", "reclassified": false,
            "action_before": "destroy", "action_after": "destroy", "outcome_before": "hold",
            "outcome_after": "allow", "summary_before": "", "summary_after": "", "policies": ["gone"] })
}

fn replaying() -> Fake {
    let asked = std::sync::atomic::AtomicU64::new(0);
    Fake::start(move |request| -> Reply {
        match (request.method.as_str(), request.path.split('?').next().unwrap()) {
            ("POST", "/api/v1/replays") => reply(202, job("running", 0)),
            ("GET", "/api/v1/replays/rpl_1") => {
                let n = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                reply(200, if n == 0 { job("running", 1) } else { job("done", 2) })
            }
            ("GET", "/api/v1/replays/rpl_1/findings") => {
                reply(200, json!({ "differences": [difference()], "not_replayable": [] }))
            }
            ("GET", "/api/v1/replays") => reply(200, json!({ "replays": [job("done", 2)] })),
            ("POST", "/api/v1/replays/rpl_1/cancel") => reply(200, job("canceled", 1)),
            ("GET" | "POST", "/api/v1/bundles/shadow") => {
                let mut shadow = job("running", 2);
                shadow["differences"] = json!([difference()]);
                (shadow["dropped"], shadow["gave_up"]) = (json!(3), json!(0));
                reply(200, shadow)
            }
            ("DELETE", "/api/v1/bundles/shadow") => reply(204, Value::Null),
            _ => problem(404, "not-found", "nothing here"),
        }
    })
}

#[test]
fn replays_on_the_server_waits_and_holds_the_result_against_the_budget() {
    let home = tempfile::tempdir().unwrap();
    let folder = frozen(home.path());
    let fake = replaying();
    let args = ["bundle", "replay", &folder, "--since", "30d", "--tag", "web", "--max-newly-allowed", "0"];
    let ended = fake.run(home.path(), &args);
    assert_eq!(ended.code, 11, "{ended:?}");
    for said in ["cmd_9", "hold → allow", "gone"] {
        assert!(ended.stdout.contains(said), "{said}: {}", ended.stdout);
    }
    let sent: Value = serde_json::from_str(&fake.heard.lock().unwrap()[0].body).unwrap();
    let files: BTreeMap<String, String> = serde_json::from_value(sent["files"].clone()).unwrap();
    assert!(files.contains_key("policies/lab.cedar") && !files.contains_key("README.md"));
    assert_eq!(sent["tag"], "web");
    assert!(sent["since"].as_str().unwrap().ends_with('Z'), "{sent}");

    let kept = fake.run(home.path(), &["bundle", "replay", "--revision", "live", "-o", "json"]);
    assert_eq!((kept.code, &kept.json()["budget"]["kept"]), (0, &json!(true)), "{kept:?}");
    let away = fake.run(home.path(), &["bundle", "replay", "--revision", "live", "--no-wait"]);
    assert_eq!((away.code, away.stdout.trim()), (0, "rpl_1"));
    let again = fake.run(home.path(), &["bundle", "replays", "rpl_1", "--max-changed", "0"]);
    assert_eq!(again.code, 11, "{again:?}");
    assert!(fake.run(home.path(), &["bundle", "replays"]).stdout.contains("rpl_1"));
    assert_eq!(fake.run(home.path(), &["bundle", "replays", "rpl_1", "--cancel"]).code, 0);
}

#[test]
fn an_interrupt_cancels_the_replay() {
    let home = tempfile::tempdir().unwrap();
    let fake = Fake::start(|request| match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/api/v1/replays") => reply(202, job("running", 0)),
        ("GET", _) => reply(200, job("running", 1)),
        _ => reply(200, job("canceled", 1)),
    });
    let mut child = Command::new(env!("CARGO_BIN_EXE_legatorctl"))
        .args(["bundle", "replay", "--revision", "live"])
        .env_clear()
        .envs([("HOME", home.path().to_str().unwrap()), ("LEGATOR_SERVER", &fake.url), ("LEGATOR_API_KEY", "lgk_test")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It has asked how far it is, twice: it listens for interrupts by then.
    while fake.heard.lock().unwrap().len() < 3 {
        std::thread::yield_now();
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let heard = fake.heard.lock().unwrap();
    assert!(heard.last().unwrap().is("POST", "/api/v1/replays/rpl_1/cancel"), "{heard:?}");
}

#[test]
fn starts_shows_and_stops_the_shadow() {
    let home = tempfile::tempdir().unwrap();
    let (fake, folder) = (replaying(), frozen(home.path()));
    let started = fake.run(home.path(), &["bundle", "shadow", "start", &folder]);
    assert!(started.code == 0 && started.stdout.contains("abc decides in the shadow"), "{started:?}");
    let status = fake.run(home.path(), &["bundle", "shadow", "status"]);
    assert!(
        status.code == 0 && status.stdout.contains("cmd_9") && status.stdout.contains("newly-allowed"),
        "{status:?}"
    );
    assert_eq!(fake.run(home.path(), &["bundle", "shadow", "status", "--max-newly-allowed", "0"]).code, 11);
    assert_eq!(fake.run(home.path(), &["bundle", "shadow", "stop"]).code, 0);
}

#[test]
fn exports_facts_and_notices_when_the_export_is_cut() {
    let home = tempfile::tempdir().unwrap();
    let text = decisions().iter().map(|line| line.text() + "\n").collect::<String>();
    let (whole, out) = (text.clone(), home.path().join("out.jsonl"));
    let lines = |body: String| Reply { status: 200, kind: "application/jsonl", body, cut: false, cookie: None };
    let fake = Fake::start(move |_| lines(whole.clone()));
    let args = ["bundle", "facts", "export", "--since", "7d", "--masked", "--out", out.to_str().unwrap()];
    let ended = fake.run(home.path(), &args);
    assert!(ended.code == 0 && ended.stderr.contains("wrote 2 decisions"), "{ended:?}");
    assert_eq!(std::fs::read_to_string(&out).unwrap(), text);
    let path = fake.heard.lock().unwrap()[0].path.clone();
    assert!(path.contains("masked=true") && path.contains("since="), "{path}");

    std::fs::remove_file(&out).unwrap();
    let cut = decisions()[0].text() + "\n";
    let fake = Fake::start(move |_| lines(cut.clone()));
    let ended = fake.run(home.path(), &args);
    assert!(ended.code == 1 && ended.stderr.contains("cut"), "{ended:?}");
    assert!(!out.exists());
}
