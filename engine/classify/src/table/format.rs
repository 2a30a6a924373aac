//! The table files as written: one top-level TOML table for each program. `policies/commands/README.md` explains them.

use std::collections::BTreeMap;

use legator_protocol::Level;
use serde::Deserialize;
use toml::Spanned;

use super::node::{Arity, Style, Unlisted};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawProgram {
    #[serde(default)]
    pub aliases: Option<Spanned<String>>,
    pub level: Level,
    #[serde(default)]
    pub bare: Option<Level>,
    #[serde(default)]
    pub why: Option<String>,
    #[serde(default)]
    pub effects: Option<Spanned<String>>,
    #[serde(default)]
    pub options: Option<Unlisted>,
    #[serde(default)]
    pub style: Option<Style>,
    #[serde(default)]
    pub stop: Option<bool>,
    #[serde(default)]
    pub bundled: bool,
    #[serde(default)]
    pub assigns: bool,
    #[serde(default)]
    pub appends: bool,
    #[serde(default)]
    pub ignore_case: bool,
    /// Options without a value that change nothing.
    #[serde(default)]
    pub flags: Option<Spanned<String>>,
    /// Options with a value that change nothing.
    #[serde(default)]
    pub takes: Option<Spanned<String>>,
    #[serde(default)]
    pub option: BTreeMap<Spanned<String>, Spanned<RawOpt>>,
    /// Subcommands of that level, without more to say about them.
    #[serde(default)]
    pub observe: Option<Spanned<String>>,
    #[serde(default)]
    pub diagnose: Option<Spanned<String>>,
    #[serde(default)]
    pub remediate: Option<Spanned<String>>,
    #[serde(default)]
    pub destroy: Option<Spanned<String>>,
    #[serde(default)]
    pub sub: BTreeMap<Spanned<String>, Spanned<RawProgram>>,
    #[serde(default)]
    pub before: Option<Spanned<String>>,
    #[serde(default)]
    pub operands: Option<Spanned<String>>,
    #[serde(default)]
    pub last: Option<Spanned<String>>,
    #[serde(default)]
    pub operand_level: Option<Level>,
    #[serde(default)]
    pub stdin: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawOpt {
    #[serde(default)]
    pub value: Option<Arity>,
    #[serde(default)]
    pub kind: Option<Spanned<String>>,
    #[serde(default)]
    pub level: Option<Level>,
    #[serde(default)]
    pub instead: Option<Level>,
    #[serde(default)]
    pub effects: Option<Spanned<String>>,
    #[serde(default)]
    pub values: Option<String>,
    #[serde(default)]
    pub unless: Option<String>,
    #[serde(default)]
    pub placeholder: bool,
    #[serde(default)]
    pub why: Option<String>,
}
