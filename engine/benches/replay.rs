//! How many recorded decisions a core decides again in a second, from the text that is stored to the count; and what
//! the shadow costs the live decision, which is a copy of the facts and a hand-over.
//!
//! Prints one JSON line for each measure. One thread, so a figure is for one core.

use std::hint::black_box;
use std::time::Instant;

use legator_engine::replay::{Blind, Kept, Mask, Record, Tally, replay, replay_masked};
use legator_engine::{
    Ask, Bundle, Capacity, CommandSpec, Context, Facts, Origin, Principal, Probe, ProbeLoad, Resource, decide,
};

const RECORDS: usize = 20_000;

/// What people really run, from looking to wiping.
const COMMANDS: &[&[&str]] = &[
    &["uptime"],
    &["journalctl", "-u", "nginx", "-n", "100"],
    &["df", "-h"],
    &["systemctl", "restart", "nginx"],
    &["apt-get", "install", "-y", "htop"],
    &["rm", "-rf", "/srv/old"],
    &["traceroute", "example.org"],
    &["sh", "-c", "cat /etc/hosts | grep web > /tmp/hosts"],
];

fn main() {
    let files = Bundle::shipped();
    let (Ok(live), Ok(candidate)) = (Bundle::load(&files), {
        let mut files = files.clone();
        let text = "@id(\"frozen\") @rationale(\"Frozen.\")\n\
                    forbid (principal, action == Action::\"remediate\", resource in Tag::\"lab\");\n";
        files.insert("policies/own.cedar".to_owned(), text.as_bytes().to_vec());
        Bundle::load(&files)
    }) else {
        eprintln!("the shipped bundle does not load");
        std::process::exit(1);
    };
    let records: Vec<Record> = (0..RECORDS).map(|n| recorded(&live, n)).collect();
    let stored: Vec<(String, String)> =
        records.iter().map(|record| (record.facts.canonical(), record.decision.canonical())).collect();

    let mut tally = Tally::default();
    let took = timed(|| {
        for (n, (facts, decision)) in stored.iter().enumerate() {
            let again = Record::read("cmd_1", 1, n as i64, facts, decision)
                .and_then(|record| replay(&candidate, &record).map(|replayed| (record, replayed)));
            match again {
                Ok((record, replayed)) => tally.add(&record, &replayed),
                Err(obstacle) => tally.stop(&obstacle),
            }
        }
    });
    print(
        "replay-from-stored",
        took,
        &format!(r#","changed":{},"stopped":{}"#, tally.outcomes_changed(), tally.stopped()),
    );

    let lines: Vec<String> = records.iter().map(Record::line).collect();
    let mut own = Tally::default();
    let took = timed(|| {
        for line in &lines {
            if let Ok(record) = Record::parse(line)
                && let Ok(replayed) = replay(&live, &record)
            {
                own.add(&record, &replayed);
            }
        }
    });
    print("replay-from-export", took, &format!(r#","own":{},"identical":{}"#, own.own, own.identical));

    let mask = Mask::new([7; 32], Kept::of(&live));
    let mut masked = Vec::new();
    let took = timed(|| masked.extend(records.iter().filter_map(|record| mask.record(&live, record).ok())));
    print("mask", took, &format!(r#","kept":{}"#, masked.len()));
    let blind = Blind::new(&candidate, mask.kept());
    let took = timed(|| {
        for record in &masked {
            let _ = black_box(replay_masked(&candidate, &blind, record));
        }
    });
    print("replay-masked", took, "");

    let took = timed(|| {
        for record in &records {
            black_box(decide(&live, &record.facts));
        }
    });
    print("decide-alone", took, "");
    // As the road does it: the facts are copied, the decision is shared, and a bounded queue takes both or does not.
    let (ear, heard) = std::sync::mpsc::sync_channel(4096);
    let shadow = std::thread::spawn(move || {
        for (facts, _decision) in heard {
            black_box(decide(&candidate, &facts));
        }
    });
    let mut dropped = 0_u64;
    let took = timed(|| {
        for record in &records {
            let decision = std::sync::Arc::new(decide(&live, &record.facts));
            dropped += u64::from(ear.try_send((record.facts.clone(), std::sync::Arc::clone(&decision))).is_err());
            black_box(decision);
        }
    });
    print("decide-with-shadow", took, &format!(r#","dropped":{dropped}"#));
    drop(ear);
    let _ = shadow.join();
}

fn timed(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64()
}

fn print(name: &str, seconds: f64, more: &str) {
    let per_s = (RECORDS as f64 / seconds) as u64;
    println!(
        r#"{{"name":"{name}","n":{RECORDS},"per_s":{per_s},"us_each":{:.2}{more}}}"#,
        seconds * 1e6 / RECORDS as f64
    );
}

fn recorded(live: &Bundle, n: usize) -> Record {
    let load = ProbeLoad {
        status: "online".to_owned(),
        cpus: Some(4),
        load1_milli: Some(700),
        mem_used_pct: Some(40),
        ..ProbeLoad::default()
    };
    let tag = ["lab", "prod", "web"][n % 3];
    let facts = Facts {
        at_ms: 1_700_000_000_000 + n as u64,
        principal: Principal::user(format!("usr_{}", n % 200)).role("operator"),
        ask: Ask::Command(CommandSpec::argv(COMMANDS[n % COMMANDS.len()].iter().copied())),
        resource: Resource::Probe(Probe {
            id: format!("prb_{}", n % 1000),
            name: format!("host-{}", n % 1000),
            hostname: format!("host-{}", n % 1000),
            tags: [tag.to_owned()].into(),
            os: "linux".to_owned(),
            arch: "x86_64".to_owned(),
            status: "online".to_owned(),
            ..Probe::default()
        }),
        context: Context::new(Origin::Api),
        capacity: Some(Capacity { probe: load, ..Capacity::default() }),
    };
    let decision = decide(live, &facts);
    Record::new(format!("cmd_{n}"), 1, n as i64, facts, decision)
}
