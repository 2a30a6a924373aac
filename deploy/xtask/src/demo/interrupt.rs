//! Ctrl-C as a value that loops look at, so that guards run and take their children along.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

const LOOK: Duration = Duration::from_millis(50);

/// Whether somebody asked the demo to end.
#[derive(Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    pub fn listen() -> Result<Self> {
        let interrupt = Self::default();
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&interrupt.0)).context("cannot listen for signals")?;
        }
        Ok(interrupt)
    }

    pub fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Lets time pass, unless somebody interrupts.
    pub fn rest(&self, time: Duration) -> Result<()> {
        let began = Instant::now();
        self.until("time to pass", Duration::MAX, || Ok((began.elapsed() >= time).then_some(())))
    }

    /// Looks again and again until there is something, for at most `limit`.
    pub fn until<T>(&self, what: &str, limit: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        let began = Instant::now();
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            if self.came() {
                bail!("interrupted while waiting for {what}");
            }
            if began.elapsed() > limit {
                bail!("{what}: nothing within {} s", limit.as_secs());
            }
            thread::sleep(LOOK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_until_there_is_something() {
        let mut n = 0;
        let found = Interrupt::default().until("a number", Duration::from_secs(60), || {
            n += 1;
            Ok((n == 2).then_some(n))
        });
        assert_eq!(found.unwrap(), 2);
    }

    #[test]
    fn stops_waiting_when_interrupted_or_too_late() {
        let interrupt = Interrupt::default();
        let fault = interrupt.until::<()>("a sign", Duration::ZERO, || Ok(None)).unwrap_err().to_string();
        assert!(fault.contains("a sign: nothing within 0 s"), "{fault}");
        interrupt.0.store(true, Ordering::Relaxed);
        let fault = interrupt.until::<()>("a sign", Duration::from_secs(60), || Ok(None)).unwrap_err().to_string();
        assert!(fault.contains("interrupted while waiting for a sign"), "{fault}");
        assert!(interrupt.rest(Duration::from_secs(60)).is_err());
        assert!(Interrupt::default().rest(Duration::ZERO).is_ok());
    }

    #[test]
    fn hears_a_signal_instead_of_dying_of_it() {
        let interrupt = Interrupt::listen().unwrap();
        assert!(!interrupt.came());
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP).unwrap();
        // The signal may be delivered on another thread of this process.
        while !interrupt.came() {
            thread::yield_now();
        }
        assert!(interrupt.rest(Duration::ZERO).is_ok(), "what is there already is not waited for");
    }
}
