//! Walks the syntax tree of a shell line, and hands every simple command in it on.
//! Never: parses what could overflow the stack or take long; size and nesting are bounded before the grammar sees them.

mod screen;

use brush_parser::ast::{
    self, AndOr, AssignmentName, AssignmentValue, Command, CommandPrefixOrSuffixItem as Item, CompoundCommand,
    CompoundList, ExtendedTestExpr, IoFileRedirectKind, IoFileRedirectTarget, IoRedirect,
};
use legator_protocol::Level;

use crate::arg::Arg;
use crate::environment::redirects_execution;
use crate::place::{Place, place};
use crate::reading::Reading;
use crate::word::{self, Unread, Word};
use screen::{options, plain_words, tokens};

/// How deep code may be nested in code: substitutions, `sh -c`, `eval`, …
pub(crate) const MAX_DEPTH: usize = 8;

const REDIRECTS: &str = "sets a variable that redirects execution";

impl Reading<'_> {
    /// Classifies shell code.
    pub(crate) fn shell(&mut self, code: &str, depth: usize) {
        if depth > MAX_DEPTH {
            return self.ledger.unreadable(code, "code is nested too deep");
        }
        if let Err(why) = self.line(code, depth) {
            self.ledger.unreadable(code, why);
        }
    }

    fn line(&mut self, code: &str, depth: usize) -> Result<(), Unread> {
        if let Some(words) = plain_words(code) {
            self.run(&words, None, depth);
            return Ok(());
        }
        let tokens = tokens(code)?;
        let program = brush_parser::parse_tokens(&tokens, &options()).map_err(|_| "it does not parse")?;
        for list in &program.complete_commands {
            self.list(list, depth)?;
        }
        Ok(())
    }

    fn list(&mut self, list: &CompoundList, depth: usize) -> Result<(), Unread> {
        for ast::CompoundListItem(and_or, _) in &list.0 {
            self.pipeline(&and_or.first, depth)?;
            for next in &and_or.additional {
                let (AndOr::And(pipeline) | AndOr::Or(pipeline)) = next;
                self.pipeline(pipeline, depth)?;
            }
        }
        Ok(())
    }

    fn pipeline(&mut self, pipeline: &ast::Pipeline, depth: usize) -> Result<(), Unread> {
        for command in &pipeline.seq {
            if self.ledger.full() {
                return Err("it has too many parts");
            }
            self.command(command, depth)?;
        }
        Ok(())
    }

    fn command(&mut self, command: &Command, depth: usize) -> Result<(), Unread> {
        match command {
            Command::Simple(simple) => self.simple(simple, depth),
            Command::Compound(compound, redirects) => {
                self.redirects(redirects.as_ref(), depth)?;
                self.compound(compound, depth)
            }
            Command::Function(function) => {
                // A function can take the name of a known program, so no later name can be trusted.
                self.ledger.unknown();
                self.ledger.part(&function.fname.value, Level::Remediate, "defines a function");
                let ast::FunctionBody(body, redirects) = &function.body;
                self.redirects(redirects.as_ref(), depth)?;
                self.compound(body, depth)
            }
            Command::ExtendedTest(test, redirects) => {
                self.redirects(redirects.as_ref(), depth)?;
                if test.loc.start.line != test.loc.end.line {
                    return Err("`[[` over several lines, which a plain `sh` takes for several commands");
                }
                self.ledger.program("[[");
                self.ledger.part("[[ … ]]", Level::Observe, "tests");
                self.test(&test.expr, depth)
            }
        }
    }

    fn compound(&mut self, compound: &CompoundCommand, depth: usize) -> Result<(), Unread> {
        match compound {
            CompoundCommand::BraceGroup(group) => self.list(&group.list, depth),
            CompoundCommand::Subshell(subshell) => self.list(&subshell.list, depth),
            CompoundCommand::ForClause(clause) => {
                if redirects_execution(&clause.variable_name) {
                    self.ledger.part(&clause.variable_name, Level::Remediate, REDIRECTS);
                }
                for value in clause.values.iter().flatten() {
                    self.expand(&value.value, depth)?;
                }
                self.list(&clause.body.list, depth)
            }
            CompoundCommand::CaseClause(clause) => {
                self.expand(&clause.value.value, depth)?;
                for item in &clause.cases {
                    for pattern in &item.patterns {
                        self.expand(&pattern.value, depth)?;
                    }
                    if let Some(list) = &item.cmd {
                        self.list(list, depth)?;
                    }
                }
                Ok(())
            }
            CompoundCommand::IfClause(clause) => {
                self.list(&clause.condition, depth)?;
                self.list(&clause.then, depth)?;
                for other in clause.elses.iter().flatten() {
                    if let Some(condition) = &other.condition {
                        self.list(condition, depth)?;
                    }
                    self.list(&other.body, depth)?;
                }
                Ok(())
            }
            CompoundCommand::WhileClause(ast::WhileOrUntilClauseCommand(condition, body, _))
            | CompoundCommand::UntilClause(ast::WhileOrUntilClauseCommand(condition, body, _)) => {
                self.list(condition, depth)?;
                self.list(&body.list, depth)
            }
            CompoundCommand::Coprocess(_) => Err("`coproc` is a program to some shells"),
            // To `dash`, `((…))` is two subshells.
            CompoundCommand::Arithmetic(_) | CompoundCommand::ArithmeticForClause(_) => {
                Err("`((` is arithmetic to some shells and commands to others")
            }
        }
    }

    /// `[[ … ]]`. A plain `sh` takes it for a program, and the operators inside it for its own.
    fn test(&mut self, test: &ExtendedTestExpr, depth: usize) -> Result<(), Unread> {
        use ast::{BinaryPredicate as Binary, UnaryPredicate as Unary};
        match test {
            ExtendedTestExpr::Not(inner) => self.test(inner, depth),
            ExtendedTestExpr::UnaryTest(
                Unary::ShellVariableIsSetAndAssigned | Unary::ShellVariableIsSetAndNameRef,
                _,
            ) => Err("a variable's name is evaluated"),
            ExtendedTestExpr::UnaryTest(_, word) => self.expand(&word.value, depth).map(drop),
            ExtendedTestExpr::BinaryTest(
                Binary::StringExactlyMatchesPattern
                | Binary::StringDoesNotExactlyMatchPattern
                | Binary::StringExactlyMatchesString
                | Binary::StringDoesNotExactlyMatchString
                | Binary::FilesReferToSameDeviceAndInodeNumbers
                | Binary::LeftFileIsNewerOrExistsWhenRightDoesNot
                | Binary::LeftFileIsOlderOrDoesNotExistWhenRightDoes,
                left,
                right,
            ) => {
                self.expand(&left.value, depth)?;
                self.expand(&right.value, depth).map(drop)
            }
            _ => Err("`[[` with an operator that a plain `sh` takes for its own"),
        }
    }

    fn simple(&mut self, simple: &ast::SimpleCommand, depth: usize) -> Result<(), Unread> {
        let mut args: Vec<Arg<'_>> = Vec::new();
        let mut input = None;
        let mut doubted = false;
        let assigns_only = simple.word_or_name.is_none();
        if runs_on_after_both(simple) {
            return Err("words after `&>`, which are a command of their own to a plain `sh`");
        }
        for item in simple.prefix.iter().flat_map(|prefix| &prefix.0) {
            match item {
                Item::AssignmentWord(assignment, _) => self.assignment(assignment, assigns_only, depth)?,
                other => self.item(other, &mut args, &mut input, &mut doubted, depth)?,
            }
        }
        if let Some(name) = &simple.word_or_name {
            doubted |= self.take(&name.value, &mut args, depth)?;
        }
        for item in simple.suffix.iter().flat_map(|suffix| &suffix.0) {
            self.item(item, &mut args, &mut input, &mut doubted, depth)?;
        }
        if doubted {
            self.ledger.unreadable("$'…'", "an escape that not every shell reads alike");
        }
        if !args.is_empty() {
            self.run(&args, input.as_deref(), depth);
        }
        Ok(())
    }

    fn item<'a>(
        &mut self,
        item: &'a Item,
        args: &mut Vec<Arg<'a>>,
        input: &mut Option<String>,
        doubted: &mut bool,
        depth: usize,
    ) -> Result<(), Unread> {
        match item {
            Item::Word(word) | Item::AssignmentWord(_, word) => *doubted |= self.take(&word.value, args, depth)?,
            Item::IoRedirect(redirect) => {
                if let Some(text) = self.redirect(redirect, depth)? {
                    *input = Some(text);
                }
            }
            Item::ProcessSubstitution(_, subshell) => {
                self.list(&subshell.list, depth)?;
                args.push(Arg::open("/dev/fd/", "<(…)"));
            }
        }
        Ok(())
    }

    /// Takes a word as an argument. True if shells differ about its text.
    fn take<'a>(&mut self, raw: &'a str, args: &mut Vec<Arg<'a>>, depth: usize) -> Result<bool, Unread> {
        let word = self.expand(raw, depth)?;
        args.push(word.arg);
        Ok(word.twofold)
    }

    /// Reads a word, and classifies what runs while it is expanded.
    fn expand<'a>(&mut self, raw: &'a str, depth: usize) -> Result<Word<'a>, Unread> {
        let word = word::read(raw)?;
        self.expanded(&word, raw, depth);
        Ok(word)
    }

    fn expanded(&mut self, word: &Word<'_>, raw: &str, depth: usize) {
        if word.arithmetic {
            let why = "arithmetic over variables, in which `bash` runs the substitutions that they hold";
            self.ledger.part(raw, Level::Remediate, why);
        }
        for code in &word.code {
            self.shell(code, depth + 1);
        }
    }

    fn assignment(&mut self, assignment: &ast::Assignment, alone: bool, depth: usize) -> Result<(), Unread> {
        let (AssignmentName::VariableName(name), AssignmentValue::Scalar(value)) =
            (&assignment.name, &assignment.value)
        else {
            return Err("an array, which not every shell has");
        };
        let value = self.expand(&value.value, depth)?;
        if value.twofold {
            return Err("an escape that not every shell reads alike");
        }
        let text = format!("{name}={}", value.arg.shown());
        if redirects_execution(name) {
            self.ledger.effect("environment");
            self.ledger.part(&text, Level::Remediate, REDIRECTS);
        } else if alone {
            self.ledger.part(&text, Level::Observe, "sets a variable");
        }
        Ok(())
    }

    fn redirects(&mut self, redirects: Option<&ast::RedirectList>, depth: usize) -> Result<(), Unread> {
        for redirect in redirects.iter().flat_map(|list| &list.0) {
            self.redirect(redirect, depth)?;
        }
        Ok(())
    }

    /// Classifies a redirection. What it feeds to the command, if that is known.
    fn redirect(&mut self, redirect: &IoRedirect, depth: usize) -> Result<Option<String>, Unread> {
        match redirect {
            IoRedirect::File(_, kind, target) => self.file(kind, target, depth).map(|()| None),
            IoRedirect::OutputAndError(word, _) => self.write(&word.value, depth).map(|()| None),
            IoRedirect::HereString(_, word) => {
                let word = self.expand(&word.value, depth)?;
                Ok((word.arg.exact && !word.twofold).then(|| word.arg.text.into_owned()))
            }
            IoRedirect::HereDocument(_, document) if document.requires_expansion => {
                let word = word::read_document(&document.doc.value)?;
                self.expanded(&word, "<<", depth);
                Ok(word.arg.exact.then(|| word.arg.text.into_owned()))
            }
            IoRedirect::HereDocument(_, document) => Ok(Some(document.doc.value.clone())),
        }
    }

    fn file(&mut self, kind: &IoFileRedirectKind, target: &IoFileRedirectTarget, depth: usize) -> Result<(), Unread> {
        use IoFileRedirectKind as Kind;
        let word = match target {
            IoFileRedirectTarget::Filename(word) | IoFileRedirectTarget::Duplicate(word) => word,
            IoFileRedirectTarget::Fd(_) => return Ok(()),
            IoFileRedirectTarget::ProcessSubstitution(_, subshell) => return self.list(&subshell.list, depth),
        };
        match kind {
            Kind::Read | Kind::DuplicateInput => {
                let word = self.expand(&word.value, depth)?;
                self.reads(&word.arg);
                Ok(())
            }
            Kind::DuplicateOutput if names_a_descriptor(&word.value) => Ok(()),
            Kind::Write | Kind::Append | Kind::Clobber | Kind::ReadAndWrite | Kind::DuplicateOutput => {
                self.write(&word.value, depth)
            }
        }
    }

    fn reads(&mut self, arg: &Arg<'_>) {
        if place(&arg.text) == Place::Network {
            self.ledger.effect("network");
            self.ledger.part(arg.shown(), Level::Remediate, "opens a connection");
        } else if crate::place::holds_secrets(&arg.text) {
            self.ledger.effect("secret");
            self.ledger.target(&arg.text);
            self.ledger.part(arg.shown(), Level::Diagnose, "reads secrets");
        }
    }

    fn write(&mut self, raw: &str, depth: usize) -> Result<(), Unread> {
        let word = self.expand(raw, depth)?;
        self.writes(&word.arg, "writes a file");
        Ok(())
    }
}

/// Whether words follow `&> file`. A plain `sh` starts the command in the background there, and begins another.
fn runs_on_after_both(simple: &ast::SimpleCommand) -> bool {
    let both = |item: &Item| matches!(item, Item::IoRedirect(IoRedirect::OutputAndError(..)));
    let suffix = simple.suffix.iter().flat_map(|suffix| &suffix.0);
    simple.prefix.iter().flat_map(|prefix| &prefix.0).any(both)
        || suffix.skip_while(|item| !both(item)).any(|item| !both(item))
}

fn names_a_descriptor(word: &str) -> bool {
    let digits = word.strip_suffix('-').unwrap_or(word);
    digits.bytes().all(|c| c.is_ascii_digit()) && !word.is_empty()
}
