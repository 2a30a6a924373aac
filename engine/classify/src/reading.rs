//! One simple command: which program it is, and what its entry in the table says about it.

use legator_protocol::Level;

use crate::arg::Arg;
use crate::draft::{Draft, Inner};
use crate::ledger::Ledger;
use crate::place::{Place, place};
use crate::shell::MAX_DEPTH;
use crate::table::Table;

/// Where a program has to be for its name to mean what the table says.
const STANDARD: [&str; 9] = [
    "/bin",
    "/sbin",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/libexec",
    "/snap/bin",
    "/opt/bin",
];

/// A command that is being classified.
pub(crate) struct Reading<'t> {
    pub table: &'t Table,
    pub ledger: Ledger,
}

impl Reading<'_> {
    /// Classifies a program with its arguments. `input` is what it is fed, where that is known.
    pub(crate) fn run(&mut self, args: &[Arg<'_>], input: Option<&str>, depth: usize) {
        let Some((command, rest)) = args.split_first() else { return };
        let text = line(args);
        if depth > MAX_DEPTH {
            return self.ledger.unreadable(&text, "commands are nested too deep");
        }
        if self.ledger.full() {
            return self.ledger.unreadable(&text, "it has too many parts");
        }
        if !command.exact {
            self.ledger.unknown();
            return self.ledger.part(&text, Level::Remediate, "which program runs is not known before it runs");
        }
        let table = self.table;
        let known = program(&command.text).and_then(|name| Some((name, table.get(name)?)));
        let Some((name, node)) = known else {
            self.ledger.program(&command.text);
            self.ledger.unknown();
            return self.ledger.part(&text, Level::Remediate, "the table does not know this program");
        };
        self.ledger.program(name);
        let draft = Draft::read(node, rest, input);
        self.enter(draft, &text, depth);
    }

    /// Enters what one command contributes, then what it runs.
    fn enter(&mut self, draft: Draft<'_, '_>, text: &str, depth: usize) {
        let (level, why) = draft.verdict();
        self.ledger.part(text, level, why);
        if draft.unknown {
            self.ledger.unknown();
        }
        for effect in &draft.effects {
            self.ledger.effect(effect);
        }
        for target in &draft.targets {
            self.ledger.target(target);
        }
        if level >= Level::Remediate {
            for (kind, target) in &draft.looks {
                self.ledger.look(*kind, target);
            }
        }
        if draft.moves {
            self.ledger.moved();
        }
        for inner in draft.inner {
            match inner {
                Inner::Argv(args) => self.run(&args, None, depth + 1),
                Inner::Line(code) => self.shell(&code, depth + 1),
                Inner::Unread(why) => self.ledger.unreadable(text, why),
            }
        }
    }

    /// Enters that something is written to `arg`, by a redirection.
    pub(crate) fn writes(&mut self, arg: &Arg<'_>, why: &str) {
        let shown = arg.shown();
        match place(&arg.text) {
            Place::Sink if arg.exact => {}
            Place::Device => {
                self.ledger.effect("disk");
                self.ledger.target(shown);
                self.ledger.part(&format!("> {shown}"), Level::Destroy, "writes over a device");
            }
            Place::Network => {
                self.ledger.effect("network");
                self.ledger.part(&format!("> {shown}"), Level::Remediate, "sends to a connection");
            }
            _ => {
                self.ledger.effect("file");
                self.ledger.target(shown);
                if arg.exact {
                    self.ledger.look(legator_protocol::LookKind::File, shown);
                }
                self.ledger.part(&format!("> {shown}"), Level::Remediate, why);
            }
        }
    }
}

/// The name under which the table would know `command`; none for a program outside the standard places.
fn program(command: &str) -> Option<&str> {
    match command.rsplit_once('/') {
        None => Some(command),
        Some((folder, name)) => STANDARD.contains(&folder).then_some(name),
    }
}

fn line(args: &[Arg<'_>]) -> String {
    let mut text = String::with_capacity(args.iter().map(|arg| arg.shown().len() + 1).sum());
    for arg in args {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(arg.shown());
        if text.len() > 1024 {
            break;
        }
    }
    text
}
