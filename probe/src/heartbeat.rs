//! The heartbeat: a few real figures, read from `/proc` each time.
//! Never: guesses. A figure that cannot be read is zero, and pressure is absent where the kernel has none.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use legator_protocol::{Heartbeat, Pressure};

use crate::mounts;

const PATIENCE: Duration = Duration::from_secs(5);

/// Takes one, off the message loop. If a disk does not answer, the last one's figures stand in.
pub async fn take(running: u32, clock_ahead_ms: i64, last: Option<Heartbeat>) -> Heartbeat {
    let reading = tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(read_alone)).await;
    let now = reading.ok().and_then(Result::ok).flatten().or(last).unwrap_or_default();
    Heartbeat { running, clock_ahead_ms, ..now }
}

/// A disk that does not answer keeps one thread, not one more every beat.
fn read_alone() -> Option<Heartbeat> {
    static READING: AtomicBool = AtomicBool::new(false);
    if READING.swap(true, Ordering::AcqRel) {
        return None;
    }
    let now = read();
    READING.store(false, Ordering::Release);
    Some(now)
}

fn read() -> Heartbeat {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (mem_used_bytes, mem_total_bytes) = memory(&text("/proc/meminfo"));
    let mounts = mounts::real();
    let (disk_used_bytes, disk_total_bytes) =
        mounts::fullest(&mounts).map_or((0, 0), |mount| (mount.used_bytes, mount.total_bytes));
    Heartbeat {
        load: load(&text("/proc/loadavg")),
        cpus: std::thread::available_parallelism().map_or(0, |cpus| u32::try_from(cpus.get()).unwrap_or(u32::MAX)),
        mem_used_bytes,
        mem_total_bytes,
        disk_used_bytes,
        disk_total_bytes,
        uptime_s: uptime(&text("/proc/uptime")),
        pressure: pressure(["cpu", "memory", "io"].map(|what| text(&format!("/proc/pressure/{what}")))),
        running: 0,
        clock_ahead_ms: 0,
    }
}

/// The host's own name for itself.
pub fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn load(text: &str) -> [f64; 3] {
    let mut figures = text.split_whitespace().map(|figure| figure.parse().unwrap_or(0.0));
    std::array::from_fn(|_| figures.next().unwrap_or(0.0))
}

/// Used and total. Used is what a program could not get: total less `MemAvailable`.
pub fn memory(text: &str) -> (u64, u64) {
    let figure = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
    };
    let total = figure("MemTotal");
    (total.saturating_sub(figure("MemAvailable")), total)
}

fn uptime(text: &str) -> u64 {
    text.split(['.', ' ']).next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0)
}

fn pressure(texts: [String; 3]) -> Option<Pressure> {
    let [cpu, memory, io] = texts.map(|text| {
        let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
        some.split_whitespace().find_map(|field| field.strip_prefix("avg10=")?.parse::<f64>().ok())
    });
    Some(Pressure { cpu: cpu?, memory: memory?, io: io? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_writes() {
        assert_eq!(load("0.50 1.25 2.00 1/100 4242\n"), [0.5, 1.25, 2.0]);
        assert_eq!(memory("MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:  400 kB\n"), (600 * 1024, 1000 * 1024));
        assert_eq!(uptime("12345.67 99.0\n"), 12345);
        let psi = |avg: &str| format!("some avg10={avg} avg60=0.00 avg300=0.00 total=1\nfull avg10=9.00\n");
        let pressure = pressure([psi("1.50"), psi("0.00"), psi("22.25")]);
        assert_eq!(pressure, Some(Pressure { cpu: 1.5, memory: 0.0, io: 22.25 }));
    }

    #[test]
    fn a_kernel_without_pressure_has_none_and_rubbish_is_zero() {
        assert_eq!(pressure([String::new(), String::new(), String::new()]), None);
        assert_eq!((load("x"), memory("y"), uptime("")), ([0.0; 3], (0, 0), 0));
    }

    #[tokio::test]
    async fn this_host_has_memory_and_a_disk() {
        let now = take(3, -5, None).await;
        assert!(now.cpus > 0 && now.mem_total_bytes > now.mem_used_bytes && now.mem_used_bytes > 0);
        assert!(now.disk_total_bytes >= now.disk_used_bytes);
        assert_eq!((now.running, now.clock_ahead_ms), (3, -5));
    }
}
