//! Reads table files into nodes, and says everything that is wrong with them.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use legator_protocol::Level;
use serde::Deserialize;
use toml::Spanned;
use toml::de::DeTable;

use super::format::{RawOpt, RawProgram};
use super::node::{Arity, Kind, Node, Opt, Style, Unlisted};
use super::{Table, TableFault};
use crate::code::Language;

const MAX_FILE: usize = 1024 * 1024;
const MAX_PROGRAMS: usize = 8192;
const MAX_NAME: usize = 64;
const MAX_DEPTH: usize = 5;
const MAX_FAULTS: usize = 100;

/// The files of one table, while they are read.
pub(super) struct Loader<'a> {
    programs: HashMap<String, Arc<Node>>,
    /// Where each name was first said, for telling about the second time.
    places: BTreeMap<String, String>,
    faults: Vec<TableFault>,
    file: &'a str,
    text: &'a str,
}

impl<'a> Loader<'a> {
    pub fn new() -> Self {
        Self { programs: HashMap::new(), places: BTreeMap::new(), faults: Vec::new(), file: "", text: "" }
    }

    pub fn finish(self, digest: String) -> Result<Table, Vec<TableFault>> {
        if self.faults.is_empty() {
            Ok(Table { programs: self.programs, digest, ..Table::default() })
        } else {
            Err(self.faults)
        }
    }

    pub fn file(&mut self, file: &'a str, text: &'a str) {
        (self.file, self.text) = (file, text);
        if text.len() > MAX_FILE {
            return self.fault(0..0, format!("the file is {} bytes long; at most {MAX_FILE} are taken", text.len()));
        }
        let (table, errors) = DeTable::parse_recoverable(text);
        let broken = !errors.is_empty();
        for error in errors {
            self.fault(error.span().unwrap_or(0..0), error.message().to_owned());
        }
        if broken {
            return;
        }
        for (name, value) in table.into_inner() {
            let at = name.span();
            match RawProgram::deserialize(toml::de::ValueDeserializer::from(value)) {
                Ok(raw) => self.program(name.get_ref(), at, raw),
                Err(error) => {
                    self.fault(error.span().unwrap_or(at), format!("`{}`: {}", name.get_ref(), error.message()))
                }
            }
        }
    }

    fn program(&mut self, name: &str, at: Range<usize>, raw: RawProgram) {
        let aliases = raw.aliases.as_ref().map(|aliases| (aliases.span(), words(aliases.get_ref())));
        let node = Arc::new(self.node(raw, &Inherited::default(), 0, &at));
        self.name(name, at, &node);
        for (at, alias) in aliases.into_iter().flat_map(|(at, all)| all.into_iter().map(move |one| (at.clone(), one))) {
            self.name(&alias, at, &node);
        }
    }

    fn name(&mut self, name: &str, at: Range<usize>, node: &Arc<Node>) {
        if !names_a_program(name) {
            return self
                .fault(at, format!("`{name}` names no program; letters, digits and `+-._[:@`, at most {MAX_NAME}"));
        }
        if self.programs.len() >= MAX_PROGRAMS {
            return self.fault(at, format!("there are more than {MAX_PROGRAMS} programs"));
        }
        let (line, _) = place(self.text, at.start);
        let here = format!("{}:{line}", self.file);
        if let Some(first) = self.places.get(name) {
            let message = format!("`{name}` is described twice; first in {first}");
            return self.fault(at, message);
        }
        self.places.insert(name.to_owned(), here);
        self.programs.insert(name.to_owned(), node.clone());
    }

    fn node(&mut self, raw: RawProgram, parent: &Inherited, depth: usize, at: &Range<usize>) -> Node {
        if depth > MAX_DEPTH {
            self.fault(at.clone(), format!("subcommands are nested more than {MAX_DEPTH} deep"));
        }
        let mut effects = self.effects(raw.effects.as_ref());
        if effects.is_empty() && raw.level >= Level::Remediate {
            effects.clone_from(&parent.effects);
        }
        let unlisted = raw.options.unwrap_or(parent.unlisted);
        let style = raw.style.unwrap_or(parent.style);
        let mut opts = HashMap::new();
        self.plain(&mut opts, raw.flags.as_ref(), Arity::None);
        self.plain(&mut opts, raw.takes.as_ref(), Arity::One);
        for (names, opt) in raw.option {
            let at = names.span();
            let opt = self.opt(opt);
            for name in words(names.get_ref()) {
                self.option(&mut opts, name, at.clone(), opt.clone());
            }
        }
        let (mut operands, mut repeats) = (Vec::new(), false);
        if let Some(spec) = &raw.operands {
            let kinds = words(spec.get_ref());
            for (index, kind) in kinds.iter().enumerate() {
                let name = kind.strip_suffix("...").unwrap_or(kind);
                if name.len() < kind.len() {
                    repeats = true;
                    if index + 1 < kinds.len() {
                        self.fault(spec.span(), format!("`{kind}` takes all further operands, so it has to come last"));
                    }
                }
                operands.extend(self.kind(name, spec.span()));
            }
        }
        let before = self.kinds(raw.before.as_ref());
        let last = self.kinds(raw.last.as_ref()).first().copied();
        let stdin = match &raw.stdin {
            None => None,
            Some(name) => {
                let language = Language::parse(name.get_ref());
                if language.is_none() {
                    let known = Language::NAMES.join("`, `");
                    self.fault(name.span(), format!("`{}` is not a language; one of `{known}`", name.get_ref()));
                }
                language
            }
        };
        let below = Inherited {
            effects: inherited(&effects, &parent.effects),
            unlisted,
            style,
            ignore_case: raw.ignore_case || parent.ignore_case,
        };
        let mut subs = HashMap::new();
        let shorts = [
            (Level::Observe, raw.observe),
            (Level::Diagnose, raw.diagnose),
            (Level::Remediate, raw.remediate),
            (Level::Destroy, raw.destroy),
        ];
        for (level, names) in shorts.into_iter().filter_map(|(level, names)| Some((level, names?))) {
            let node = Arc::new(Node::plain(level, &below));
            for name in words(names.get_ref()) {
                self.subcommand(&mut subs, name, names.span(), &node);
            }
        }
        for (names, sub) in raw.sub {
            let node = Arc::new(self.node(sub.into_inner(), &below, depth + 1, &names.span()));
            for name in words(names.get_ref()) {
                self.subcommand(&mut subs, name, names.span(), &node);
            }
        }
        let wraps = operands.iter().any(|kind| kind.takes_the_rest());
        let risky = unlisted == Unlisted::Closed
            || opts.values().any(Opt::raises)
            || operands.iter().any(|kind| kind.raises())
            || !subs.is_empty()
            || last.is_some_and(Kind::raises);
        Node {
            level: raw.level,
            bare: raw.bare,
            effects,
            why: raw.why,
            unlisted,
            style,
            stop: raw.stop.unwrap_or(wraps),
            bundled: raw.bundled,
            assigns: raw.assigns,
            appends: raw.appends,
            ignore_case: raw.ignore_case || parent.ignore_case,
            opts,
            subs,
            before,
            operands,
            repeats,
            last,
            operand_level: raw.operand_level,
            stdin,
            risky: risky && style != Style::None,
        }
    }

    fn opt(&mut self, raw: Spanned<RawOpt>) -> Opt {
        let raw = raw.into_inner();
        let kind = raw.kind.as_ref().and_then(|kind| self.kind(kind.get_ref(), kind.span()));
        let value = raw.value.unwrap_or(if kind.is_some() || raw.placeholder { Arity::One } else { Arity::None });
        Opt {
            value,
            kind,
            level: raw.level,
            instead: raw.instead,
            effects: self.effects(raw.effects.as_ref()),
            values: raw.values.as_deref().map(words).unwrap_or_default(),
            unless: raw.unless.as_deref().map(words).unwrap_or_default(),
            placeholder: raw.placeholder,
            why: raw.why,
        }
    }

    fn plain(&mut self, opts: &mut HashMap<String, Opt>, names: Option<&Spanned<String>>, value: Arity) {
        for name in names.iter().flat_map(|names| words(names.get_ref())) {
            let at = names.map_or(0..0, Spanned::span);
            self.option(opts, name, at, Opt::harmless(value));
        }
    }

    fn option(&mut self, opts: &mut HashMap<String, Opt>, name: String, at: Range<usize>, opt: Opt) {
        let dashed = name.starts_with('-') || name.starts_with('+');
        if !(dashed || name.ends_with('=') && name.len() > 1) {
            return self.fault(at, format!("`{name}` is not an option; it starts with `-` or ends with `=`"));
        }
        if opts.contains_key(&name) {
            return self.fault(at, format!("the option `{name}` is described twice"));
        }
        opts.insert(name, opt);
    }

    fn subcommand(&mut self, subs: &mut HashMap<String, Arc<Node>>, name: String, at: Range<usize>, node: &Arc<Node>) {
        if subs.contains_key(&name) {
            return self.fault(at, format!("the subcommand `{name}` is described twice"));
        }
        subs.insert(name, node.clone());
    }

    fn kinds(&mut self, spec: Option<&Spanned<String>>) -> Vec<Kind> {
        let Some(spec) = spec else { return Vec::new() };
        words(spec.get_ref()).iter().filter_map(|name| self.kind(name, spec.span())).collect()
    }

    fn kind(&mut self, name: &str, at: Range<usize>) -> Option<Kind> {
        let kind = Kind::parse(name);
        if kind.is_none() {
            self.fault(at, format!("`{name}` is not a kind of operand; see the list in `policies/commands/README.md`"));
        }
        kind
    }

    fn effects(&mut self, spec: Option<&Spanned<String>>) -> Vec<String> {
        let Some(spec) = spec else { return Vec::new() };
        let effects = words(spec.get_ref());
        if let Some(bad) = effects.iter().find(|name| !names_an_effect(name)) {
            self.fault(spec.span(), format!("`{bad}` names no effect; lower-case letters and `-`"));
        }
        effects
    }

    fn fault(&mut self, at: Range<usize>, message: String) {
        if self.faults.len() < MAX_FAULTS {
            let (line, column) = place(self.text, at.start);
            self.faults.push(TableFault { file: self.file.to_owned(), line, column, message });
        }
    }
}

/// What a subcommand takes over from its program.
#[derive(Default)]
struct Inherited {
    effects: Vec<String>,
    unlisted: Unlisted,
    style: Style,
    ignore_case: bool,
}

impl Node {
    fn plain(level: Level, inherited: &Inherited) -> Self {
        let effects = if level >= Level::Remediate { inherited.effects.clone() } else { Vec::new() };
        Node {
            level,
            bare: None,
            effects,
            why: None,
            unlisted: inherited.unlisted,
            style: inherited.style,
            stop: false,
            bundled: false,
            assigns: false,
            appends: false,
            ignore_case: false,
            opts: HashMap::new(),
            subs: HashMap::new(),
            before: Vec::new(),
            operands: vec![Kind::Name],
            repeats: true,
            last: None,
            operand_level: None,
            stdin: None,
            risky: inherited.unlisted == Unlisted::Closed,
        }
    }
}

fn inherited(own: &[String], parent: &[String]) -> Vec<String> {
    if own.is_empty() { parent.to_vec() } else { own.to_vec() }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn names_a_program(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "+-._[:@".contains(c))
}

fn names_an_effect(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

/// Line and column, from 1, of a byte.
fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    (line, column)
}
