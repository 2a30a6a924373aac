//! A pattern that people may agree to ahead, as a link of a Cedar template. The text that comes out is what they read,
//! what their votes bind to, and what is evaluated when a command comes.
//! Never: covers a command that could not be read, whose program nobody knows, or that is a line for a shell.

use std::collections::BTreeSet;

use legator_protocol::Level;

use crate::bundle::links::{Linked, filled};
use crate::guard::policy;

/// The template. `?principal` and `?resource` are Cedar's slots; the rest is the pattern, written as conditions.
const TEMPLATE: &str = r#"@id("agreed-ahead")
@rationale("People agreed ahead to commands like this.")
permit (principal == ?principal, action in [{actions}], resource in ?resource)
when { context.command.parsed && context.command.known && !context.command.shell }
when { {programs}.containsAny(context.command.programs) && {programs}.containsAll(context.command.programs) }
when { {effects} }
when { {line} };
"#;

/// What is to be agreed to ahead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Who asks: `User`, `ServiceAccount`, `Agent` or `Run`, and the id.
    pub principal: Linked,
    /// Where: a `Probe`, a `Tag` or a `Site`.
    pub resource: Linked,
    /// The highest level that it covers.
    pub level: Level,
    /// Every program of the command has to be one of these.
    pub programs: BTreeSet<String>,
    /// Every effect of the command has to be one of these; any, if empty.
    pub effects: BTreeSet<String>,
    /// The command as a person would type it; `*` is any text. Any line, if absent.
    pub line: Option<String>,
}

/// Why a pattern cannot be agreed to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternFault {
    #[error("a pattern names at least one program")]
    NoProgram,
    #[error("a pattern has at most 32 programs, 32 effects and 2,000 bytes of text")]
    TooLong,
    #[error("`{0}` is not who asks for commands; `User`, `ServiceAccount`, `Agent` or `Run`")]
    NotAPrincipal(String),
    #[error("`{0}` is not where commands run; `Probe`, `Tag` or `Site`")]
    NotAPlace(String),
    #[error("the pattern makes no policy: {0}")]
    NotAPolicy(String),
}

impl Pattern {
    /// The policy that covers exactly this, as Cedar text.
    pub fn policy(&self) -> Result<String, PatternFault> {
        if self.programs.is_empty() || self.programs.iter().any(String::is_empty) {
            return Err(PatternFault::NoProgram);
        }
        let texts = self.programs.iter().chain(&self.effects).chain(&self.line);
        if self.programs.len() > 32 || self.effects.len() > 32 || texts.map(String::len).sum::<usize>() > 2_000 {
            return Err(PatternFault::TooLong);
        }
        if !["User", "ServiceAccount", "Agent", "Run"].contains(&self.principal.kind.as_str()) {
            return Err(PatternFault::NotAPrincipal(self.principal.kind.clone()));
        }
        if !["Probe", "Tag", "Site"].contains(&self.resource.kind.as_str()) {
            return Err(PatternFault::NotAPlace(self.resource.kind.clone()));
        }
        let actions = Level::ALL.into_iter().filter(|level| *level <= self.level);
        let actions: Vec<String> = actions.map(|level| format!("Action::\"{level}\"")).collect();
        let effects = match self.effects.is_empty() {
            true => "true".to_owned(),
            false => format!("{}.containsAll(context.command.effects)", set(&self.effects)),
        };
        let line = match &self.line {
            None => "true".to_owned(),
            Some(line) => format!("context.command.line like {}", quoted(line)),
        };
        let entity = |linked: &Linked| linked.text().ok_or_else(|| PatternFault::NotAPlace(linked.kind.clone()));
        // Slots before texts: what a person wrote is never looked at for slots.
        let scoped = filled(TEMPLATE, &entity(&self.principal)?, &entity(&self.resource)?);
        let text = [
            ("{actions}", actions.join(", ")),
            ("{programs}", set(&self.programs)),
            ("{programs}", set(&self.programs)),
            ("{effects}", effects),
            ("{line}", line),
        ];
        let (mut out, mut rest) = (String::new(), scoped.as_str());
        for (slot, value) in text {
            let (before, after) = rest.split_once(slot).unwrap_or((rest, ""));
            out.push_str(before);
            out.push_str(&value);
            rest = after;
        }
        out.push_str(rest);
        let mut faults = Vec::new();
        match (policy::parse("grant", &out, &mut faults).len(), faults.first()) {
            (1, None) => Ok(out),
            (_, fault) => Err(PatternFault::NotAPolicy(fault.map(|it| it.message.clone()).unwrap_or_default())),
        }
    }
}

fn set(words: &BTreeSet<String>) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("[{}]", words.join(", "))
}

/// A Cedar string: `*` stays a wildcard where one is looked for.
fn quoted(word: &str) -> String {
    let mut out = String::from("\"");
    for letter in word.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            letter if letter.is_control() => out.push_str(&format!("\\u{{{:x}}}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Bundle;
    use crate::facts::{Ask, Context, Facts, Grant, Origin, Principal, Probe, Resource};
    use crate::{CommandSpec, Outcome, decide, decide_plain};

    fn pattern() -> Pattern {
        Pattern {
            principal: Linked::new("User", "usr_ana"),
            resource: Linked::new("Tag", "prod"),
            level: Level::Remediate,
            programs: BTreeSet::from(["systemctl".to_owned()]),
            effects: BTreeSet::new(),
            line: Some("systemctl restart *".to_owned()),
        }
    }

    fn facts(principal: &str, spec: CommandSpec, tag: &str, at_ms: u64) -> Facts {
        let mut context = Context::new(Origin::Api);
        context.grants = vec![Grant {
            by: BTreeSet::from(["usr_ben".to_owned()]),
            groups: BTreeSet::new(),
            id: "grt_1".to_owned(),
            policy: pattern().policy().unwrap(),
            signed: BTreeSet::new(),
            until_ms: 1_000,
        }];
        let probe = Probe { id: "prb_1".to_owned(), tags: BTreeSet::from([tag.to_owned()]), ..Probe::default() };
        Facts {
            at_ms,
            principal: Principal::user(principal).role("operator"),
            ask: Ask::Command(spec),
            resource: Resource::Probe(probe),
            context,
            capacity: None,
        }
    }

    fn outcome(facts: &Facts) -> (Outcome, Option<String>) {
        let bundle = Bundle::load(&Bundle::shipped()).unwrap();
        let (decision, plain) = (decide(&bundle, facts), decide_plain(&bundle, facts));
        assert!(decision.agrees_with(&plain), "{decision:?} {plain:?}");
        (decision.outcome, decision.grant)
    }

    const HELD: (Outcome, Option<String>) = (Outcome::Hold { approvals: 1 }, None);

    #[test]
    fn what_was_agreed_to_ahead_passes_and_is_named() {
        let said = outcome(&facts("usr_ana", CommandSpec::argv(["systemctl", "restart", "nginx"]), "prod", 0));
        // Without load admission says that it has to wait; policy let it through.
        assert!(!matches!(said.0, Outcome::Hold { .. } | Outcome::Deny), "{said:?}");
        assert_eq!(said.1.as_deref(), Some("grt_1"));
    }

    #[test]
    fn nobody_else_nothing_else_nowhere_else_and_not_later() {
        let restart = || CommandSpec::argv(["systemctl", "restart", "nginx"]);
        assert_eq!(outcome(&facts("usr_eva", restart(), "prod", 0)), HELD);
        assert_eq!(outcome(&facts("usr_ana", CommandSpec::argv(["systemctl", "stop", "nginx"]), "prod", 0)), HELD);
        assert_eq!(outcome(&facts("usr_ana", CommandSpec::shell("systemctl restart nginx"), "prod", 0)), HELD);
        assert_eq!(outcome(&facts("usr_ana", restart(), "prod", 1_000)), HELD);
        let wipe = CommandSpec::shell("systemctl restart nginx; rm -rf /srv");
        assert_eq!(outcome(&facts("usr_ana", wipe, "prod", 0)).1, None);
    }

    #[test]
    fn what_is_written_in_a_pattern_stays_a_text() {
        let mut odd = pattern();
        odd.line = Some("x\" || true || \"\\".to_owned());
        odd.programs = BTreeSet::from(["?principal".to_owned(), "a\"] || [\"{line}".to_owned()]);
        let text = odd.policy().unwrap();
        assert!(text.contains(r#"like "x\" || true || \"\\""#), "{text}");
        assert!(text.contains(r#""?principal""#), "{text}");
        let facts = Facts {
            context: Context {
                grants: vec![Grant {
                    policy: text,
                    by: BTreeSet::from(["usr_ben".to_owned()]),
                    groups: BTreeSet::new(),
                    id: "grt_1".to_owned(),
                    signed: BTreeSet::new(),
                    until_ms: 9,
                }],
                ..Context::new(Origin::Api)
            },
            ..facts("usr_ana", CommandSpec::argv(["systemctl", "restart", "nginx"]), "prod", 0)
        };
        assert_eq!(outcome(&facts), HELD);
    }

    #[test]
    fn a_grant_that_is_no_permit_or_cannot_be_read_covers_nothing() {
        let restart = || CommandSpec::argv(["systemctl", "restart", "nginx"]);
        let forbid = "@id(\"x\") @rationale(\"x\") forbid (principal, action, resource);";
        let erring =
            "@id(\"x\") @rationale(\"x\") permit (principal, action, resource) when { context.command.cwd == \"\" };";
        for policy in ["", "permit (", forbid, erring, &format!("{0}{0}", pattern().policy().unwrap())] {
            let mut facts = facts("usr_ana", restart(), "prod", 0);
            policy.clone_into(&mut facts.context.grants[0].policy);
            assert_eq!(outcome(&facts), HELD, "{policy}");
        }
    }

    #[test]
    fn refuses_what_covers_everything_or_is_about_nobody() {
        assert_eq!(Pattern { programs: BTreeSet::new(), ..pattern() }.policy(), Err(PatternFault::NoProgram));
        let role = Linked::new("Role", "operator");
        assert!(matches!(Pattern { principal: role, ..pattern() }.policy(), Err(PatternFault::NotAPrincipal(_))));
        let tenant = Linked::new("Tenant", "blue");
        assert!(matches!(Pattern { resource: tenant, ..pattern() }.policy(), Err(PatternFault::NotAPlace(_))));
        let long = Some("x".repeat(2_001));
        assert_eq!(Pattern { line: long, ..pattern() }.policy(), Err(PatternFault::TooLong));
    }
}
