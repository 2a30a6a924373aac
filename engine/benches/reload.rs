//! A bundle of 10,000 policies in a hundred files: read whole, and read again when one policy of it changed. Prints one
//! JSON line for each measure.

use std::fmt::Write as _;
use std::time::Instant;

use legator_engine::Bundle;

const POLICIES: usize = 10_000;
const IN_A_FILE: usize = 100;
const TIMES: usize = 21;

fn main() {
    let mut files = Bundle::shipped();
    for file in 0..POLICIES / IN_A_FILE {
        files.insert(format!("policies/many/f{file:03}.cedar"), policies(file, 0));
    }
    let started = Instant::now();
    let mut bundle = read(Bundle::load(&files));
    line("load", 1, started.elapsed().as_secs_f64());
    let mut spent = Vec::new();
    for n in 1..=TIMES {
        let file = n * 37 % (POLICIES / IN_A_FILE);
        files.insert(format!("policies/many/f{file:03}.cedar"), policies(file, n));
        let started = Instant::now();
        bundle = read(bundle.reload(&files));
        spent.push(started.elapsed().as_secs_f64());
    }
    spent.sort_by(f64::total_cmp);
    line("reload: one policy changed, median", TIMES, spent.get(TIMES / 2).copied().unwrap_or_default());
    line("reload: one policy changed, slowest", TIMES, spent.last().copied().unwrap_or_default());
    let started = Instant::now();
    let report = bundle.check();
    line("the cases of the shipped bundle", report.cases.len() + report.scripts.len(), started.elapsed().as_secs_f64());
}

fn read(bundle: Result<Bundle, Vec<legator_engine::Fault>>) -> Bundle {
    bundle.unwrap_or_else(|faults| {
        let first = faults.first().map(ToString::to_string).unwrap_or_default();
        eprintln!("the bundle has {} faults: {first}", faults.len());
        std::process::exit(1);
    })
}

fn line(name: &str, n: usize, s: f64) {
    println!(r#"{{"name":"{name}","policies":{POLICIES},"n":{n},"ms":{:.2}}}"#, s * 1000.0);
}

/// A mixed file: by tag, by role, by group and by person, with conditions and without. Its seventh policy says `edition`.
fn policies(file: usize, edition: usize) -> Vec<u8> {
    let mut text = String::new();
    for n in file * IN_A_FILE..(file + 1) * IN_A_FILE {
        let edition = if n % IN_A_FILE == 7 { edition } else { 0 };
        let _ = writeln!(text, "@id(\"p{n}\")\n@rationale(\"Policy {n}, edition {edition}.\")");
        let _ = match n % 4 {
            0 => writeln!(text, "forbid (principal, action == Action::\"destroy\", resource in Tag::\"svc-{n}\");"),
            1 => writeln!(
                text,
                "permit (principal in Role::\"r{n}\", action in Action::\"command\", resource in Tag::\"svc-{n}\") when {{ !context.tainted }};"
            ),
            2 => writeln!(
                text,
                "forbid (principal in Group::\"g{n}\", action == Action::\"remediate\", resource) unless {{ context.approvals.count >= 1 }};"
            ),
            _ => writeln!(
                text,
                "permit (principal == User::\"usr_{n}\", action == Action::\"observe\", resource) when {{ context.time.hour < 20 }};"
            ),
        };
    }
    text.into_bytes()
}
