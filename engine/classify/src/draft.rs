//! What one command contributes, worked out from its words and its entry in the table.
//! Never: lowers a level. An option that is not understood, or a word that might be one, makes the command unknown.

use std::sync::Arc;

use legator_protocol::{Level, LookKind};

use crate::arg::Arg;
use crate::code::{self, Language};
use crate::environment::redirects_execution;
use crate::place::{Place, holds_secrets, place};
use crate::table::node::{Arity, Kind, Node, Opt, Style, Unlisted};

/// A command inside a command.
#[derive(Debug)]
pub(crate) enum Inner<'a> {
    Argv(Vec<Arg<'a>>),
    Line(String),
    /// Code that is not known before it runs.
    Unread(&'static str),
}

/// The contribution of one command while its words are read.
#[derive(Debug)]
pub(crate) struct Draft<'n, 'a> {
    node: &'n Node,
    /// The nodes above, nearest last: their options hold for their subcommands too.
    above: Vec<&'n Node>,
    raised: Level,
    raised_by: Option<String>,
    instead: Option<Level>,
    first: Option<Kind>,
    placeholder: Option<String>,
    /// An option that the table does not list, though it allows them.
    unlisted: Option<String>,
    n_operands: usize,
    last_operand: Option<Arg<'a>>,
    pub unknown: bool,
    /// It changes the directory of what follows.
    pub moves: bool,
    pub effects: Vec<String>,
    pub targets: Vec<String>,
    pub looks: Vec<(LookKind, String)>,
    pub inner: Vec<Inner<'a>>,
}

impl<'n, 'a> Draft<'n, 'a> {
    /// Reads the words after the program's name.
    pub fn read(node: &'n Arc<Node>, args: &[Arg<'a>], input: Option<&str>) -> Self {
        let mut draft = Draft {
            node,
            above: Vec::new(),
            raised: Level::Observe,
            raised_by: None,
            instead: None,
            first: None,
            placeholder: None,
            unlisted: None,
            n_operands: 0,
            last_operand: None,
            unknown: false,
            moves: false,
            effects: Vec::new(),
            targets: Vec::new(),
            looks: Vec::new(),
            inner: Vec::new(),
        };
        draft.words(args);
        draft.close(input);
        draft
    }

    /// The level, and why.
    pub fn verdict(&self) -> (Level, String) {
        let bare = if self.n_operands == 0 { self.node.bare } else { None };
        let own = self.instead.or(bare).unwrap_or(self.node.level);
        match &self.raised_by {
            Some(why) if self.raised > own || self.unknown && self.raised == own => (self.raised, why.clone()),
            _ => (own.max(self.raised), self.node.why.clone().unwrap_or_else(|| plain_reason(own).to_owned())),
        }
    }

    fn words(&mut self, args: &[Arg<'a>]) {
        let mut at = 0;
        let mut ended = false;
        if self.node.bundled
            && let Some(first) = args.first()
            && first.exact
            && !first.text.starts_with('-')
            && !first.text.is_empty()
        {
            at = 1;
            self.cluster(&Arg::exact(format!("-{}", first.text)), args, &mut at);
        }
        while let Some(arg) = args.get(at) {
            at += 1;
            let style = self.node.style;
            if !ended && style != Style::None {
                if arg.exact && arg.text == "--" {
                    ended = true;
                    continue;
                }
                if arg.may_be_an_option() && !self.names_an_option(arg) {
                    if self.risky() {
                        self.doubt(format!("`{}` could turn into an option", arg.shown()));
                    }
                } else if arg.text.len() > 1 && arg.text.starts_with('-') || self.node.opts.contains_key(&*arg.text) {
                    match style {
                        Style::Gnu if arg.text.starts_with("--") => self.long(arg, args, &mut at),
                        Style::Gnu if arg.text.starts_with('-') => self.cluster(arg, args, &mut at),
                        _ => self.long(arg, args, &mut at),
                    }
                    continue;
                }
            }
            if style == Style::None && !arg.exact && !self.node.opts.is_empty() && (arg.many || !arg.text.contains('='))
            {
                self.doubt(format!("`{}` could turn into an option", arg.shown()));
            }
            if self.assignment(arg, args, &mut at) {
                continue;
            }
            let place = self.n_operands;
            if !self.node.subs.is_empty() && place == self.node.before.len() && self.first.is_none() {
                let sub = if arg.exact { self.node.sub(&arg.text) } else { None };
                if let Some(sub) = sub {
                    self.above.push(self.node);
                    (self.node, self.n_operands, ended) = (sub, 0, false);
                    continue;
                }
                if self.node.operands.is_empty() {
                    self.doubt(format!("the table does not know the subcommand `{}`", arg.shown()));
                }
            }
            let kind = self.kind_at(place);
            self.n_operands += 1;
            if let Some(level) = self.node.operand_level {
                self.raise(level, || plain_reason(level).to_owned());
            }
            if kind.takes_the_rest() {
                return self.rest(kind, args.get(at - 1..).unwrap_or_default());
            }
            if arg.many && self.wraps() {
                self.doubt(format!("`{}` could be several words, and so could the command after it", arg.shown()));
            }
            self.value(kind, arg);
            self.last_operand = Some(arg.clone());
            ended |= self.node.stop;
        }
    }

    fn kind_at(&self, place: usize) -> Kind {
        if place == 0
            && let Some(kind) = self.first
        {
            return kind;
        }
        if !self.node.subs.is_empty() && place < self.node.before.len() {
            return self.node.before.get(place).copied().unwrap_or(Kind::Text);
        }
        match self.node.operand(place) {
            // `taskset -p MASK PID` runs nothing.
            Some(kind) if self.first.is_some() && kind.takes_the_rest() => Kind::Text,
            kind => kind.unwrap_or(Kind::Text),
        }
    }

    /// Whether what is known of an inexact word settles which option it is.
    fn names_an_option(&self, arg: &Arg<'_>) -> bool {
        if !arg.text.starts_with('-') || arg.many && !arg.pinned {
            return false;
        }
        match self.node.style {
            Style::Gnu if !arg.text.starts_with("--") => {
                let short: String = arg.text.chars().take(2).collect();
                self.find(&short).is_some_and(|opt| opt.value == Arity::One)
            }
            _ => arg.text.contains('='),
        }
    }

    fn risky(&self) -> bool {
        self.node.risky || self.above.iter().any(|node| node.risky)
    }

    fn wraps(&self) -> bool {
        self.node.operands.iter().any(|kind| kind.takes_the_rest())
    }

    /// `NAME=value` before the inner command, or `name=value` that the table lists as an option.
    fn assignment(&mut self, arg: &Arg<'a>, args: &[Arg<'a>], at: &mut usize) -> bool {
        let Some((name, _)) = arg.text.split_once('=') else { return false };
        if self.node.assigns && self.n_operands == 0 && !name.is_empty() {
            if redirects_execution(name) {
                self.effect("environment");
                self.raise(Level::Remediate, || format!("`{name}` redirects execution"));
            }
            return true;
        }
        let key = arg.text.get(..=name.len()).unwrap_or_default();
        let Some(opt) = self.find(key) else { return false };
        let value = arg.after(name.len() + 1);
        self.option(key, opt, Some(&value), args, at);
        // It is an operand all the same: `dd if=x` is not a bare `dd`.
        self.n_operands += 1;
        true
    }

    fn find(&self, name: &str) -> Option<&'n Opt> {
        let nodes = std::iter::once(self.node).chain(self.above.iter().rev().copied());
        for node in nodes {
            if let Some(opt) = node.opts.get(name) {
                return Some(opt);
            }
            if node.style == Style::Single {
                let other =
                    if let Some(rest) = name.strip_prefix("--") { format!("-{rest}") } else { format!("-{name}") };
                if let Some(opt) = node.opts.get(&other) {
                    return Some(opt);
                }
            }
        }
        None
    }

    fn long(&mut self, arg: &Arg<'a>, args: &[Arg<'a>], at: &mut usize) {
        let (name, value) = match arg.text.find('=') {
            Some(end) => (arg.text.get(..end).unwrap_or_default(), Some(arg.after(end + 1))),
            None => (&*arg.text, None),
        };
        if let Some(opt) = self.find(name) {
            return self.option(name, opt, value.as_ref(), args, at);
        }
        if name == "--help" || name == "--version" || is_number(name) {
            return;
        }
        // Most programs take any beginning of a long option for the option.
        let nodes: Vec<&'n Node> = std::iter::once(self.node).chain(self.above.iter().copied()).collect();
        let meant = |full: &str| name.len() > 2 && full.len() > name.len() && full.starts_with(name);
        let mut known = false;
        for (full, opt) in nodes.iter().flat_map(|node| &node.opts) {
            if name.starts_with("--") && meant(full) && opt.raises() {
                known = true;
                let mut scratch = *at;
                self.option(full, opt, value.as_ref(), args, &mut scratch);
            }
        }
        if known || self.node.unlisted == Unlisted::Closed {
            self.doubt(format!("the table does not know the option `{name}`"));
        } else {
            self.unlisted = Some(name.to_owned());
        }
    }

    /// `-abc`, `-ovalue`, `-o value`.
    fn cluster(&mut self, arg: &Arg<'a>, args: &[Arg<'a>], at: &mut usize) {
        if is_number(&arg.text) && arg.exact {
            let listed = self.find(arg.text.get(..2).unwrap_or_default());
            if !listed.is_some_and(Opt::raises) {
                return;
            }
        }
        // A few programs have long options with one dash.
        if let Some(opt) = self.find(&arg.text)
            && arg.text.len() > 2
        {
            return self.option(&arg.text, opt, None, args, at);
        }
        for (index, c) in arg.text.char_indices().skip(1) {
            let name = format!("-{c}");
            let after = index + c.len_utf8();
            let glued = after < arg.text.len() || !arg.exact;
            match self.find(&name) {
                Some(opt) if opt.value == Arity::None => self.option(&name, opt, None, args, at),
                Some(opt) => {
                    let value = glued.then(|| arg.after(after));
                    return self.option(&name, opt, value.as_ref(), args, at);
                }
                // `-U3`: a number belongs to the letter before it.
                None if c.is_ascii_digit() && index > 1 => {}
                None if self.node.unlisted == Unlisted::Closed => {
                    self.doubt(format!("the table does not know the option `{name}`"));
                }
                None => self.unlisted = Some(name),
            }
        }
    }

    /// An option that the table knows, with its value: glued on, or in the words from `at`.
    fn option(&mut self, name: &str, opt: &'n Opt, glued: Option<&Arg<'a>>, args: &[Arg<'a>], at: &mut usize) {
        let mut value = glued.cloned();
        match opt.value {
            Arity::One if value.is_none() => {
                value = args.get(*at).cloned();
                *at += 1;
            }
            Arity::Two => {
                value = args.get(*at + 1).cloned();
                *at += 2;
            }
            Arity::Until => {
                let rest = args.get(*at..).unwrap_or_default();
                let ends = |arg: &Arg<'_>| arg.exact && (arg.text == ";" || arg.text == "+");
                let n = rest.iter().position(ends).unwrap_or(rest.len());
                *at += n + 1;
                self.rest(Kind::Argv, rest.get(..n).unwrap_or_default());
            }
            _ => {}
        }
        if let Some(value) = &value
            && value.many
            && !value.pinned
            && self.risky()
        {
            self.doubt(format!("`{}` could turn into several words", value.shown()));
        }
        let exact = value.as_ref().filter(|value| value.exact);
        let is_any = |list: &[String]| exact.is_some_and(|value| list.iter().any(|one| matches(one, &value.text)));
        let settled = value.is_none() || exact.is_some();
        if !opt.values.is_empty() && settled && !is_any(&opt.values) || is_any(&opt.unless) {
            return;
        }
        if let Some(level) = opt.level {
            self.raise(level, || reason(name, opt, level));
        }
        if let Some(level) = opt.instead
            && (opt.values.is_empty() || settled)
        {
            self.instead = Some(self.instead.map_or(level, |other| other.max(level)));
        }
        for effect in &opt.effects {
            self.effect(effect);
        }
        if opt.placeholder {
            self.placeholder =
                value.as_ref().map(|value| value.text.clone().into_owned()).filter(|text| !text.is_empty());
        }
        let Some(kind) = opt.kind else { return };
        // With `-e` or `-f` the first operand is no longer the program.
        if matches!(kind, Kind::Code(_) | Kind::Script) && matches!(self.node.operand(0), Some(Kind::Code(_))) {
            self.first = Some(Kind::Path);
        }
        match opt.value {
            Arity::Until => {}
            // It says what the first operand is: `sh -c`, `flock … -c`.
            Arity::None => self.first = Some(kind),
            _ if kind.takes_the_rest() => {
                let rest: Vec<Arg<'a>> =
                    value.into_iter().chain(args.get(*at..).unwrap_or_default().iter().cloned()).collect();
                *at = args.len();
                self.rest(kind, &rest);
            }
            _ => {
                if let Some(value) = value {
                    self.value(kind, &value);
                }
            }
        }
    }

    /// An operand, or the value of an option.
    fn value(&mut self, kind: Kind, arg: &Arg<'a>) {
        match kind {
            Kind::Text => {}
            Kind::Name => self.target(arg),
            Kind::Unit | Kind::Package | Kind::User => {
                self.target(arg);
                self.look(kind, arg);
            }
            Kind::Resource => {
                self.target(arg);
                if arg.text.split(',').any(|one| one.starts_with("secret")) {
                    self.effect("secret");
                    self.raise(Level::Diagnose, || "reads secrets".to_owned());
                }
            }
            Kind::Path => {
                self.target(arg);
                self.look(kind, arg);
                if holds_secrets(&arg.text) {
                    self.effect("secret");
                    self.raise(Level::Diagnose, || "reads secrets".to_owned());
                }
            }
            Kind::Plain => {
                self.target(arg);
                if !arg.exact || !arg.text.chars().all(|c| c.is_alphanumeric() || "_-./:,@{}%+=".contains(c)) {
                    self.doubt(format!("`{}` is not a plain word", arg.shown()));
                }
            }
            Kind::Archive => {
                self.target(arg);
                self.look(Kind::Path, arg);
                if place(&arg.text) == Place::Device {
                    self.effect("disk");
                    self.raise(Level::Destroy, || "may write over a device".to_owned());
                } else if !arg.exact || arg.text.contains(':') {
                    self.raise(Level::Remediate, || "may be on another machine".to_owned());
                }
            }
            Kind::Sysctl => {
                self.target(arg);
                if !arg.exact || arg.text.contains('=') {
                    self.raise(Level::Remediate, || "sets a kernel setting".to_owned());
                }
            }
            Kind::Url => {
                self.target(arg);
                if holds_secrets(&arg.text) {
                    self.effect("secret");
                }
                if !fetches_only(arg) {
                    self.raise(Level::Remediate, || format!("`{}` may speak another protocol than HTTP", arg.shown()));
                }
            }
            Kind::Variable => {
                let plain = arg.text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
                if !arg.exact || !plain || redirects_execution(&arg.text) {
                    self.raise(Level::Remediate, || {
                        "sets a variable that is evaluated or redirects execution".to_owned()
                    });
                }
            }
            Kind::Write => self.write(arg),
            Kind::Wipe => {
                self.target(arg);
                self.effect("disk");
                self.raise(Level::Destroy, || "what it held is lost".to_owned());
            }
            Kind::Script => {
                self.target(arg);
                self.look(Kind::Path, arg);
                self.code("runs a file of code");
            }
            Kind::Line if arg.exact => {
                self.inner.push(match &self.placeholder {
                    Some(mark) if arg.text.contains(mark.as_str()) => {
                        Inner::Unread("code that is filled in as it runs")
                    }
                    _ => Inner::Line(arg.text.clone().into_owned()),
                });
            }
            Kind::Line => self.inner.push(Inner::Unread("code that is not known before it runs")),
            Kind::Code(language) if arg.exact => self.inspect(language, &arg.text),
            Kind::Code(_) => self.code("runs code that is not known before it runs"),
            Kind::Argv | Kind::ArgvOrLine | Kind::Lines => {}
        }
    }

    fn write(&mut self, arg: &Arg<'a>) {
        match place(&arg.text) {
            Place::Sink if arg.exact => {}
            Place::Device => {
                self.target(arg);
                self.effect("disk");
                self.raise(Level::Destroy, || "writes over a device".to_owned());
            }
            _ if arg.exact && arg.text == "-" => {}
            _ => {
                self.target(arg);
                self.look(Kind::Write, arg);
                self.effect("file");
                let path = arg.shown().to_owned();
                self.raise(Level::Remediate, || format!("writes `{path}`"));
            }
        }
    }

    /// The inner command, from its first word.
    fn rest(&mut self, kind: Kind, args: &[Arg<'a>]) {
        let filled = |arg: &Arg<'a>| match self.placeholder.as_deref().unwrap_or("{}") {
            mark if arg.exact && arg.text.contains(mark) => {
                let prefix = arg.text.split(mark).next().unwrap_or_default();
                // `find` gives paths under its starting points, which never begin like an option.
                let prefix = if prefix.is_empty() && !self.node.appends { "./" } else { prefix };
                Arg::open(prefix.to_owned(), arg.text.clone().into_owned())
            }
            _ => arg.clone(),
        };
        // `kubectl exec pod -- ls`
        let args = match args.split_first() {
            Some((first, rest)) if first.exact && first.text == "--" => rest,
            _ => args,
        };
        let fills = self.node.appends || self.node.style == Style::Single;
        let mut args: Vec<Arg<'a>> = if fills { args.iter().map(filled).collect() } else { args.to_vec() };
        match kind {
            Kind::Lines => {
                let exact = args.iter().all(|arg| arg.exact);
                let line = args.iter().map(|arg| &*arg.text).collect::<Vec<_>>().join(" ");
                self.inner.push(if exact {
                    Inner::Line(line)
                } else {
                    Inner::Unread("code that is not known before it runs")
                });
            }
            Kind::ArgvOrLine
                if args.first().is_some_and(|arg| arg.exact && (arg.text == "-c" || arg.text == "--command")) =>
            {
                if let Some(line) = args.get(1) {
                    self.value(Kind::Line, &line.clone());
                }
            }
            _ => {
                if self.node.appends {
                    args.push(Arg::anything("…"));
                }
                self.inner.push(Inner::Argv(args));
            }
        }
    }

    fn close(&mut self, input: Option<&str>) {
        // What one option makes harmless, another that is not listed may undo: `hdparm -I -W0`.
        if self.instead.is_some_and(|level| level < self.node.level)
            && let Some(name) = self.unlisted.take()
        {
            self.doubt(format!("the table does not know the option `{name}`"));
        }
        if let Some(kind) = self.node.last
            && self.n_operands > 1
            && let Some(arg) = self.last_operand.take()
        {
            self.value(kind, &arg);
        }
        if let Some(language) = self.node.stdin
            && self.n_operands <= self.node.operands.iter().position(|kind| kind.takes_the_rest()).unwrap_or(0)
            && self.instead.is_none()
            && self.inner.is_empty()
        {
            match (language, input) {
                (Language::Shell, Some(code)) => self.inner.push(Inner::Line(code.to_owned())),
                (language, Some(code)) => {
                    let found = code::inspect(language, code);
                    self.instead = found.read.then_some(found.level);
                    self.inspect(language, code);
                }
                (_, None) => self.code("runs code that it reads"),
            }
        }
        let node = self.node;
        // What replaces the program's own level replaces what it touches too.
        let replaced = self.instead.is_some() || self.n_operands == 0 && node.bare.is_some();
        if !replaced {
            for effect in &node.effects {
                self.effect(effect);
            }
        }
        self.moves = self.effects.iter().any(|effect| effect == "directory");
        self.effects.retain(|effect| effect != "directory");
    }

    fn inspect(&mut self, language: Language, text: &str) {
        let found = code::inspect(language, text);
        for effect in found.effects {
            self.effect(effect);
        }
        self.unknown |= !found.read;
        self.raise(found.level, || found.why.to_owned());
    }

    /// Code runs that is not read here.
    fn code(&mut self, why: &'static str) {
        self.effect("code");
        self.raise(Level::Remediate, || why.to_owned());
    }

    fn doubt(&mut self, why: String) {
        self.unknown = true;
        self.raise(Level::Remediate, || why);
    }

    fn raise(&mut self, level: Level, why: impl FnOnce() -> String) {
        if level > self.raised {
            self.raised = level;
            self.raised_by = Some(why());
        }
    }

    fn effect(&mut self, effect: &str) {
        // Code that nobody read could be any program.
        self.unknown |= effect == "code";
        if !self.effects.iter().any(|one| one == effect) {
            self.effects.push(effect.to_owned());
        }
    }

    fn target(&mut self, arg: &Arg<'_>) {
        if arg.exact && arg.text.contains(|c: char| c.is_alphanumeric()) {
            self.targets.push(arg.text.clone().into_owned());
        }
    }

    fn look(&mut self, kind: Kind, arg: &Arg<'_>) {
        if let Some(look) = kind.look()
            && arg.exact
        {
            self.looks.push((look, arg.text.clone().into_owned()));
        }
    }
}

/// Whether an address is fetched by a protocol that only asks. `gopher://` can say anything to anybody.
fn fetches_only(arg: &Arg<'_>) -> bool {
    let text = arg.text.to_ascii_lowercase();
    match text.split_once("://") {
        Some((scheme, _)) => matches!(scheme, "http" | "https" | "ftp" | "ftps" | "file"),
        // Without a scheme, the first letters of a host name can choose one.
        None => {
            let guessed = ["dict.", "ldap.", "imap.", "smtp.", "pop3.", "ftp."];
            arg.exact && !text.starts_with(['{', '[']) && !guessed.iter().any(|prefix| text.starts_with(prefix))
        }
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    if let Some(inside) = pattern.strip_prefix('*').and_then(|rest| rest.strip_suffix('*')) {
        return text.contains(inside);
    }
    match pattern.strip_suffix('*') {
        Some(prefix) => text.starts_with(prefix),
        None => pattern == text,
    }
}

fn is_number(option: &str) -> bool {
    option.len() > 1 && option.bytes().skip(1).all(|c| c.is_ascii_digit())
}

fn reason(name: &str, opt: &Opt, level: Level) -> String {
    match &opt.why {
        Some(why) => format!("`{name}` {why}"),
        None => format!("`{name}`: {}", plain_reason(level)),
    }
}

const fn plain_reason(level: Level) -> &'static str {
    match level {
        Level::Observe => "reads what is there",
        Level::Diagnose => "probes, traces or reads at a cost",
        Level::Remediate => "changes something that can be changed back",
        Level::Destroy => "what it removes does not come back",
    }
}
