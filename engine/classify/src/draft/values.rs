//! What an operand, or the value of an option, contributes by its kind.

use legator_protocol::Level;

use super::{Draft, Inner};
use crate::arg::Arg;
use crate::code::{self, Language};
use crate::environment::redirects_execution;
use crate::place::{Place, holds_secrets, place};
use crate::table::node::{Kind, Style};

impl<'a> Draft<'_, 'a> {
    /// An operand, or the value of an option.
    pub(super) fn value(&mut self, kind: Kind, arg: &Arg<'a>) {
        self.given_code |= matches!(kind, Kind::Script | Kind::Line | Kind::Code(_));
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
            Kind::Format => {
                if !arg.text.starts_with('+') {
                    self.raise(Level::Remediate, || "sets what it shows".to_owned());
                }
            }
            Kind::Paged if arg.text.starts_with('+') || !arg.exact && arg.text.is_empty() => {
                self.doubt(format!("`{}` may be a command to the pager", arg.shown()));
            }
            Kind::Paged => self.value(Kind::Path, arg),
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
            Kind::Line => {
                // What is known of it counts, and so does that there is more.
                if arg.exact || !arg.text.is_empty() {
                    self.inner.push(Inner::Line(arg.text.clone().into_owned()));
                }
                if !arg.exact {
                    self.inner.push(Inner::Unread("code that is not known before it runs"));
                }
            }
            Kind::Code(language) if arg.exact => self.inspect(language, &arg.text),
            Kind::Code(_) => self.code("runs code that is not known before it runs"),
            Kind::Argv | Kind::ArgvOrLine | Kind::Lines => {}
        }
    }

    pub(super) fn write(&mut self, arg: &Arg<'a>) {
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
    pub(super) fn rest(&mut self, kind: Kind, args: &[Arg<'a>]) {
        self.given_code = true;
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
                let known = args.iter().take_while(|arg| arg.exact).count();
                let words: Vec<&str> = args.iter().take(known).map(|arg| &*arg.text).collect();
                if known > 0 {
                    self.inner.push(Inner::Line(words.join(" ")));
                }
                if known < args.len() {
                    self.inner.push(Inner::Unread("code that is not known before it runs"));
                }
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

    pub(super) fn inspect(&mut self, language: Language, text: &str) {
        let found = code::inspect(language, text);
        for effect in found.effects {
            self.effect(effect);
        }
        self.unknown |= !found.read;
        self.raise(found.level, || found.why.to_owned());
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
