//! What one command contributes, worked out from its words and its entry in the table.
//! Never: lowers a level. An option that is not understood, or a word that might be one, makes the command unknown.

mod options;
mod values;

use std::sync::Arc;

use legator_protocol::{Level, LookKind};

use crate::arg::Arg;
use crate::code::{self, Language};
use crate::table::node::{Kind, Node, Style};

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
    /// It was given what it runs, so it does not read that from its input.
    given_code: bool,
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
            given_code: false,
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
            // Here each letter that takes a value takes the next word: `tar tfI a.tar id`.
            for c in first.text.chars() {
                let name = format!("-{c}");
                match self.find(&name) {
                    Some(opt) => self.option(&name, opt, None, args, &mut at),
                    None => self.doubt(format!("the table does not know the option `{c}`")),
                }
            }
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
                    // What an option said about the program itself says nothing about this.
                    (self.node, self.n_operands, ended, self.instead) = (sub, 0, false, None);
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

    fn risky(&self) -> bool {
        self.node.risky || self.above.iter().any(|node| node.risky)
    }

    fn wraps(&self) -> bool {
        self.node.operands.iter().any(|kind| kind.takes_the_rest())
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
            && self.instead.is_none()
            && !self.given_code
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

const fn plain_reason(level: Level) -> &'static str {
    match level {
        Level::Observe => "reads what is there",
        Level::Diagnose => "probes, traces or reads at a cost",
        Level::Remediate => "changes something that can be changed back",
        Level::Destroy => "what it removes does not come back",
    }
}
