//! What an idle probe costs. Measures, so it is asked for by name:
//! `LEGATOR_PROBE=path cargo test -p legator-probe --test it -- --ignored --nocapture idle`.

use std::fs;
use std::time::Duration;

use legator_protocol::{Level, ToProbe, ToServer};

use crate::world::World;

const WATCHED: Duration = Duration::from_secs(120);

#[tokio::test]
#[ignore = "watches a probe for two minutes"]
async fn an_idle_probe_takes_at_most_10_mib_and_a_fifth_of_a_percent_of_a_core() {
    let world = World::new().await;
    let program = std::env::var("LEGATOR_PROBE").unwrap_or_else(|_| env!("CARGO_BIN_EXE_legator-probe").to_owned());
    let probe = world.process_of(&program);
    let (mut link, _) = world.accept().await;
    link.say(&ToProbe::Policy { ceiling: Level::Observe, table: None, inventory: None }).await;
    while !matches!(link.hear().await, ToServer::Inventory(_)) {}
    let before = ticks(probe.pid());
    let mut beats = 0;
    let mut watch = tokio::time::interval(Duration::from_secs(30));
    let until = tokio::time::sleep(WATCHED);
    tokio::pin!(until);
    loop {
        tokio::select! {
            () = &mut until => break,
            _ = watch.tick() => link.say(&ToProbe::Ping { at_ms: 1 }).await,
            message = link.hear() => beats += u32::from(matches!(message, ToServer::Heartbeat(_))),
        }
    }
    let (rss_kib, peak_kib) = (memory(probe.pid(), "VmRSS:"), memory(probe.pid(), "VmHWM:"));
    // The kernel counts 100 ticks a second for user space.
    let share = (ticks(probe.pid()) - before) as f64 / (WATCHED.as_secs_f64() * 100.0);
    println!("rss {rss_kib} KiB, peak {peak_kib} KiB, {:.3} % of a core, {beats} heartbeats", share * 100.0);
    assert!(rss_kib <= 10 * 1024 && share <= 0.002);
}

fn memory(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<u64> =
        stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11).take(2).map(|f| f.parse().unwrap()).collect();
    fields.iter().sum()
}
