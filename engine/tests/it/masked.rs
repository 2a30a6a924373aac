//! A masked export: nobody's names are in it, and what is replayed over it comes out as over the original.

use legator_engine::replay::{Blind, Kept, Kind, Line, Mask, ObstacleKind, Record, Stopped, replay, replay_masked};
use legator_engine::{Ask, Bundle, CommandSpec, Facts, Probe, Resource, decide};
use proptest::prelude::*;

use crate::oracle::{cases, policy, possible, request};
use crate::small::{PERMIT, bundle, change, policies};

const KEY: [u8; 32] = [7; 32];

fn recorded(bundle: &Bundle, facts: &Facts) -> Record {
    Record::new("cmd_1", 1, 5, facts.clone(), decide(bundle, facts))
}

fn mask(bundle: &Bundle) -> Mask {
    Mask::new(KEY, Kept::of(bundle))
}

/// `ana.miller` does this on `db-7.example.org`.
fn personal(spec: CommandSpec) -> Facts {
    let mut facts = Facts { ask: Ask::Command(spec), ..change() };
    facts.principal.id = "usr_ana".to_owned();
    facts.principal.name = "ana.miller".to_owned();
    facts.context.reason = Some("ticket of Mrs Jones".to_owned());
    let hostname = "db-7.example.org".to_owned();
    facts.resource = Resource::Probe(Probe {
        id: "prb_7".to_owned(),
        hostname,
        tags: ["prod".to_owned()].into(),
        ..Probe::default()
    });
    facts
}

const SECRETS: [&str; 8] = ["ana", "miller", "Jones", "db-7", "prb_7", "customers", "hunter2", "cmd_1"];

#[test]
fn no_name_and_no_argument_stays_and_the_decision_does() {
    let shipped = Bundle::load(&Bundle::shipped()).unwrap();
    let mask = mask(&shipped);
    for spec in [
        CommandSpec::argv(["systemctl", "restart", "customers-api"]),
        CommandSpec::argv(["rm", "-rf", "/srv/customers/2024"]),
        CommandSpec::argv(["curl", "--user=ana:hunter2", "https://db-7.example.org/customers"]),
        CommandSpec::shell("cat /etc/hosts | grep customers > /tmp/customers && echo 'hunter2'"),
        CommandSpec::argv(["uptime"]),
    ] {
        let record = recorded(&shipped, &personal(spec));
        let masked = mask.record(&shipped, &record).unwrap_or_else(|why| panic!("{why}: {}", record.line()));
        let line = masked.line();
        for secret in SECRETS {
            assert!(!line.contains(secret), "`{secret}` in {line}");
        }
        assert!(masked.masked);
        assert_eq!(masked.decision.outcome, record.decision.outcome);
        assert_eq!(masked.decision.action, record.decision.action, "{line}");
        let read = Record::parse(&line).unwrap();
        assert_eq!(replay(&shipped, &read).unwrap().identical, Some(true));
    }
    // What is glued to an option may be an option too: it is not taken apart by guessing.
    let glued = personal(CommandSpec::argv(["curl", "-phunter2", "https://db-7.example.org"]));
    assert_eq!(mask.record(&shipped, &recorded(&shipped, &glued)).unwrap_err().kind, ObstacleKind::Masked);
}

#[test]
fn the_same_word_has_the_same_pseudonym_under_the_same_key_only() {
    let bundle = policies(PERMIT);
    assert_eq!(mask(&bundle).pseudonym("ana"), mask(&bundle).pseudonym("ana"));
    assert_ne!(mask(&bundle).pseudonym("ana"), mask(&bundle).pseudonym("ben"));
    assert_ne!(mask(&bundle).pseudonym("ana"), Mask::new([8; 32], Kept::of(&bundle)).pseudonym("ana"));
}

#[test]
fn what_the_policies_name_stays() {
    let text = format!(
        "{PERMIT}\n@id(\"named\") @rationale(\"Named.\") forbid (principal == User::\"usr_ana\", action in Action::\"command\", \
         resource) when {{ context.command.line like \"*customers*\" || resource.hostname == \"db-7.example.org\" }};"
    );
    let bundle = policies(&text);
    let record = recorded(&bundle, &personal(CommandSpec::argv(["/opt/tool", "customers-api", "ledger"])));
    let masked = mask(&bundle).record(&bundle, &record).unwrap();
    let line = masked.line();
    assert!(["usr_ana", "customers-api", "db-7.example.org"].iter().all(|word| line.contains(word)), "{line}");
    assert!(!line.contains("ledger") && !line.contains("ana.miller"), "{line}");
    assert_eq!(masked.decision.outcome.as_str(), "deny");
}

#[test]
fn what_a_candidate_names_beyond_the_export_is_not_replayed_and_not_guessed() {
    let own = policies(PERMIT);
    let mask = mask(&own);
    let masked = mask.record(&own, &recorded(&own, &personal(CommandSpec::argv(["tool", "x"])))).unwrap();
    let under = |files: &[(&str, &str)]| {
        let candidate = bundle(files);
        replay_masked(&candidate, &Blind::new(&candidate, mask.kept()), &masked)
    };
    let policy = |scope: &str, condition: &str| {
        format!("{PERMIT}\n@id(\"new\") @rationale(\"New.\") forbid ({scope}) when {{ {condition} }};")
    };
    for (scope, condition) in [
        ("principal == User::\"usr_ana\", action, resource", "true"),
        ("principal, action, resource == Probe::\"prb_7\"", "true"),
        ("principal, action, resource in Tag::\"prod\"", "principal.name == \"ana.miller\""),
        ("principal, action in Action::\"command\", resource", "context.command.line like \"*customers*\""),
        ("principal, action in Action::\"command\", resource", "context.command.targets.contains(\"/srv\")"),
    ] {
        let text = policy(scope, condition);
        let obstacle = under(&[("policies/a.cedar", &text)]).unwrap_err();
        assert_eq!(obstacle.kind, ObstacleKind::Masked, "{condition}");
        assert!(obstacle.detail.contains("`new`"), "{obstacle}");
    }
    // Where it cannot count, and where it names what is never masked, it is decided again.
    for (scope, condition, kind) in [
        ("principal, action, resource in Tag::\"lab\"", "principal.name == \"ana.miller\"", Kind::Same),
        ("principal in Role::\"guest\", action, resource", "principal.name == \"ana.miller\"", Kind::Same),
        ("principal, action == Action::\"destroy\", resource", "principal.name == \"ana.miller\"", Kind::Same),
        ("principal, action, resource in Tag::\"prod\"", "context.origin == \"api\"", Kind::NewlyDenied),
        ("principal in Role::\"operator\", action, resource", "!context.mfa", Kind::NewlyDenied),
    ] {
        let text = policy(scope, condition);
        assert_eq!(under(&[("policies/a.cedar", &text)]).unwrap().kind, kind, "{scope} {condition}");
    }
    let reads = "fn admit(request, capacity) { if request.line == \"x\" { deny(\"x\") } else { allow() } }";
    let obstacle = under(&[("policies/a.cedar", PERMIT), ("scripts/admission/a.rhai", reads)]).unwrap_err();
    assert!(obstacle.detail.contains("scripts/admission/a.rhai"), "{obstacle}");
    let blind = "fn admit(request, capacity) { if capacity.probe.running > 3 { queue(\"busy\") } else { allow() } }";
    assert_eq!(under(&[("policies/a.cedar", PERMIT), ("scripts/admission/a.rhai", blind)]).unwrap().kind, Kind::Same);
    let table = "[tool]\nlevel = \"observe\"\nsub.secret = { level = \"destroy\" }\n";
    let found = under(&[("policies/a.cedar", PERMIT), ("policies/commands/own.toml", table)]);
    assert_eq!(found.unwrap_err().kind, ObstacleKind::Masked);
}

#[test]
fn the_lines_of_an_export_read_back() {
    let own = policies(PERMIT);
    let record = recorded(&own, &change());
    let obstacle = legator_engine::replay::Obstacle::new(ObstacleKind::MissingFacts, "gone");
    for line in [
        Line::Masked(Box::new(Kept::of(&own))),
        Line::Decision(Box::new(record)),
        Line::Stopped(Stopped::new("cmd_2", 1, 5, obstacle)),
        Line::End(2),
    ] {
        assert_eq!(Line::parse(&line.text()), Ok(line));
    }
    assert_eq!(Line::parse("{\"v\":2,\"end\":1}").unwrap_err().kind, ObstacleKind::UnreadableLine);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 40, ..ProptestConfig::default() })]

    /// Under any candidate a masked decision comes out as the open one, or is not decided at all.
    #[test]
    fn a_masked_decision_is_never_replayed_to_another_answer(
        own in prop::collection::vec(policy(), 1..12),
        other in prop::collection::vec(policy(), 1..12),
        requests in prop::collection::vec(request(), 20),
    ) {
        let (own, other) = (possible(&own), possible(&other));
        let mask = mask(&own);
        let blind = Blind::new(&other, mask.kept());
        for facts in &requests {
            let record = recorded(&own, facts);
            let Ok(masked) = mask.record(&own, &record) else { continue };
            prop_assert_eq!(&masked.decision.outcome, &record.decision.outcome);
            if let Ok(replayed) = replay_masked(&other, &blind, &masked) {
                let open = replay(&other, &record).unwrap();
                prop_assert_eq!(replayed.kind, open.kind, "{}", record.line());
                prop_assert_eq!(replayed.decision.outcome, open.decision.outcome);
            }
        }
    }
}
