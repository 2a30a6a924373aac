//! How long it takes to load a bundle of 1,000 policies and to run its 1,000 cases: what a person waits for after each
//! save. Prints one JSON line for each measure.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::num::NonZero;
use std::time::Instant;

use legator_engine::{Bundle, Coverage, Trial};

const POLICIES: usize = 1_000;
const CASES: usize = 1_000;

fn main() {
    let files = files();
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let started = Instant::now();
    let bundle = match Bundle::load(&files) {
        Ok(bundle) => bundle,
        Err(faults) => {
            let first = faults.first().map(ToString::to_string).unwrap_or_default();
            eprintln!("the bundle has {} faults: {first}", faults.len());
            std::process::exit(1);
        }
    };
    let loaded = started.elapsed();
    let trial = Trial { threads, ..Trial::default() };
    let report = bundle.try_cases(&trial);
    let tested = started.elapsed();
    if !report.passed() || report.cases.len() != CASES {
        eprintln!("not all of {} cases hold", report.cases.len());
        std::process::exit(1);
    }
    let coverage = Coverage::of(&bundle, &trial);
    let covered = started.elapsed();
    let line = |name: &str, ms: u128| {
        println!(r#"{{"name":"{name}","policies":{POLICIES},"cases":{CASES},"threads":{threads},"ms":{ms}}}"#);
    };
    line("load", loaded.as_millis());
    line("load_and_test", tested.as_millis());
    line("cover", (covered - tested).as_millis());
    println!(r#"{{"name":"covered","percent":{:.1}}}"#, coverage.clauses().percent());
}

/// Teams with a permit and a guardrail each, and for both a case.
fn files() -> BTreeMap<String, Vec<u8>> {
    let (mut policies, mut cases) = (String::new(), String::new());
    for n in 0..POLICIES / 2 {
        let _ = write!(
            policies,
            "@id(\"team-{n}-works\")\n@rationale(\"Team {n} works on its own hosts.\")\n\
             permit (principal in Group::\"team-{n}\", action in Action::\"command\", resource in Tag::\"team-{n}\");\n\
             @id(\"team-{n}-waits\")\n@rationale(\"Team {n} waits for a second pair of eyes.\")\n\
             forbid (principal, action in [Action::\"remediate\", Action::\"destroy\"], resource in Tag::\"team-{n}\")\n\
             unless {{ context.approvals.count >= 1 && context.approvals.groups.contains(\"team-{n}\") }};\n"
        );
    }
    for n in 0..CASES / 2 {
        let _ = write!(
            cases,
            "[[case]]\nname = \"team {n} looks\"\nprincipal = {{ groups = [\"team-{n}\"] }}\ncommand = [\"uptime\"]\n\
             probe = {{ tags = [\"team-{n}\"] }}\nexpect = {{ outcome = \"allow\", policies = [\"team-{n}-works\"] }}\n\
             [[case]]\nname = \"team {n} waits\"\nprincipal = {{ groups = [\"team-{n}\"] }}\n\
             command = [\"systemctl\", \"restart\", \"nginx\"]\nprobe = {{ tags = [\"team-{n}\"] }}\n\
             expect = {{ outcome = \"hold\", approvals = 1, policies = [\"team-{n}-waits\"] }}\n"
        );
    }
    let mut files: BTreeMap<String, Vec<u8>> =
        Bundle::shipped().into_iter().filter(|(path, _)| path.starts_with("policies/commands/")).collect();
    files.insert("policies/teams.cedar".to_owned(), policies.into_bytes());
    files.insert("policies/teams.cases.toml".to_owned(), cases.into_bytes());
    files
}
