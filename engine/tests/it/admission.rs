//! Room: what scripts see, what they say, and that a script that fails denies.

use legator_engine::{Bundle, Counterfactual, DriverSource, Facts, Outcome, Scalar, Severity, Verdict, decide};

use crate::small::{PERMIT, bundle, change};

fn with(scripts: &[(&str, &str)]) -> Bundle {
    let mut files = vec![("policies/a.cedar", PERMIT)];
    files.extend_from_slice(scripts);
    bundle(&files)
}

fn script(text: &str) -> Bundle {
    with(&[("scripts/admission/a.rhai", text)])
}

fn busy() -> Facts {
    let mut facts = change();
    let capacity = facts.capacity.as_mut().unwrap();
    capacity.probe.mem_used_pct = Some(97);
    capacity.probe.running = 3;
    capacity.tags.insert("web".to_owned(), legator_engine::GroupLoad { running: 7, ..Default::default() });
    facts
}

#[test]
fn the_strictest_of_several_scripts_wins_and_only_it_drove() {
    let bundle = with(&[
        ("scripts/admission/a.rhai", "fn admit(r, c) { allow() }"),
        ("scripts/admission/b.rhai", "fn admit(r, c) { if c.probe.running == 3 { deny(\"no\") } else { allow() } }"),
        (
            "scripts/admission/c.rhai",
            "fn admit(r, c) { if c.probe.running == 3 { queue(\"later\") } else { allow() } }",
        ),
    ]);
    assert_eq!(decide(&bundle, &change()).outcome, Outcome::Allow);
    let decision = decide(&bundle, &busy());
    assert_eq!(decision.outcome, Outcome::Deny);
    assert_eq!(decision.rationale.summary, "denied: no");
    let said = decision.rationale.admission.expect("admission was asked");
    let drove: Vec<(Verdict, bool)> =
        said.scripts.iter().map(|script| (script.verdict, script.drove_outcome)).collect();
    assert_eq!(drove, [(Verdict::Allow, false), (Verdict::Deny, true), (Verdict::Queue, false)]);
    assert_eq!(decision.rationale.drove_outcome[0].source, DriverSource::Admission);
    assert_eq!(decision.rationale.drove_outcome[0].name, "scripts/admission/b.rhai");
}

#[test]
fn indicators_land_in_the_rationale() {
    let bundle = script(
        r#"
fn admit(request, capacity) {
    indicator("running", capacity.probe.running, 10);
    indicator("status", capacity.probe.status, "online", "==", "info");
    indicator("unknown", capacity.probe.pressure_io_pct, 1);
    if indicator("memory", capacity.probe.mem_used_pct, 95, ">", "critical") { return queue("short of memory"); }
    print(`nothing stands against ${request.line}`);
    allow()
}"#,
    );
    let decision = decide(&bundle, &busy());
    assert_eq!(decision.outcome, Outcome::Queue { reason: "short of memory".to_owned() });
    let said = &decision.rationale.admission.as_ref().unwrap().scripts[0];
    let drove: Vec<(&str, bool)> = said.indicators.iter().map(|it| (it.name.as_str(), it.drove_outcome)).collect();
    assert_eq!(drove, [("running", false), ("status", true), ("unknown", false), ("memory", true)]);
    let memory = &said.indicators[3];
    assert_eq!((&memory.value, &memory.threshold), (&Scalar::Integer(97), &Scalar::Integer(95)));
    assert_eq!((memory.severity, memory.effect), (Severity::Critical, Verdict::Queue));
    assert_eq!(memory.message, "memory is 97, which is above 95");
    assert_eq!(said.indicators[2].value, Scalar::Text("unknown".to_owned()));
    let Some(Counterfactual::Room { indicators, .. }) = &decision.rationale.counterfactual else { panic!() };
    assert_eq!(indicators, &["status", "memory"]);

    let decision = decide(&bundle, &change());
    assert_eq!(decision.outcome, Outcome::Allow);
    let said = decision.rationale.admission.unwrap();
    assert_eq!(said.scripts[0].trace, ["nothing stands against /opt/no-table-knows-this"]);
    assert!(said.scripts[0].indicators.iter().all(|it| !it.drove_outcome));
}

#[test]
fn a_script_that_fails_denies_and_says_where() {
    let bundle = script(
        "fn admit(request, capacity) {\n    if capacity.probe.running == 3 {\n        throw \"oh\";\n    }\n    allow()\n}",
    );
    let decision = decide(&bundle, &busy());
    assert_eq!(decision.outcome, Outcome::Deny);
    let said = &decision.rationale.admission.as_ref().unwrap().scripts[0];
    assert_eq!(said.failed_at.map(|span| (span.line, span.column)), Some((3, 9)));
    assert!(decision.rationale.summary.contains("a.rhai`:3:9 failed"), "{}", decision.rationale.summary);
    assert!(matches!(decision.rationale.counterfactual, Some(Counterfactual::Nothing { .. })));
}

#[test]
fn a_script_that_does_not_end_denies() {
    let bundle = script("fn admit(r, c) { if c.probe.running == 3 { loop {} } allow() }");
    let decision = decide(&bundle, &busy());
    assert_eq!(decision.outcome, Outcome::Deny);
    assert!(decision.rationale.summary.contains("operations"), "{}", decision.rationale.summary);
}

#[test]
fn the_limits_of_the_manifest_hold() {
    let text = "fn admit(r, c) { let n = 0; while n < 500 { n += 1; } allow() }";
    let of = |operations: u32| {
        let manifest = format!("[admission]\noperations = {operations}\n");
        let list =
            [("bundle.toml", manifest.as_str()), ("scripts/admission/a.rhai", text), ("policies/a.cedar", PERMIT)];
        Bundle::load(&crate::small::files(&list))
    };
    assert!(of(100_000).is_ok());
    assert!(of(100).unwrap_err()[0].message.contains("operations"));
}

#[test]
fn what_is_not_known_is_not_zero() {
    let bundle = script(
        r#"
fn admit(request, capacity) {
    if capacity.known { return allow(); }
    if capacity.probe.running == () && capacity.fleet == () && capacity.tag("web") == () { return queue("unknown"); }
    deny("zero")
}"#,
    );
    let unknown = Facts { capacity: None, ..change() };
    assert_eq!(decide(&bundle, &unknown).outcome, Outcome::Queue { reason: "unknown".to_owned() });
}

#[test]
fn a_script_sees_the_request_and_the_load_around_it() {
    let bundle = script(
        r#"
fn admit(request, capacity) {
    if !capacity.known || capacity.tag("web") == () { return allow(); }
    let said = [
        request.level, request.is_change, request.principal, request.principal_kind, request.origin, request.probe,
        request.roles, request.approvals, request.reason, request.tags, request.programs, request.at_ms,
        capacity.tag("web").running, capacity.fleet.running, capacity.probe.online, request.site, request.breakglass,
    ];
    deny(said.to_string())
}"#,
    );
    let Outcome::Deny = decide(&bundle, &busy()).outcome else { panic!() };
    let said = decide(&bundle, &busy()).rationale.summary;
    assert_eq!(
        said,
        r#"denied: ["remediate", true, "ana", "User", "api", "prb_1", ["operator"], 0, (), [], ["/opt/no-table-knows-this"], 1700000000000, 7, 0, true, (), ()]"#
    );
}

#[test]
fn admission_is_not_asked_before_the_guardrails_are_content() {
    let bundle = bundle(&[("scripts/admission/a.rhai", "fn admit(r, c) { queue(\"always\") }")]);
    let decision = decide(&bundle, &change());
    assert_eq!(decision.outcome, Outcome::Deny);
    assert_eq!(decision.rationale.admission, None);
}

#[test]
fn a_bundle_serves_many_threads_at_once() {
    let bundle = script("fn admit(r, c) { print(r.principal); indicator(r.principal, 1, 1); allow() }");
    std::thread::scope(|scope| {
        for n in 0..4 {
            let bundle = &bundle;
            scope.spawn(move || {
                for _ in 0..50 {
                    let mut facts = change();
                    facts.principal.id = format!("usr_{n}");
                    let said = decide(bundle, &facts).rationale.admission.unwrap();
                    assert_eq!(said.scripts[0].trace, [format!("usr_{n}")]);
                    assert_eq!(said.scripts[0].indicators.len(), 1);
                    assert_eq!(said.scripts[0].indicators[0].name, format!("usr_{n}"));
                }
            });
        }
    });
}
