//! A program or subcommand as the classifier uses it: checked, with its options indexed.

use std::collections::HashMap;
use std::sync::Arc;

use legator_protocol::{Level, LookKind};
use serde::Deserialize;

use crate::code::Language;

/// What a program or subcommand does.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The level without any option or operand that says otherwise.
    pub level: Level,
    /// The level when it is given no operand, where that differs.
    pub bare: Option<Level>,
    pub effects: Vec<String>,
    pub why: Option<String>,
    pub unlisted: Unlisted,
    pub style: Style,
    /// Options end at the first operand.
    pub stop: bool,
    /// The first operand may be options without a dash, as in `tar xzf`.
    pub bundled: bool,
    /// Leading `NAME=VALUE` operands set the environment of the inner command.
    pub assigns: bool,
    /// The inner command is given further, unknown words (`xargs`).
    pub appends: bool,
    /// Subcommands are the same in any case.
    pub ignore_case: bool,
    pub opts: HashMap<String, Opt>,
    pub subs: HashMap<String, Arc<Node>>,
    /// The kinds of the operands that come before the subcommand.
    pub before: Vec<Kind>,
    pub operands: Vec<Kind>,
    /// Whether the last kind of `operands` holds for all further ones.
    pub repeats: bool,
    /// The kind of the last operand, where it differs (`cp`).
    pub last: Option<Kind>,
    /// Any operand makes it at least this.
    pub operand_level: Option<Level>,
    /// What it reads from its standard input when it is given no operand.
    pub stdin: Option<Language>,
    /// Some option, operand or the unknown can raise the level, so a word that might be an option matters.
    pub risky: bool,
}

/// What one option means.
#[derive(Clone, Debug, Default)]
pub(crate) struct Opt {
    pub value: Arity,
    pub kind: Option<Kind>,
    pub level: Option<Level>,
    /// Replaces the program's own level.
    pub instead: Option<Level>,
    pub effects: Vec<String>,
    /// The meaning holds only for these values; any other is harmless.
    pub values: Vec<String>,
    /// The meaning holds for all but these values.
    pub unless: Vec<String>,
    /// The value stands for what is filled in (`xargs -I`).
    pub placeholder: bool,
    pub why: Option<String>,
}

impl Opt {
    pub fn harmless(value: Arity) -> Self {
        Self { value, ..Self::default() }
    }

    pub fn raises(&self) -> bool {
        self.level.is_some() || self.instead.is_some() || self.kind.is_some_and(Kind::raises)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Arity {
    #[default]
    None,
    One,
    /// Two words follow.
    Two,
    /// A value only if it is glued on.
    Optional,
    /// All words up to `;` or `+`.
    Until,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unlisted {
    /// An option that is not listed makes the command unknown.
    #[default]
    Closed,
    /// An option that is not listed is harmless.
    Any,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Style {
    /// `-abc`, `-ovalue`, `--long`, `--long=value`.
    #[default]
    Gnu,
    /// `-long`, `--long`, `-long=value`.
    Single,
    /// No options: every word is an operand.
    None,
}

/// What an operand or an option's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// A name worth telling: a host, a container, a database, …
    Name,
    Path,
    Unit,
    Package,
    User,
    /// A word in which only letters, digits and a few harmless signs are understood.
    Plain,
    /// An archive, which may be a device or on another machine.
    Archive,
    /// A kernel setting; with `=` it is set.
    Sysctl,
    /// An address that is fetched.
    Url,
    /// A format that begins with `+`; anything else is set, as by `date`.
    Format,
    /// A path; with a `+` before it, a command to the pager.
    Paged,
    /// A shell variable that is set.
    Variable,
    /// A path that is written.
    Write,
    /// A block device or pool that loses what it holds.
    Wipe,
    /// A Kubernetes kind or object.
    Resource,
    /// The inner command starts here.
    Argv,
    /// As `Argv`, or `-c` and a shell line.
    ArgvOrLine,
    /// All further words, joined with blanks, are a shell line.
    Lines,
    /// A shell line.
    Line,
    /// A file of code that runs.
    Script,
    Code(Language),
}

impl Kind {
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "text" => Kind::Text,
            "path" => Kind::Path,
            "unit" => Kind::Unit,
            "package" => Kind::Package,
            "user" => Kind::User,
            "plain" => Kind::Plain,
            "archive" => Kind::Archive,
            "url" => Kind::Url,
            "sysctl" => Kind::Sysctl,
            "format" => Kind::Format,
            "paged" => Kind::Paged,
            "variable" => Kind::Variable,
            "write" => Kind::Write,
            "wipe" => Kind::Wipe,
            "resource" => Kind::Resource,
            "argv" => Kind::Argv,
            "argv-or-line" => Kind::ArgvOrLine,
            "lines" => Kind::Lines,
            "line" => Kind::Line,
            "script" => Kind::Script,
            "group" | "host" | "container" | "image" | "process" | "interface" | "database" | "device" | "module"
            | "volume" | "key" | "mount" | "zone" | "queue" | "name" => Kind::Name,
            _ => Kind::Code(Language::parse(name)?),
        })
    }

    pub const fn look(self) -> Option<LookKind> {
        match self {
            Kind::Unit => Some(LookKind::Unit),
            Kind::Path | Kind::Write => Some(LookKind::File),
            Kind::Package => Some(LookKind::Package),
            Kind::User => Some(LookKind::User),
            _ => None,
        }
    }

    /// Whether the rest of the words belongs to it.
    pub const fn takes_the_rest(self) -> bool {
        matches!(self, Kind::Argv | Kind::ArgvOrLine | Kind::Lines)
    }

    /// Whether a word of this kind can raise the level.
    pub const fn raises(self) -> bool {
        !matches!(self, Kind::Text | Kind::Name | Kind::Path | Kind::Unit | Kind::Package | Kind::User | Kind::Resource)
    }
}

impl Node {
    /// The kind of the operand at `index`.
    pub fn operand(&self, index: usize) -> Option<Kind> {
        match self.operands.get(index) {
            Some(kind) => Some(*kind),
            None if self.repeats => self.operands.last().copied(),
            None => None,
        }
    }

    pub fn sub(&self, name: &str) -> Option<&Arc<Node>> {
        if self.ignore_case { self.subs.get(&name.to_ascii_lowercase()) } else { self.subs.get(name) }
    }
}
