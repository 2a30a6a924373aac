//! The options of a command, read as its program reads them: clusters, glued values, shortened names.

use legator_protocol::Level;

use super::{Draft, plain_reason};
use crate::arg::Arg;
use crate::environment::redirects_execution;
use crate::table::node::{Arity, Kind, Node, Opt, Style, Unlisted};

impl<'n, 'a> Draft<'n, 'a> {
    /// Whether what is known of an inexact word settles which option it is.
    pub(super) fn names_an_option(&self, arg: &Arg<'_>) -> bool {
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

    /// `NAME=value` before the inner command, or `name=value` that the table lists as an option.
    pub(super) fn assignment(&mut self, arg: &Arg<'a>, args: &[Arg<'a>], at: &mut usize) -> bool {
        let Some((name, _)) = arg.text.split_once('=') else { return false };
        let names_a_variable = !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
        if self.node.assigns && self.n_operands == 0 && names_a_variable {
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

    pub(super) fn find(&self, name: &str) -> Option<&'n Opt> {
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

    pub(super) fn long(&mut self, arg: &Arg<'a>, args: &[Arg<'a>], at: &mut usize) {
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
    pub(super) fn cluster(&mut self, arg: &Arg<'a>, args: &[Arg<'a>], at: &mut usize) {
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
    pub(super) fn option(
        &mut self,
        name: &str,
        opt: &'n Opt,
        glued: Option<&Arg<'a>>,
        args: &[Arg<'a>],
        at: &mut usize,
    ) {
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
