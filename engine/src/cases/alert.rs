//! Cases of alert rules: what a probe or the fleet looks like step by step, and how the alert then stands.

use serde::Deserialize;
use toml::{Spanned, Table};

use super::expect::Differences;
use super::rows::{self, Tabular};
use crate::Bundle;
use crate::script::alert::ProbeState;
use crate::script::alert::standing::{Said, Standing, advance};

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenAlert {
    name: String,
    #[serde(default)]
    rows: Vec<Spanned<WrittenAlert>>,
    /// What every step sees, unless it says otherwise.
    #[serde(default)]
    probe: Table,
    #[serde(default)]
    fleet: Vec<ProbeState>,
    /// From one step to the next; what the rule says if absent.
    #[serde(default)]
    every_s: Option<u32>,
    #[serde(default)]
    steps: Vec<WrittenStep>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStep {
    /// What is different from the case's probe.
    #[serde(default)]
    probe: Table,
    #[serde(default)]
    fleet: Option<Vec<ProbeState>>,
    #[serde(default)]
    after_s: Option<u32>,
    /// How often the step is taken.
    #[serde(default = "once")]
    times: u32,
    /// `ok`, `pending`, `firing` or `resolved`; `broken` where the rule fails. After the last of its times.
    expect: String,
    /// A part of what the rule says when it fires, or of why it failed.
    #[serde(default)]
    message: Option<String>,
}

const fn once() -> u32 {
    1
}

const MOST_STEPS: u32 = 10_000;

impl Tabular for WrittenAlert {
    fn name(&self) -> &str {
        &self.name
    }

    fn rows(&self) -> &[Spanned<Self>] {
        &self.rows
    }
}

/// A series of sights, each with what is expected after it.
#[derive(Clone)]
pub(crate) struct AlertCase {
    steps: Vec<Step>,
    every_s: Option<u32>,
}

#[derive(Clone)]
struct Step {
    fleet: Vec<ProbeState>,
    after_s: Option<u32>,
    times: u32,
    expect: String,
    message: Option<String>,
}

impl WrittenAlert {
    pub(super) fn ready(self) -> Result<AlertCase, String> {
        if self.steps.is_empty() {
            return Err("it has no `steps`".to_owned());
        }
        let mut steps = Vec::new();
        for (n, step) in (1..).zip(self.steps) {
            let WrittenStep { probe, fleet, after_s, times, expect, message } = step;
            if !["ok", "pending", "firing", "resolved", "broken"].contains(&expect.as_str()) {
                return Err(format!(
                    "step {n} expects `{expect}`; it is one of `ok`, `pending`, `firing`, `resolved`, `broken`"
                ));
            }
            if times == 0 || times > MOST_STEPS {
                return Err(format!("step {n} is taken {times} times; 1 to {MOST_STEPS} are possible"));
            }
            let mut fleet = fleet.unwrap_or_else(|| self.fleet.clone());
            if fleet.is_empty() {
                let mut seen = self.probe.clone();
                rows::lay(&mut seen, probe);
                let read = ProbeState::deserialize(seen);
                fleet.push(read.map_err(|error| format!("the probe of step {n} cannot be read: {}", error.message()))?);
            }
            for (m, probe) in (1..).zip(&mut fleet) {
                if probe.id.is_empty() {
                    probe.id = format!("prb_{m}");
                }
                if probe.health.status.is_empty() {
                    "online".clone_into(&mut probe.health.status);
                }
            }
            steps.push(Step { fleet, after_s, times, expect, message });
        }
        Ok(AlertCase { steps, every_s: self.every_s })
    }
}

impl AlertCase {
    /// What is different, and what happened.
    pub(super) fn tried(&self, bundle: &Bundle, script: &str) -> (Differences, Vec<String>) {
        let (mut found, mut told) = (Differences::default(), Vec::new());
        let Some(script) = bundle.alerts.script(script) else {
            found.unless_same("the script", script.to_owned(), "nowhere in the bundle".to_owned());
            return (found, told);
        };
        let (mut standing, mut now_ms, mut first) = (Standing::Ok, 0_u64, true);
        for (n, step) in (1..).zip(&self.steps) {
            let (mut word, mut message) = ("ok", String::new());
            for _ in 0..step.times {
                let pause = step.after_s.or(self.every_s).unwrap_or(script.rule.every_s);
                now_ms += if std::mem::take(&mut first) { 0 } else { u64::from(pause) * 1000 };
                let read = match (script.fleet, step.fleet.first()) {
                    (false, Some(probe)) => bundle.alerts.ask(script, probe),
                    _ => bundle.alerts.ask_fleet(script, &step.fleet),
                };
                let said = match read {
                    Ok(reading) => {
                        let said = if reading.firing.is_some() { Said::Firing } else { Said::Ok };
                        message = reading.firing.unwrap_or_default();
                        told.extend(reading.trace.into_iter().map(|line| format!("  | {line}")));
                        said
                    }
                    Err(why) => {
                        message = why;
                        Said::Broken
                    }
                };
                standing = advance(script.rule.timing(), standing, said, now_ms);
                word = if said == Said::Broken { "broken" } else { standing.as_str() };
                told.push(format!("{:>6} s  {word}  {message}", now_ms / 1000));
            }
            found.unless_same(&format!("the alert after step {n}"), step.expect.clone(), word.to_owned());
            found.unless_part(&format!("the message after step {n}"), step.message.as_ref(), &message);
        }
        (found, told)
    }
}
