//! Walks the syntax tree of a shell line, and hands every simple command in it on.
//! Never: parses what could overflow the stack or take long; size and nesting are bounded before the grammar sees them.

use brush_parser::ast::{
    self, AndOr, AssignmentName, AssignmentValue, Command, CommandPrefixOrSuffixItem as Item, CompoundCommand,
    CompoundList, ExtendedTestExpr, IoFileRedirectKind, IoFileRedirectTarget, IoRedirect,
};
use brush_parser::{ParserOptions, Token};
use legator_protocol::Level;

use crate::arg::Arg;
use crate::environment::redirects_execution;
use crate::place::{Place, place};
use crate::reading::Reading;
use crate::word::{self, Unread, Word};

/// Longer lines are not parsed.
const MAX_LINE: usize = 16 * 1024;
/// How many expansions a line may open; the tokenizer goes one deeper for each that is nested.
const MAX_EXPANSIONS: usize = 64;
/// How many compound commands a line may open.
const MAX_COMPOUND: usize = 12;
/// How deep code may be nested in code: substitutions, `sh -c`, `eval`, …
pub(crate) const MAX_DEPTH: usize = 8;

const REDIRECTS: &str = "sets a variable that redirects execution";

/// `sh` has no extended globs, and a shell that is not interactive has them switched off: `!(…)` is a subshell.
fn options() -> ParserOptions {
    ParserOptions { enable_extended_globbing: false, ..ParserOptions::default() }
}

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

fn names_a_descriptor(word: &str) -> bool {
    let digits = word.strip_suffix('-').unwrap_or(word);
    digits.bytes().all(|c| c.is_ascii_digit()) && !word.is_empty()
}

/// The words of a line that is nothing but words: no quote, no expansion, no operator, no reserved word.
fn plain_words(code: &str) -> Option<Vec<Arg<'_>>> {
    if !code.bytes().all(|c| c.is_ascii_alphanumeric() || b" -_./:=@%+,".contains(&c)) {
        return None;
    }
    let words: Vec<Arg<'_>> = code.split(' ').filter(|word| !word.is_empty()).map(Arg::exact).collect();
    let first = words.first()?;
    (!first.text.contains('=') && !is_reserved(&first.text)).then_some(words)
}

fn is_reserved(word: &str) -> bool {
    matches!(
        word,
        "if" | "then"
            | "else"
            | "elif"
            | "fi"
            | "do"
            | "done"
            | "case"
            | "esac"
            | "while"
            | "until"
            | "for"
            | "in"
            | "function"
            | "select"
            | "coproc"
            | "time"
            | "{"
            | "}"
            | "!"
            | "[["
            | "]]"
    )
}

/// The tokens of a line, if the grammar can take them without going deep or back and forth.
fn tokens(code: &str) -> Result<Vec<Token>, Unread> {
    if code.len() > MAX_LINE {
        return Err("it is too long");
    }
    let expansions = code.matches("$(").count() + code.matches("${").count() + code.matches("$[").count();
    if expansions > MAX_EXPANSIONS {
        return Err("it has too many expansions");
    }
    // Where a comment ends a line, a bracket in it would not count for the shell but would for the reader of the word.
    if (expansions > 0 || code.contains(['`', '<'])) && holds_a_comment(code) {
        return Err("a comment beside an expansion");
    }
    let tokens =
        brush_parser::uncached_tokenize_str(code, &options().tokenizer_options()).map_err(|_| "it does not parse")?;
    let (mut compound, mut documents, mut after_bracket) = (0, 0, false);
    for (index, token) in tokens.iter().enumerate() {
        let bracket = matches!(token, Token::Operator(operator, _) if operator == "(");
        match token {
            // The grammar goes back and forth exponentially over these.
            _ if bracket && after_bracket => return Err("two brackets in a row"),
            Token::Operator(operator, _) => {
                compound += usize::from(bracket);
                if operator == "<<" || operator == "<<-" {
                    documents += 1;
                    check_document(code, operator == "<<-", tokens.get(index + 1))?;
                }
            }
            // The grammar takes digits before a redirection for a descriptor, and cannot hold a long one.
            Token::Word(word, _)
                if word.len() > 9
                    && word.bytes().all(|c| c.is_ascii_digit())
                    && matches!(tokens.get(index + 1), Some(Token::Operator(next, _)) if next.starts_with(['<', '>'])) =>
            {
                return Err("a descriptor that is too large");
            }
            Token::Word(word, _) => compound += usize::from(is_reserved(word)),
        }
        after_bracket = bracket;
    }
    if documents > 1 {
        return Err("more than one here-document");
    }
    if compound > MAX_COMPOUND * 4 {
        return Err("too many compound commands");
    }
    Ok(tokens)
}

fn holds_a_comment(code: &str) -> bool {
    let mut before = ' ';
    for c in code.chars() {
        if c == '#' && (before.is_whitespace() || ";&|()`".contains(before)) {
            return true;
        }
        before = c;
    }
    false
}

/// A delimiter that every shell reads alike, and that ends the document where the tokenizer thinks it does.
fn check_document(code: &str, strips_tabs: bool, tag: Option<&Token>) -> Result<(), Unread> {
    let Some(Token::Word(tag, _)) = tag else { return Err("a here-document without a delimiter") };
    let tag = tag.trim();
    let bare = [('\'', '\''), ('"', '"')]
        .iter()
        .find_map(|(open, close)| tag.strip_prefix(*open)?.strip_suffix(*close))
        .unwrap_or(tag);
    if bare.is_empty() || !bare.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_') {
        return Err("a here-document whose delimiter is not plain");
    }
    // Exactly one line may be the delimiter.
    let is_end = |line: &&str| if strips_tabs { line.trim_start_matches('\t') == bare } else { *line == bare };
    if code.split('\n').skip(1).filter(is_end).count() != 1 {
        return Err("a here-document that does not end once");
    }
    Ok(())
}
