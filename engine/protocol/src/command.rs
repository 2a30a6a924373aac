//! What is asked of a host, and the order that carries it there under a seal.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::seal::OpenFault;
use crate::{CommandId, Level, OrderKey, ProbeId};

const MAX_ARGS: usize = 1024;
const MAX_TEXT: usize = 64 * 1024;
const MAX_ENV: usize = 128;
const TIMEOUT_MS: std::ops::RangeInclusive<u64> = 100..=24 * 60 * 60 * 1000;

/// What runs: a program with its arguments, or a line for the host's `/bin/sh`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Invocation {
    Argv(Vec<String>),
    Shell(String),
}

/// Everything that decides what a command does on a host. An approval binds to the digest of exactly this.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CommandSpec {
    pub run: Invocation,
    /// Set on top of the probe's clean environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// An absolute path; the probe's default where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// How long it may run, in milliseconds.
    pub timeout_ms: u64,
}

/// What is wrong with a [`CommandSpec`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecFault {
    #[error("`argv` is empty; its first element names the program")]
    NoProgram,
    #[error("the command line is empty")]
    EmptyLine,
    #[error("`argv` has {0} elements; at most {MAX_ARGS} are taken")]
    TooManyArgs(usize),
    #[error("the command is {0} bytes long; at most {MAX_TEXT} are taken")]
    TooLong(usize),
    #[error("`{0}` holds a NUL byte, which no program can be given")]
    Nul(&'static str),
    #[error("`env` has {0} variables; at most {MAX_ENV} are taken")]
    TooManyVariables(usize),
    #[error("`{0}` is not a name for an environment variable; letters, digits and `_`, not first a digit")]
    BadVariable(String),
    #[error("`cwd` is `{0}`; it has to be an absolute path")]
    RelativeCwd(String),
    #[error("`timeout_ms` is {got}; it has to be between {} and {}", TIMEOUT_MS.start(), TIMEOUT_MS.end())]
    Timeout { got: u64 },
}

impl CommandSpec {
    pub fn argv<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self::new(Invocation::Argv(argv.into_iter().map(Into::into).collect()))
    }

    pub fn shell(line: impl Into<String>) -> Self {
        Self::new(Invocation::Shell(line.into()))
    }

    pub fn new(run: Invocation) -> Self {
        Self { run, env: BTreeMap::new(), cwd: None, timeout_ms: 30_000 }
    }

    /// Bounds and well-formedness; nothing about meaning.
    pub fn check(&self) -> Result<(), SpecFault> {
        let size = match &self.run {
            Invocation::Argv(argv) => {
                if argv.first().is_none_or(String::is_empty) {
                    return Err(SpecFault::NoProgram);
                }
                if argv.len() > MAX_ARGS {
                    return Err(SpecFault::TooManyArgs(argv.len()));
                }
                if argv.iter().any(|arg| arg.contains('\0')) {
                    return Err(SpecFault::Nul("argv"));
                }
                argv.iter().map(|arg| arg.len() + 1).sum()
            }
            Invocation::Shell(line) if line.trim().is_empty() => return Err(SpecFault::EmptyLine),
            Invocation::Shell(line) if line.contains('\0') => return Err(SpecFault::Nul("shell")),
            Invocation::Shell(line) => line.len(),
        };
        let env: usize = self.env.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
        if size + env > MAX_TEXT {
            return Err(SpecFault::TooLong(size + env));
        }
        if self.env.len() > MAX_ENV {
            return Err(SpecFault::TooManyVariables(self.env.len()));
        }
        if let Some(name) = self.env.keys().find(|name| !names_a_variable(name)) {
            return Err(SpecFault::BadVariable(name.chars().take(64).collect()));
        }
        if self.env.values().any(|value| value.contains('\0')) {
            return Err(SpecFault::Nul("env"));
        }
        if let Some(cwd) = &self.cwd {
            if cwd.contains('\0') {
                return Err(SpecFault::Nul("cwd"));
            }
            if !cwd.starts_with('/') {
                return Err(SpecFault::RelativeCwd(cwd.chars().take(256).collect()));
            }
        }
        if !TIMEOUT_MS.contains(&self.timeout_ms) {
            return Err(SpecFault::Timeout { got: self.timeout_ms });
        }
        Ok(())
    }

    /// SHA-256 over the probe and every field, each with its length before it, so that no two commands share one.
    pub fn digest(&self, probe: ProbeId) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut put = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        put(b"legator command v1");
        put(probe.to_string().as_bytes());
        match &self.run {
            Invocation::Argv(argv) => {
                put(b"argv");
                put(&(argv.len() as u64).to_be_bytes());
                argv.iter().for_each(|arg| put(arg.as_bytes()));
            }
            Invocation::Shell(line) => {
                put(b"shell");
                put(line.as_bytes());
            }
        }
        put(&(self.env.len() as u64).to_be_bytes());
        for (name, value) in &self.env {
            put(name.as_bytes());
            put(value.as_bytes());
        }
        match &self.cwd {
            Some(cwd) => put(cwd.as_bytes()),
            None => put(b""),
        }
        put(&self.timeout_ms.to_be_bytes());
        hash.finalize().into()
    }

    /// The command as a person would type it. For showing, never for running.
    pub fn line(&self) -> String {
        match &self.run {
            Invocation::Shell(line) => line.clone(),
            Invocation::Argv(argv) => argv.iter().map(|arg| quoted(arg)).collect::<Vec<_>>().join(" "),
        }
    }
}

fn names_a_variable(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|next| next.is_ascii_alphanumeric() || next == '_')
}

fn quoted(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) { arg.to_owned() } else { format!("'{}'", arg.replace('\'', "'\\''")) }
}

/// What to look at right before and right after a command.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Look {
    pub kind: LookKind,
    pub target: String,
}

/// The kinds of thing that a probe knows how to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LookKind {
    /// A systemd unit: load, active, sub and enabled state.
    Unit,
    /// A path: kind, mode, owner, size, SHA-256 of a regular file.
    File,
    /// A package: version and state.
    Package,
    /// A user: ids, groups, shell.
    User,
}

/// What was seen before and after, as names and values. A value that is absent on one side was not there then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    #[serde(flatten)]
    pub look: Look,
    pub before: BTreeMap<String, String>,
    pub after: BTreeMap<String, String>,
}

/// What the server orders a probe to do. Sealed as bytes; the probe parses only bytes that verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub command: CommandId,
    pub probe: ProbeId,
    pub issued_at_ms: u64,
    /// The probe does not start it after this, by the server's clock.
    pub expires_at_ms: u64,
    /// What the server classified the command as. The probe classifies again, and takes the higher.
    pub level: Level,
    pub spec: CommandSpec,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub look: Vec<Look>,
    /// Bytes kept of each output stream.
    pub max_output: u64,
}

/// An order's exact bytes with their tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedOrder {
    /// Base 64 of the bytes that the tag covers.
    pub order: String,
    /// Base 64 of the tag.
    pub tag: String,
}

impl SealedOrder {
    /// Seals `order`. `None` only if it cannot be written as JSON, which no `Order` does.
    pub fn seal(key: &OrderKey, order: &Order) -> Option<Self> {
        let bytes = serde_json::to_vec(order).ok()?;
        let tag = key.seal(&bytes);
        Some(Self { order: BASE64.encode(bytes), tag: BASE64.encode(tag) })
    }

    /// The order, if the seal is this probe's.
    pub fn open(&self, key: &OrderKey) -> Result<Order, OpenFault> {
        let bytes = BASE64.decode(&self.order).map_err(|_| OpenFault)?;
        let tag = BASE64.decode(&self.tag).map_err(|_| OpenFault)?;
        key.open(&bytes, &tag)?;
        serde_json::from_slice(&bytes).map_err(|_| OpenFault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProbeKey;

    fn order(probe: ProbeId) -> Order {
        Order {
            command: CommandId::born(1, 1),
            probe,
            issued_at_ms: 1,
            expires_at_ms: 2,
            level: Level::Observe,
            spec: CommandSpec::argv(["uptime"]),
            look: Vec::new(),
            max_output: 10,
        }
    }

    #[test]
    fn an_order_opens_only_for_its_probe_and_unchanged() {
        let (probe, other) = (ProbeId::born(1, 1), ProbeId::born(1, 2));
        let key = ProbeKey::new([1; 32]);
        let sealed = SealedOrder::seal(&OrderKey::of(&key, probe), &order(probe)).unwrap();
        assert_eq!(sealed.open(&OrderKey::of(&key, probe)), Ok(order(probe)));
        assert_eq!(sealed.open(&OrderKey::of(&key, other)), Err(OpenFault));
        let mut bytes = BASE64.decode(&sealed.order).unwrap();
        bytes[10] ^= 1;
        let altered = SealedOrder { order: BASE64.encode(bytes), ..sealed };
        assert_eq!(altered.open(&OrderKey::of(&key, probe)), Err(OpenFault));
    }

    #[test]
    fn the_digest_tells_alike_commands_apart() {
        let probe = ProbeId::born(1, 1);
        let digest = |spec: CommandSpec| spec.digest(probe);
        let base = CommandSpec::argv(["rm", "a b"]);
        assert_ne!(digest(base.clone()), digest(CommandSpec::argv(["rm", "a", "b"])));
        assert_ne!(digest(base.clone()), digest(CommandSpec::shell("rm a b")));
        assert_ne!(digest(base.clone()), digest(CommandSpec { timeout_ms: 1_000, ..base.clone() }));
        assert_ne!(digest(base.clone()), digest(CommandSpec { cwd: Some("/".into()), ..base.clone() }));
        assert_ne!(base.digest(probe), base.digest(ProbeId::born(1, 2)));
    }

    #[test]
    fn names_what_is_wrong_with_a_command() {
        let fault = |spec: CommandSpec| spec.check().unwrap_err();
        assert_eq!(fault(CommandSpec::argv::<&str>([])), SpecFault::NoProgram);
        assert_eq!(fault(CommandSpec::argv([""])), SpecFault::NoProgram);
        assert_eq!(fault(CommandSpec::shell("  ")), SpecFault::EmptyLine);
        assert_eq!(fault(CommandSpec::argv(["a\0"])), SpecFault::Nul("argv"));
        assert_eq!(fault(CommandSpec::argv(vec!["a"; 1025])), SpecFault::TooManyArgs(1025));
        assert!(matches!(fault(CommandSpec::shell("x".repeat(70_000))), SpecFault::TooLong(_)));
        let spec = CommandSpec::argv(["ls"]);
        assert_eq!(
            fault(CommandSpec { cwd: Some("tmp".into()), ..spec.clone() }),
            SpecFault::RelativeCwd("tmp".into())
        );
        assert_eq!(fault(CommandSpec { timeout_ms: 0, ..spec.clone() }), SpecFault::Timeout { got: 0 });
        let env = BTreeMap::from([("1A".to_owned(), String::new())]);
        assert_eq!(fault(CommandSpec { env, ..spec }), SpecFault::BadVariable("1A".into()));
    }

    #[test]
    fn quotes_for_showing() {
        assert_eq!(CommandSpec::argv(["echo", "it's", "a b", ""]).line(), r"echo 'it'\''s' 'a b' ''");
    }
}
