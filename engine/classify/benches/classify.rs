//! How long it takes to classify a command line. Prints one JSON line for each case.
#![expect(clippy::print_stdout, reason = "a bench speaks on its standard output")]

use std::hint::black_box;
use std::time::Instant;

use legator_classify::{Table, classify};
use legator_protocol::CommandSpec;

const ROUNDS: usize = 20;

fn main() {
    let specs: Vec<CommandSpec> = include_str!("corpus.txt").lines().map(CommandSpec::shell).collect();
    let table = Table::shipped();
    for spec in &specs {
        black_box(classify(table, spec));
    }
    let mut took: Vec<u128> = Vec::with_capacity(specs.len() * ROUNDS);
    for _ in 0..ROUNDS {
        for spec in &specs {
            let start = Instant::now();
            black_box(classify(table, black_box(spec)));
            took.push(start.elapsed().as_nanos());
        }
    }
    took.sort_unstable();
    let at = |share: f64| {
        took.get((took.len() as f64 * share) as usize).or(took.last()).copied().unwrap_or_default() as f64 / 1000.0
    };
    println!(
        r#"{{"name":"classify","n":{},"p50_us":{:.1},"p99_us":{:.1},"max_us":{:.1}}}"#,
        took.len(),
        at(0.50),
        at(0.99),
        at(1.0)
    );
}
