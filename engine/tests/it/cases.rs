//! Cases as data: rows, what a failing one says, slips in a file, and cases of alert rules and of jobs.

use legator_engine::{Report, ScriptCaseResult, Trial};

use crate::small::{PERMIT, bundle, faults};

fn decided(cases: &str) -> Report {
    bundle(&[("policies/a.cedar", PERMIT), ("policies/a.cases.toml", cases)]).check()
}

#[test]
fn each_row_is_a_case_that_says_only_what_is_different() {
    let report = decided(
        "[[case]]\nname = 'anybody'\nprincipal = { id = 'ana', roles = ['a'] }\ncommand = ['x']\nexpect = { outcome = 'allow', level = 'remediate' }\n\
         [[case.rows]]\nname = 'as it is'\n\
         [[case.rows]]\nname = 'another'\nprincipal = { roles = ['b'] }\nclassified = { level = 'destroy' }\nexpect = { level = 'destroy' }\n",
    );
    assert!(report.passed(), "{:?}", report.cases);
    let named: Vec<(&str, u32)> = report.cases.iter().map(|case| (case.name.as_str(), case.line)).collect();
    assert_eq!(named, [("anybody: as it is", 6), ("anybody: another", 8)]);
    assert_eq!(report.cases[1].facts.principal.id, "ana");
    assert_eq!(report.cases[1].facts.principal.roles.len(), 1);
}

#[test]
fn a_moment_can_be_written_as_a_date() {
    let report =
        decided("[[case]]\nname = 'a'\ncommand = ['x']\nat = 2023-11-14T22:13:20Z\nexpect = { outcome = 'allow' }");
    assert_eq!(report.cases[0].facts.at_ms, 1_700_000_000_000);
    let fault = |cases: &str| faults(&[("policies/a.cases.toml", cases)]).remove(0);
    let both = fault(
        "[[case]]\nname = 'a'\ncommand = 'x'\nat = 2023-11-14T22:13:20Z\nat_ms = 3\nexpect = { outcome = 'allow' }",
    );
    assert!(both.message.contains("one of both"), "{both}");
    let day = fault("[[case]]\nname = 'a'\ncommand = 'x'\nat = 2023-11-14\nexpect = { outcome = 'allow' }");
    assert!(day.message.contains("is no moment"), "{day}");
}

#[test]
fn a_case_that_fails_says_what_was_expected_and_what_came() {
    let report = decided(
        "[[case]]\nname = 'a'\ncommand = { run = ['x'], env = { A = '1' }, cwd = '/' }\n\
         expect = { outcome = 'hold', approvals = 2, approver_groups = ['b'], summary = 'because', known = true, programs = ['y'], indicators = { load = 3 } }",
    );
    let said: Vec<(&str, &str, &str)> = report.cases[0]
        .differences
        .iter()
        .map(|it| (it.what.as_str(), it.expected.as_str(), it.got.as_str()))
        .collect();
    assert!(said.contains(&("the outcome", "hold", "allow")), "{said:?}");
    assert!(said.contains(&("the number of missing approvals", "2", "0")));
    assert!(said.contains(&("whether its programs are known", "true", "false")));
    assert!(said.contains(&("the indicator `load`", "3", "not named")));
    assert_eq!(said.len(), 7);
    assert_eq!(report.cases[0].problems.len(), 7);
}

#[test]
fn a_slip_is_answered_with_its_place_and_the_word_that_was_meant() {
    let found =
        faults(&[("policies/a.cases.toml", "[[case]]\nname = 'a'\ncommand = 'x'\nexpct = { outcome = 'allow' }")]);
    assert_eq!((found[0].file.as_str(), found[0].line, found[0].column), ("policies/a.cases.toml", 4, 1));
    assert_eq!(found[0].help.as_deref(), Some("did you mean `expect`?"));
    let row = faults(&[(
        "policies/a.cases.toml",
        "[[case]]\nname = 'a'\ncommand = 'x'\nexpect = { outcome = 'allow' }\nrows = [{ name = 'b', rows = [{ name = 'c' }] }]",
    )]);
    assert!(row[0].message.contains("rows of its own"), "{}", row[0]);
}

#[test]
fn only_the_cases_that_are_asked_for_run_and_gaps_are_not_guessed() {
    let case = |name: &str| format!("[[case]]\nname = '{name}'\ncommand = ['x']\nexpect = {{ outcome = 'allow' }}\n");
    let loaded = bundle(&[
        ("policies/a.cedar", PERMIT),
        ("policies/a.cases.toml", &(case("one") + &case("two") + &case("three"))),
    ]);
    let names = |filter: &str| -> Vec<String> {
        let report = loaded.try_cases(&Trial { filter, threads: 3, ..Trial::default() });
        assert!(report.gaps.is_empty());
        report.cases.into_iter().map(|case| case.name).collect()
    };
    assert_eq!(names("t*"), ["two", "three"]);
    assert_eq!(names("policies/a*").len(), 3);
    assert_eq!(names("four").len(), 0);
}

const RULE: &str = r#"
fn rule() { #{ summary: "s", for_s: 60 } }
fn check(probe) {
    if probe.metric("errors") > 3 { return firing(`${probe.id} errs`); }
    ok()
}"#;

fn alert(script: &str, cases: &str) -> Vec<ScriptCaseResult> {
    let list = [("scripts/alerts/a.rhai", script), ("scripts/alerts/a.cases.toml", cases)];
    bundle(&list).check().scripts
}

#[test]
fn an_alert_case_follows_a_series_through_pending_firing_and_resolved() {
    let results = alert(
        RULE,
        "[[case]]\nname = 'a'\nprobe = { id = 'p' }\nsteps = [\n\
         { probe = { metrics = { errors = 3 } }, expect = 'ok' },\n\
         { probe = { metrics = { errors = 4 } }, expect = 'pending' },\n\
         { probe = { metrics = { errors = 4 } }, expect = 'firing', message = 'p errs' },\n\
         { probe = { metrics = { errors = 0 } }, expect = 'resolved' },\n\
         { probe = { metrics = { errors = 0 } }, expect = 'ok' },\n]",
    );
    assert!(results[0].passed(), "{:?}", results[0]);
    assert_eq!(results[0].steps.len(), 5);
}

#[test]
fn an_alert_case_that_fails_says_after_which_step() {
    let results = alert(
        RULE,
        "[[case]]\nname = 'a'\nprobe = { metrics = { errors = 9 } }\nsteps = [{ expect = 'firing', message = 'moon' }]",
    );
    assert_eq!(
        results[0].problems,
        [
            "the alert after step 1 is pending, the case says firing",
            "the message after step 1 is `prb_1 errs`, the case says something with `moon` in it",
        ]
    );
}

#[test]
fn a_rule_that_fails_is_broken_and_a_rule_can_look_at_the_fleet() {
    let broken = "fn rule() { #{ summary: \"s\" } }\nfn check(probe) { throw \"oh\" }";
    let results = alert(broken, "[[case]]\nname = 'a'\nsteps = [{ expect = 'broken', message = 'oh' }]");
    assert!(results[0].passed(), "{:?}", results[0]);
    let fleet = "fn rule() { #{ summary: \"s\" } }\nfn check_fleet(fleet) {\n    let away = fleet.with_tag(\"web\").filter(|p| !p.online);\n    if away.len() >= 2 { return firing(`${away.len()} of ${fleet.probes.len()} are away`); }\n    ok()\n}";
    let away = "{ tags = ['web'], health = { status = 'offline' } }";
    let results = alert(
        fleet,
        &format!(
            "[[case]]\nname = 'a'\nfleet = [{away}, {{ tags = ['web'] }}]\nsteps = [{{ expect = 'ok' }}, {{ fleet = [{away}, {away}, {{}}], expect = 'firing', message = '2 of 3' }}]"
        ),
    );
    assert!(results[0].passed(), "{:?}", results[0]);
}

#[test]
fn a_rule_that_is_none_is_refused() {
    let fault = |script: &str| faults(&[("scripts/alerts/a.rhai", script)]).remove(0);
    let none = fault("fn rule() { #{} }");
    assert!(none.render().contains("check(probe)"), "{}", none.render());
    let both = "fn rule() { #{ summary: \"s\" } } fn check(p) { ok() } fn check_fleet(f) { ok() }";
    assert!(fault(both).render().contains("check_fleet"), "{}", fault(both).render());
    let named = fault("fn rule() { #{ summary: \"s\", for: 3 } }\nfn check(p) { ok() }");
    assert_eq!(named.line, 1, "{named}");
    let wrong = fault("\nfn rule() { #{ summary: \"s\", fro_s: 3 } }\nfn check(p) { ok() }");
    assert!(wrong.line == 2 && wrong.message.contains("fro_s"), "{wrong}");
}

const JOB: &str = r#"
fn job() { #{ summary: "s", params: #{ n: #{ kind: "integer", otherwise: 2 } } } }
fn run(params) {
    let at = now();
    let done = [];
    for i in 0..params.n {
        try { done.push(exec(`p${i}`, "uptime").exit_code); } catch (err) { done.push(err); }
    }
    if random(10) > 5 { continue_as_new(#{ at: at }); }
    emit("ended", done);
    #{ at: at, done: done }
}"#;

fn job(script: &str, case: &str) -> ScriptCaseResult {
    let cases = format!("[[case]]\nname = 'a'\n{case}");
    bundle(&[("scripts/jobs/a.rhai", script), ("scripts/jobs/a.cases.toml", &cases)]).check().scripts.remove(0)
}

#[test]
fn a_job_case_answers_each_call_and_looks_at_the_end() {
    let good = job(
        JOB,
        "calls = [{ call = 'now', gives = 7 }, { call = 'exec', with = { probe = 'p0', command = 'uptime' } },\n\
         { call = 'exec', fails = 'gone' }, { call = 'random', with = { below = 10 }, gives = 5 }, { call = 'emit' }]\n\
         expect = { end = 'done', result = { at = 7, done = [0, 'gone'] } }",
    );
    assert!(good.passed(), "{good:?}");
    assert_eq!(good.steps.len(), 6);
    let over = job(
        JOB,
        "params = { n = 0 }\ncalls = [{ call = 'now', gives = 7 }, { call = 'random', gives = 6 }]\nexpect = { end = 'continued', result = { at = 7 } }",
    );
    assert!(over.passed(), "{over:?}");
}

#[test]
fn a_job_case_that_fails_says_which_call_was_another() {
    let other =
        job(JOB, "calls = [{ call = 'now' }, { call = 'exec', with = { probe = 'p1' } }]\nexpect = { end = 'done' }");
    assert_eq!(other.differences[0].what, "the call 2");
    let got = &other.differences[0].got;
    assert!(got.starts_with("exec(") && got.contains("probe: \"p0\"") && got.contains("\"uptime\""), "{got}");
    let left = job(
        JOB,
        "params = { n = 0 }\ncalls = [{ call = 'now' }, { call = 'random' }, { call = 'emit' }, { call = 'now' }]\nexpect = { end = 'done' }",
    );
    assert_eq!(left.differences[0].got, "not asked for");
    let wrong = job(JOB, "params = { n = 'all', m = 1 }\nexpect = { end = 'done' }");
    assert_eq!(wrong.differences[0].got, "refused");
}

#[test]
fn a_suspension_cannot_be_caught_and_a_changed_script_is_stopped() {
    let caught = "fn job() { #{ summary: \"s\" } }\nfn run(params) { try { exec(\"p\", \"x\"); } catch { } try { sleep(3); } catch { } 1 }";
    let waits = job(caught, "calls = []\nexpect = { end = 'waiting', error = 'exec' }");
    assert!(waits.passed(), "{waits:?}");
    let journal = "journal = [{ call = 'exec', with = { probe = 'p', command = 'x' } }, { call = 'now' }]\n";
    let stopped = job(caught, &format!("{journal}expect = {{ end = 'nondeterministic', step = 2, error = 'sleep' }}"));
    assert!(stopped.passed(), "{stopped:?}");
    let short = "fn job() { #{ summary: \"s\" } }\nfn run(params) { exec(\"p\", \"x\").exit_code }";
    let shorter =
        job(short, &format!("{journal}expect = {{ end = 'nondeterministic', step = 2, error = 'nothing more' }}"));
    assert!(shorter.passed(), "{shorter:?}");
}

#[test]
fn a_job_that_is_none_and_cases_without_a_script_are_refused() {
    let fault = |list: &[(&str, &str)]| faults(list).remove(0);
    let none = fault(&[("scripts/jobs/a.rhai", "fn job() { #{ summary: \"s\" } }")]);
    assert!(none.render().contains("run(params)"), "{}", none.render());
    let asks = "fn job() { now(); #{ summary: \"s\" } }\nfn run(p) { }";
    assert!(fault(&[("scripts/jobs/a.rhai", asks)]).message.contains("for `run`"));
    let lost = fault(&[("scripts/jobs/b.cases.toml", "[[case]]\nname = 'a'\nexpect = { end = 'done' }")]);
    assert!(lost.message.contains("`scripts/jobs/b.rhai`"), "{lost}");
    let end = [
        ("scripts/jobs/a.rhai", JOB),
        ("scripts/jobs/a.cases.toml", "[[case]]\nname = 'a'\nexpect = { end = 'over' }"),
    ];
    assert!(fault(&end).message.contains("`over` is no end"));
}

const BACKUP: &str = "[backup]\nlevel = \"observe\"\nobserve = \"status\"\n\n[backup.sub.run]\nlevel = \"remediate\"\neffects = \"service\"\n";

#[test]
fn a_command_table_is_held_against_the_cases_beside_it() {
    let tried = |cases: &str| {
        let table = [("policies/commands/backup.toml", BACKUP), ("policies/commands/backup.cases.toml", cases)];
        bundle(&table).check().scripts
    };
    let good = tried("observe = ['backup status']\nremediate = ['backup run']\nunparsed = [\"backup run 'x\"]\n");
    assert!(good.iter().all(ScriptCaseResult::passed) && good.len() == 3, "{good:?}");
    let wrong = tried(
        "observe = [\n  'backup status',\n  'backup run',\n]\n[[case]]\nline = 'backup run'\nlevel = 'remediate'\neffects = ['moon']\n",
    );
    let said: Vec<_> = wrong.iter().map(|case| (case.line, case.name.as_str(), case.problems.join("; "))).collect();
    assert_eq!(said[0], (2, "backup status", String::new()));
    assert_eq!(said[1], (3, "backup run", "the level is remediate, the case says observe".to_owned()));
    assert_eq!(
        (said[2].0, said[2].2.as_str()),
        (5, "the effects is {\"service\"}, the case says {\"moon\"} among them")
    );
    assert!(wrong[1].steps[0].starts_with("remediate  backup run"), "{wrong:?}");
    assert_eq!(wrong[1].script, "policies/commands/backup.toml");

    let lost = faults(&[("policies/commands/own.cases.toml", "observe = ['true']\n")]).remove(0);
    assert!(lost.message.contains("`policies/commands/own.toml`, which the bundle does not have"), "{lost}");
    let typo = [("policies/commands/backup.toml", BACKUP), ("policies/commands/backup.cases.toml", "obseve = []\n")];
    assert!(faults(&typo)[0].help.as_deref().unwrap().contains("observe"), "{:?}", faults(&typo));
}
