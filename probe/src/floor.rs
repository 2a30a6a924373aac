//! The floor: what this host never does, whoever asks. `floor.toml` belongs to the host's administrator.
//! Never: widened by the server. A floor that cannot be read, or that others can write, stops the probe.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use legator_protocol::{CommandSpec, FloorSummary, Invocation, Level};
use serde::Deserialize;

use crate::durable::{self, GuardFault, Keep};
use crate::hours::Hours;

/// Commands at once where the floor says nothing.
const MAX_RUNNING: usize = 16;

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// The highest level that this host takes.
    pub level: Option<Level>,
    #[serde(default)]
    pub deny_programs: BTreeSet<String>,
    #[serde(default)]
    pub deny_effects: BTreeSet<String>,
    #[serde(default)]
    pub deny_paths: BTreeSet<String>,
    /// When changes are taken, in UTC; always where there is none.
    #[serde(default)]
    pub hours: Hours,
    /// Whom commands run as; the probe's own user where there is none.
    pub user: Option<String>,
    pub max_running: Option<usize>,
    #[serde(default)]
    pub limits: Limits,
}

/// Bounds that each command's processes run under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub memory_mib: Option<u64>,
    pub open_files: Option<u64>,
    pub cpu_s: Option<u64>,
}

#[derive(Debug, thiserror::Error)]
pub enum FloorFault {
    #[error(transparent)]
    Guard(#[from] GuardFault),
    #[error("cannot read `{path}`: {source}; the probe does not run without knowing the floor")]
    Unreadable { path: String, source: io::Error },
    #[error("`{path}` is not a floor: {why}; the probe does not run without knowing the floor")]
    Malformed { path: String, why: String },
}

/// What classification says of a command, as far as the floor asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub level: Level,
    pub parsed: bool,
    pub known: bool,
    pub programs: BTreeSet<String>,
    pub effects: BTreeSet<String>,
    pub targets: BTreeSet<String>,
}

impl Floor {
    /// Reads the floor; a host without the file has none.
    pub fn load(path: &Path) -> Result<Self, FloorFault> {
        let name = || path.display().to_string();
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(FloorFault::Unreadable { path: name(), source }),
        };
        durable::guard(path, Keep::Honest)?;
        if let Some(dir) = path.parent() {
            durable::guard(dir, Keep::Honest)?;
        }
        let malformed = |why: String| FloorFault::Malformed { path: name(), why };
        let floor: Self = toml::from_str(&text).map_err(|fault| malformed(fault.to_string().trim().to_owned()))?;
        if let Some(path) = floor.deny_paths.iter().find(|path| !path.starts_with('/')) {
            return Err(malformed(format!("`deny_paths` holds `{path}`, which is not an absolute path")));
        }
        if floor.max_running == Some(0) {
            return Err(malformed("`max_running = 0` would refuse everything; stop the probe instead".to_owned()));
        }
        if let Some(user) = floor.user.as_deref().filter(|user| crate::look::account(user).is_none()) {
            return Err(malformed(format!("`user` is `{user}`, whom `/etc/passwd` does not know")));
        }
        Ok(floor)
    }

    pub fn max_running(&self) -> usize {
        self.max_running.unwrap_or(MAX_RUNNING)
    }

    /// The rule that forbids this command, as a sentence; `None` where there is none.
    pub fn forbids(&self, spec: &CommandSpec, reading: &Reading, minute_of_day: u16) -> Option<String> {
        self.by_level(reading)
            .or_else(|| self.by_program(spec, reading))
            .or_else(|| self.by_effect(reading))
            .or_else(|| self.by_path(spec, reading))
            .or_else(|| self.by_hour(reading, minute_of_day))
    }

    fn by_level(&self, reading: &Reading) -> Option<String> {
        let most = self.level.filter(|most| reading.level > *most)?;
        Some(format!("the command is `{}`, and this host's floor takes at most `{most}` (`level`)", reading.level))
    }

    fn by_program(&self, spec: &CommandSpec, reading: &Reading) -> Option<String> {
        if self.deny_programs.is_empty() {
            return None;
        }
        let direct = match &spec.run {
            Invocation::Argv(argv) => argv.first(),
            Invocation::Shell(_) => None,
        };
        let denied = |program: &&String| {
            self.deny_programs.iter().any(|denied| denied == *program || last_name(denied) == last_name(program))
        };
        if let Some(program) = reading.programs.iter().chain(direct).find(denied) {
            return Some(format!("this host's floor never runs `{program}` (`deny_programs`)"));
        }
        (!reading.parsed).then(|| unreadable("deny_programs"))
    }

    fn by_effect(&self, reading: &Reading) -> Option<String> {
        if self.deny_effects.is_empty() {
            return None;
        }
        if let Some(effect) = reading.effects.intersection(&self.deny_effects).next() {
            return Some(format!(
                "the command has the effect `{effect}`, which this host's floor forbids (`deny_effects`)"
            ));
        }
        if !reading.known {
            return Some(
                "the command runs a program whose effects are not known, and this host's floor forbids some (`deny_effects`)"
                    .to_owned(),
            );
        }
        (!reading.parsed).then(|| unreadable("deny_effects"))
    }

    fn by_path(&self, spec: &CommandSpec, reading: &Reading) -> Option<String> {
        if self.deny_paths.is_empty() {
            return None;
        }
        let cwd = spec.cwd.as_deref().unwrap_or("/");
        let args: Vec<&str> = match &spec.run {
            Invocation::Argv(argv) => argv.iter().map(String::as_str).collect(),
            Invocation::Shell(line) => {
                line.split([' ', '\t', '\n', '\'', '"', ';', '|', '&', '<', '>', '(', ')']).collect()
            }
        };
        let named = args.iter().copied().chain(reading.targets.iter().map(String::as_str)).chain([cwd]);
        // `--file=/x` and `of=/x` name a path behind the sign.
        let each = named.flat_map(|arg| [Some(arg), arg.split_once('=').map(|(_, behind)| behind)]).flatten();
        for path in each.filter(|path| !path.is_empty()).map(|path| plain(cwd, path)) {
            if let Some(denied) = self.deny_paths.iter().find(|denied| within(&plain("/", denied), &path)) {
                return Some(format!(
                    "the command names `{path}`, and this host's floor keeps off `{denied}` (`deny_paths`)"
                ));
            }
        }
        (!reading.parsed).then(|| unreadable("deny_paths"))
    }

    fn by_hour(&self, reading: &Reading, minute_of_day: u16) -> Option<String> {
        if reading.level < Level::Remediate || self.hours.open_at(minute_of_day) {
            return None;
        }
        Some(format!("this host's floor takes changes only at {} UTC (`hours`)", self.hours.words()))
    }

    /// For the server to read.
    pub fn summary(&self) -> FloorSummary {
        let list = |verb: &str, names: &BTreeSet<String>| {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            (!names.is_empty()).then(|| format!("{verb} {}", names.join(", ")))
        };
        let limits = [
            self.limits.memory_mib.map(|mib| format!("at most {mib} MiB of memory for a process")),
            self.limits.open_files.map(|files| format!("at most {files} open files for a process")),
            self.limits.cpu_s.map(|s| format!("at most {s} s of CPU time for a process")),
        ];
        let rules = [
            list("never runs", &self.deny_programs),
            list("never has the effect", &self.deny_effects),
            list("keeps off", &self.deny_paths),
            (!self.hours.always()).then(|| format!("takes changes only at {} UTC", self.hours.words())),
            self.user.as_ref().map(|user| format!("runs commands as `{user}`")),
            self.max_running.map(|most| format!("runs at most {most} commands at once")),
        ];
        FloorSummary { level: self.level, rules: rules.into_iter().chain(limits).flatten().collect() }
    }
}

fn unreadable(rule: &str) -> String {
    format!("the command cannot be read, and this host's floor has rules about what it holds (`{rule}`)")
}

fn last_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// Absolute, without `.`, `..` and doubled slashes. By its letters only: links are not followed.
fn plain(cwd: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{cwd}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn within(dir: &str, path: &str) -> bool {
    path.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || dir == "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floor(text: &str) -> Floor {
        toml::from_str(text).unwrap()
    }

    fn reading(level: Level) -> Reading {
        Reading {
            level,
            parsed: true,
            known: true,
            programs: BTreeSet::new(),
            effects: BTreeSet::new(),
            targets: BTreeSet::new(),
        }
    }

    fn refusal(floor: &Floor, spec: CommandSpec, reading: &Reading) -> String {
        floor.forbids(&spec, reading, 0).unwrap_or_default()
    }

    #[test]
    fn takes_everything_where_it_says_nothing() {
        let spec = CommandSpec::argv(["rm", "-rf", "/"]);
        assert_eq!(Floor::default().forbids(&spec, &reading(Level::Destroy), 0), None);
    }

    #[test]
    fn a_level_above_is_refused_and_the_level_itself_is_not() {
        let floor = floor(r#"level = "remediate""#);
        let spec = CommandSpec::argv(["ls"]);
        assert_eq!(floor.forbids(&spec, &reading(Level::Remediate), 0), None);
        assert!(refusal(&floor, spec, &reading(Level::Destroy)).contains("`level`"));
    }

    #[test]
    fn a_program_is_refused_by_any_path_and_inside_a_line() {
        let floor = floor(r#"deny_programs = ["dd"]"#);
        let says = |spec, reading: &Reading| refusal(&floor, spec, reading).contains("`deny_programs`");
        assert!(says(CommandSpec::argv(["/bin/dd", "if=/x"]), &reading(Level::Observe)));
        let inside = Reading { programs: ["dd".to_owned()].into(), ..reading(Level::Observe) };
        assert!(says(CommandSpec::shell("true; dd if=/x"), &inside));
        assert!(says(CommandSpec::shell("$(("), &Reading { parsed: false, ..reading(Level::Observe) }));
        assert!(!says(CommandSpec::argv(["add"]), &reading(Level::Observe)));
    }

    #[test]
    fn an_effect_is_refused_and_so_is_a_program_whose_effects_nobody_knows() {
        let floor = floor(r#"deny_effects = ["service.stop"]"#);
        let says = |reading: &Reading| refusal(&floor, CommandSpec::argv(["x"]), reading).contains("`deny_effects`");
        assert!(says(&Reading { effects: ["service.stop".to_owned()].into(), ..reading(Level::Observe) }));
        assert!(says(&Reading { known: false, ..reading(Level::Observe) }));
        assert!(!says(&reading(Level::Observe)));
    }

    #[test]
    fn a_path_is_refused_however_it_is_spelled() {
        let floor = floor(r#"deny_paths = ["/etc/shadow", "/srv/keys/"]"#);
        let plain = reading(Level::Observe);
        for argv in [
            vec!["cat", "/etc/shadow"],
            vec!["cat", "/etc/../etc//shadow"],
            vec!["cat", "etc/shadow"],
            vec!["dd", "if=/srv/keys/a"],
            vec!["x", "--from=/srv/keys"],
        ] {
            assert!(refusal(&floor, CommandSpec::argv(argv.clone()), &plain).contains("`deny_paths`"), "{argv:?}");
        }
        assert!(!refusal(&floor, CommandSpec::shell("cat</etc/shadow"), &plain).is_empty());
        assert!(
            !refusal(&floor, CommandSpec { cwd: Some("/srv/keys".into()), ..CommandSpec::argv(["ls"]) }, &plain)
                .is_empty()
        );
        let targets = Reading { targets: ["/srv/keys/b".to_owned()].into(), ..plain.clone() };
        assert!(!refusal(&floor, CommandSpec::argv(["x"]), &targets).is_empty());
        for argv in [["cat", "/etc/shadow-"], ["cat", "/srv/keys2"], ["cat", "/etc/shadow/../hosts"]] {
            assert_eq!(refusal(&floor, CommandSpec::argv(argv), &plain), "");
        }
    }

    #[test]
    fn changes_wait_for_the_hours_and_looking_does_not() {
        let floor = floor(r#"hours = "08:00-18:00""#);
        let spec = CommandSpec::argv(["x"]);
        let open = |level, hour: u16, minute: u16| floor.forbids(&spec, &reading(level), hour * 60 + minute).is_none();
        assert!(open(Level::Remediate, 8, 0) && open(Level::Destroy, 17, 59));
        assert!(!open(Level::Remediate, 18, 0) && !open(Level::Destroy, 7, 59));
        assert!(open(Level::Observe, 3, 0) && open(Level::Diagnose, 3, 0));
    }

    #[test]
    fn a_floor_with_a_mistake_is_no_floor() {
        for text in [r#"levels = "observe""#, r#"level = "root""#, r#"hours = "8-18""#] {
            assert!(toml::from_str::<Floor>(text).is_err(), "{text}");
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("floor.toml");
        for text in [r#"deny_paths = ["etc"]"#, "max_running = 0", r#"user = "no-such-user-here""#] {
            durable::write(&path, text.as_bytes()).unwrap();
            assert!(matches!(Floor::load(&path), Err(FloorFault::Malformed { .. })), "{text}");
        }
    }

    #[test]
    fn a_floor_that_others_can_write_is_no_floor() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("floor.toml");
        assert_eq!(Floor::load(&path).unwrap(), Floor::default());
        durable::write(&path, br#"level = "observe""#).unwrap();
        assert_eq!(Floor::load(&path).unwrap().level, Some(Level::Observe));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
        assert!(matches!(Floor::load(&path), Err(FloorFault::Guard(_))));
    }

    #[test]
    fn says_what_it_forbids_in_words() {
        let floor = floor("level = \"diagnose\"\ndeny_programs = [\"dd\"]\nhours = \"08:00-18:00\"\nmax_running = 2");
        let summary = floor.summary();
        assert_eq!(summary.level, Some(Level::Diagnose));
        assert_eq!(
            summary.rules,
            ["never runs `dd`", "takes changes only at 08:00-18:00 UTC", "runs at most 2 commands at once"]
        );
    }
}
