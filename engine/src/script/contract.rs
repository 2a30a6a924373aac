//! What can be said about a script without running it: does it parse, has it the functions of its kind, do the functions
//! that it calls exist, does it read what there is, and does it end with an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use rhai::{AST, ASTFlags, ASTNode, Expr, FnCallExpr, Position, ScriptFuncDef, Stmt};

use super::sandbox::{Limits, reader, sandbox};
use super::vocabulary::{self, Ends, Entry, Gives};
use crate::bundle::nearest::nearest;
use crate::bundle::{Fault, ScriptKind};

/// Names and how many arguments they take.
type Known = BTreeMap<String, BTreeSet<usize>>;

/// What every sandbox knows: operators aside, the functions of the standard packages that are let in.
static LANGUAGE: LazyLock<Known> = LazyLock::new(|| {
    let engine = sandbox(&Limits::default(), None);
    let listed = |info: rhai::FuncInfo<'_>| Some((info.metadata.name.to_string(), info.metadata.num_params));
    let mut known = Known::new();
    for (name, arity) in engine.collect_fn_metadata(None, listed, true) {
        known.entry(name).or_default().insert(arity);
    }
    for refused in ["sleep", "exit"] {
        known.remove(refused);
    }
    known
});

/// What the interpreter answers itself, with any number of arguments.
const BUILT_IN: [&str; 11] =
    ["print", "debug", "type_of", "Fn", "call", "curry", "is_shared", "is_def_var", "is_def_fn", "this", "len"];

/// Looks at one script, and says everything that is wrong with it.
pub(crate) fn check(kind: ScriptKind, path: &str, text: &str, faults: &mut Vec<Fault>) {
    let script = Script { kind, path, text };
    match reader(kind == ScriptKind::Job).compile(text) {
        Ok(ast) => {
            script.entries(&ast, faults);
            script.calls(&ast, faults);
        }
        Err(error) => {
            let said = error.err_type().to_string();
            let fault = script.at(error.position(), 1, format!("the script cannot be read: {said}"));
            faults.push(script.unreadable(&said, fault));
        }
    }
}

struct Script<'s> {
    kind: ScriptKind,
    path: &'s str,
    text: &'s str,
}

impl Script<'_> {
    fn at(&self, position: Position, width: usize, message: String) -> Fault {
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        match (position.line(), position.position()) {
            (Some(line), column) => {
                Fault::on_line(self.path, self.text, small(line), small(column.unwrap_or(1)), small(width), message)
            }
            _ => Fault::whole(self.path, message),
        }
    }

    fn unreadable(&self, said: &str, fault: Fault) -> Fault {
        let quoted = said.split(['\'', '`']).nth(1).unwrap_or_default();
        if said.contains("reserved") || ["eval", "import", "export"].contains(&quoted) {
            return fault.code("script-forbidden").help("scripts have no `eval`, no modules, no clock and no way out");
        }
        if said.starts_with("Undefined variable") || said.contains("ndefined variable") {
            let words = self.text.split(|c: char| !c.is_alphanumeric() && c != '_');
            let names: BTreeSet<&str> = words.filter(|word| word.len() > 1 && *word != quoted).collect();
            let fault = fault.code("script-variable");
            return match nearest(quoted, names) {
                Some(meant) => fault.help(format!("did you mean `{meant}`?")),
                None => fault.help("declare it with `let` before it is used; functions see their parameters only"),
            };
        }
        fault.code("script-syntax").help("https://rhai.rs/book/language is the language")
    }

    /// The functions that a script of this kind has.
    fn entries(&self, ast: &AST, faults: &mut Vec<Fault>) {
        let defined: Vec<&ScriptFuncDef> =
            ast.shared_lib().iter_script_fn_info().map(|(.., def)| def.as_ref()).collect();
        let noun = self.kind.noun();
        for choice in vocabulary::entries(self.kind) {
            let named = |entry: &&Entry| defined.iter().any(|def| def.name == entry.name);
            let found: Vec<&Entry> = choice.iter().filter(named).collect();
            let shapes: Vec<String> = choice.iter().map(|entry| format!("`{}`", entry.shape)).collect();
            let wanted = format!("write {}", shapes.join(" or "));
            let Some(entry) = found.first() else {
                let names: Vec<String> = choice.iter().map(|entry| format!("`{}`", entry.name)).collect();
                let slip =
                    defined.iter().find(|def| nearest(&def.name, choice.iter().map(|entry| entry.name)).is_some());
                let message = format!("{noun} has a function {}; this has none", names.join(" or "));
                let fault = match slip {
                    Some(def) => self.at(self.head(def), def.name.len(), message),
                    None => Fault::on_line(self.path, self.text, 1, 1, 1, message),
                };
                faults.push(fault.code("script-contract").help(wanted));
                continue;
            };
            if let Some(second) = found.get(1)
                && let Some(def) = defined.iter().find(|def| def.name == second.name)
            {
                let message = format!("{noun} has `{}` or `{}`, and not both", entry.name, second.name);
                faults.push(
                    self.at(self.head(def), def.name.len(), message).code("script-contract").help(wanted.clone()),
                );
            }
            let of_name = || defined.iter().filter(|def| def.name == entry.name);
            match of_name().find(|def| def.params.len() == entry.arity) {
                Some(def) => self.ending(def, &body(self.text, ast, &defined, def), entry, faults),
                None => {
                    let many = match entry.arity {
                        0 => "no parameter".to_owned(),
                        1 => "one parameter".to_owned(),
                        2 => "two parameters".to_owned(),
                        n => format!("{n} parameters"),
                    };
                    let message = format!("`{}` takes {many}", entry.name);
                    faults.extend(of_name().map(|def| {
                        let fault = self.at(self.head(def), def.name.len(), message.clone());
                        fault.code("script-contract").help(wanted.clone())
                    }));
                }
            }
        }
    }

    /// Where a function's name stands: the last place before its body that names it.
    fn head(&self, def: &ScriptFuncDef) -> Position {
        let body = def.body.start_position();
        let line_at = |n: usize| self.text.lines().nth(n - 1).unwrap_or_default();
        let (Some(last), name) = (body.line(), def.name.as_str()) else { return body };
        for line in (1..=last).rev() {
            let text = line_at(line);
            let cut = if line == last { body.position().unwrap_or(1).saturating_sub(1) } else { usize::MAX };
            let before: String = text.chars().take(cut).collect();
            if let Some(at) = before.rfind(&format!("fn {name}")) {
                let column = before.get(..at).map_or(0, |text| text.chars().count()) + "fn ".len() + 1;
                return Position::new(u16::try_from(line).unwrap_or(u16::MAX), u16::try_from(column).unwrap_or(1));
            }
        }
        body
    }

    /// Whether a function ends as its contract says, as far as that can be seen.
    fn ending(&self, def: &ScriptFuncDef, body: &[Stmt], entry: &Entry, faults: &mut Vec<Fault>) {
        let mut given: Vec<(Position, Option<&'static str>)> = Vec::new();
        tail(body, self.head(def), &mut given);
        for statement in body {
            returns(statement, &mut given);
        }
        let (wanted, help) = match entry.ends {
            Ends::Answer if self.kind == ScriptKind::Admission => {
                ("answer", "it ends with `allow()`, `queue(reason)` or `deny(reason)`")
            }
            Ends::Answer => ("answer", "it ends with `firing(message)` or `ok()`"),
            Ends::Map => ("map", "it ends with a map: `#{ name: \"…\" }`"),
            Ends::Anything => return,
        };
        let answers =
            |name: &str| vocabulary::functions(self.kind).iter().find(|it| it.name == name).map(|it| it.gives);
        for (position, kind) in given {
            let wrong = match kind {
                None => continue,
                Some("nothing") => "nothing".to_owned(),
                Some("map") if wanted == "map" => continue,
                Some(kind) => match kind.strip_prefix("call ") {
                    None => format!("a {kind}"),
                    Some(name) => match answers(name) {
                        Some(Gives::Truth) => "a truth value".to_owned(),
                        Some(Gives::Nothing) => "nothing".to_owned(),
                        Some(Gives::Answer) if wanted == "map" => "an answer".to_owned(),
                        _ => continue,
                    },
                },
            };
            let message = format!("`{}` gives {wrong} here", entry.name);
            faults.push(self.at(position, 1, message).code("script-answer").help(help));
        }
    }

    /// Every function that is called, and every field that is read of an argument.
    fn calls(&self, ast: &AST, faults: &mut Vec<Fault>) {
        let own: Known = ast.iter_functions().fold(Known::new(), |mut own, it| {
            own.entry(it.name.to_owned()).or_default().insert(it.params.len());
            own
        });
        let arguments: &[&str] = if self.kind == ScriptKind::Admission { &["request", "capacity"] } else { &[] };
        let mut seen: BTreeSet<(Option<usize>, Option<usize>)> = BTreeSet::new();
        let mut found = Vec::new();
        ast.walk(&mut |path: &[ASTNode<'_>]| {
            let (call, position, method) = match path.last() {
                Some(ASTNode::Expr(Expr::FnCall(call, position)) | ASTNode::Stmt(Stmt::FnCall(call, position))) => {
                    (call, *position, false)
                }
                Some(ASTNode::Expr(Expr::MethodCall(call, position))) => (call, *position, true),
                Some(ASTNode::Expr(Expr::Dot(chain, ..))) if !arguments.is_empty() => {
                    found.extend(self.field(&chain.lhs, &chain.rhs, arguments));
                    return true;
                }
                _ => return true,
            };
            if seen.insert((position.line(), position.position())) {
                found.extend(self.call(call, position, method, &own));
            }
            true
        });
        faults.extend(found);
    }

    fn call(&self, call: &FnCallExpr, position: Position, method: bool, own: &Known) -> Option<Fault> {
        let name = call.name.as_str();
        let operator = call.op_token.is_some() || !name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if operator || call.is_qualified() || BUILT_IN.contains(&name) || name.starts_with("anon$") {
            return None;
        }
        let given = call.args.len() + usize::from(method);
        let host = vocabulary::functions(self.kind).iter().find(|it| it.name == name);
        let mut arities: BTreeSet<usize> = LANGUAGE.get(name).cloned().unwrap_or_default();
        arities.extend(host.iter().flat_map(|it| it.arity));
        // A function of the script sees its receiver as `this`, not as a parameter.
        arities.extend(own.get(name).into_iter().flatten().map(|n| n + usize::from(method)));
        if arities.contains(&given) {
            return None;
        }
        let fault = |message: String| self.at(position, name.chars().count(), message).code("script-function");
        if arities.is_empty() {
            let names = LANGUAGE.keys().map(String::as_str).chain(own.keys().map(String::as_str));
            let hosts = vocabulary::functions(self.kind).iter().map(|it| it.name);
            let plain = names.filter(|name| name.starts_with(|c: char| c.is_alphabetic()) && !name.contains('$'));
            let noun = self.kind.noun();
            let unknown = fault(format!("{noun} has no function `{name}`"));
            let elsewhere = ScriptKind::ALL
                .into_iter()
                .find(|kind| *kind != self.kind && vocabulary::functions(*kind).iter().any(|it| it.name == name));
            // What the host offers is meant rather than what the language has.
            return Some(match (nearest(name, hosts).or_else(|| nearest(name, plain)), elsewhere) {
                (Some(meant), _) => unknown.help(format!("did you mean `{meant}`?")),
                (None, Some(kind)) => unknown.help(format!("`{name}` is for scripts in `{}`", kind.folder())),
                (None, None) => unknown.help("`scripts/README.md` lists every function"),
            });
        }
        let many: Vec<String> = arities.iter().map(|n| n.saturating_sub(usize::from(method)).to_string()).collect();
        let shown = given - usize::from(method);
        let wrong = fault(format!("`{name}` takes {} argument(s), and is given {shown}", many.join(" or ")));
        Some(match host {
            Some(host) => wrong.help(format!("it is called as `{}`", host.call)),
            None => wrong.help("`scripts/README.md` lists every function"),
        })
    }

    /// A field of `request` or `capacity` that does not exist.
    fn field(&self, lhs: &Expr, rhs: &Expr, arguments: &[&str]) -> Option<Fault> {
        let Expr::Variable(variable, ..) = lhs else { return None };
        let argument = arguments.iter().find(|name| **name == variable.1.as_str())?;
        let (mut path, mut rest) = ((*argument).to_owned(), rhs);
        loop {
            let (property, next) = match rest {
                Expr::Property(property, position) => ((property.2.as_str(), *position), None),
                Expr::Dot(chain, ..) => match &chain.lhs {
                    Expr::Property(property, position) => ((property.2.as_str(), *position), Some(&chain.rhs)),
                    _ => return None,
                },
                _ => return None,
            };
            let (name, position) = property;
            let known = || vocabulary::fields(self.kind).iter().map(|field| field.path);
            let here = format!("{path}.");
            let names: BTreeSet<&str> =
                known().filter_map(|known| known.strip_prefix(&here)?.split('.').next()).collect();
            if names.is_empty() {
                return None;
            }
            if !names.contains(name) {
                let fault = self.at(position, name.chars().count(), format!("`{path}` has no `{name}`"));
                let listed = || {
                    format!("it has {}", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
                };
                let help = nearest(name, names.iter().copied())
                    .map_or_else(listed, |meant| format!("did you mean `{meant}`?"));
                return Some(fault.code("script-field").help(help));
            }
            path = format!("{here}{name}");
            rest = next?;
        }
    }
}

/// The statements of a function. Rhai hands out where a body begins and ends, and the statements of all bodies; of a
/// closure without braces not even that, so it is known by the bar before it.
fn body(text: &str, ast: &AST, defined: &[&ScriptFuncDef], def: &ScriptFuncDef) -> Vec<Stmt> {
    let of_a_closure = |position: Position| {
        let line = position.line().and_then(|line| text.lines().nth(line - 1)).unwrap_or_default();
        let before: String = line.chars().take(position.position().unwrap_or(1) - 1).collect();
        before.trim_end().ends_with('|')
    };
    let place = |position: Position| (position.line(), position.position());
    let range = |it: &ScriptFuncDef| (place(it.body.start_position()), place(it.body.end_position()));
    let ours = range(def);
    let inner: Vec<_> = defined.iter().map(|it| range(it)).filter(|it| *it != ours && ours.0 < it.0).collect();
    let mut found = Vec::new();
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let [ASTNode::Stmt(statement)] = path {
            let at = place(statement.position());
            let within = |(begin, end): &(_, _)| *begin <= at && at <= *end;
            if within(&ours) && !inner.iter().any(within) && !of_a_closure(statement.position()) {
                found.push((*statement).clone());
            }
        }
        true
    });
    found
}

/// What each `return` of a function gives. What cannot be known is left out.
fn returns(statement: &Stmt, given: &mut Vec<(Position, Option<&'static str>)>) {
    statement.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Stmt(Stmt::Return(value, flags, position))) = path.last()
            && !flags.intersects(ASTFlags::BREAK)
        {
            given.push(match value {
                Some(value) => (value.start_position(), kind_of(value)),
                None => (*position, Some("nothing")),
            });
        }
        true
    });
}

/// What a block gives where it ends.
fn tail(block: &[Stmt], before: Position, given: &mut Vec<(Position, Option<&'static str>)>) {
    let Some(last) = block.last() else {
        given.push((before, Some("nothing")));
        return;
    };
    match last {
        Stmt::Expr(value) => match value.as_ref() {
            Expr::Stmt(inner) => tail(inner.statements(), inner.position(), given),
            value => given.push((value.start_position(), kind_of(value))),
        },
        Stmt::FnCall(call, position) => given.push((*position, kind_of_call(call))),
        Stmt::Block(inner) => tail(inner.statements(), inner.position(), given),
        Stmt::If(flow, position) => {
            tail(flow.body.statements(), flow.body.position(), given);
            let before = if flow.branch.statements().is_empty() { *position } else { flow.branch.position() };
            tail(flow.branch.statements(), before, given);
        }
        Stmt::Var(_, _, position) | Stmt::For(_, position) | Stmt::Noop(position) => {
            given.push((*position, Some("nothing")));
        }
        Stmt::Assignment(_) => given.push((last.position(), Some("nothing"))),
        Stmt::While(flow, position) if !matches!(flow.expr, Expr::Unit(_) | Expr::BoolConstant(true, _)) => {
            given.push((*position, Some("nothing")));
        }
        // Returns and endless loops end otherwise, and of the rest nothing can be known.
        _ => {}
    }
}

fn kind_of(value: &Expr) -> Option<&'static str> {
    Some(match value {
        Expr::BoolConstant(..) | Expr::And(..) | Expr::Or(..) => "truth value",
        Expr::IntegerConstant(..) | Expr::FloatConstant(..) => "number",
        Expr::CharConstant(..) | Expr::StringConstant(..) | Expr::InterpolatedString(..) => "text",
        Expr::Array(..) => "list",
        Expr::Map(..) => "map",
        Expr::Unit(..) => "nothing",
        Expr::DynamicConstant(value, ..) if value.is_map() => "map",
        Expr::DynamicConstant(value, ..) if value.is_array() => "list",
        Expr::FnCall(call, _) => return kind_of_call(call),
        _ => return None,
    })
}

fn kind_of_call(call: &FnCallExpr) -> Option<&'static str> {
    match call.name.as_str() {
        "==" | "!=" | "<" | ">" | "<=" | ">=" | "!" => Some("truth value"),
        name => CALLS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind),
    }
}

/// Host functions whose result says whether an ending is right, as [`kind_of`] names them.
const CALLS: [(&str, &str); 9] = [
    ("allow", "call allow"),
    ("queue", "call queue"),
    ("deny", "call deny"),
    ("indicator", "call indicator"),
    ("firing", "call firing"),
    ("ok", "call ok"),
    ("sleep", "call sleep"),
    ("emit", "call emit"),
    ("continue_as_new", "call continue_as_new"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::sandbox::Abort;

    #[test]
    fn what_admission_registers_is_its_vocabulary_and_nothing_else() {
        let engine = crate::script::admission::engine(&Limits::default(), None::<Abort>);
        let listed = |info: rhai::FuncInfo<'_>| Some((info.metadata.name.to_string(), info.metadata.num_params));
        let all = engine.collect_fn_metadata(None, listed, true).into_iter();
        let own: BTreeSet<(String, usize)> = all
            .filter(|(name, arity)| !LANGUAGE.get(name).is_some_and(|arities| arities.contains(arity)))
            .filter(|(name, _)| !name.contains('$') && !["sleep", "exit"].contains(&name.as_str()))
            .collect();
        let told = vocabulary::functions(ScriptKind::Admission).iter();
        let told: BTreeSet<(String, usize)> =
            told.flat_map(|it| it.arity.iter().map(|arity| (it.name.to_owned(), *arity))).collect();
        assert_eq!(own, told);
    }
}
