//! A policy: its syntax tree, its name, and its clauses with their places.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use cedar_policy_core::ast::{self, BinaryOp, Expr, ExprKind, Literal, PolicyID};
use cedar_policy_core::parser::{cst, text_to_cst};

use super::depth;
use super::slice::Scope;
use super::vocabulary::faults_of;
use crate::bundle::place::Source;
use crate::bundle::{Asking, Fault, PolicyInfo};
use crate::rationale::{ClauseKind, Effect, Span};

/// One policy of a bundle.
pub(crate) struct Guardrail {
    pub(crate) info: PolicyInfo,
    /// Where its text begins in its file, in bytes.
    pub(crate) offset: usize,
    pub(crate) policy: ast::Policy,
    /// What its scope says of who and of what, for the index.
    pub(crate) parties: Arc<Scope>,
    /// Everything behind the scope, as one expression.
    pub(crate) condition: Option<Expr>,
    /// `principal`, `action`, `resource`, in this order.
    pub(crate) scope: Vec<ScopeText>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) reads: Reads,
}

/// A constraint of the scope, as it is written.
pub(crate) struct ScopeText {
    pub(crate) kind: ClauseKind,
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// A `when` or `unless`, cut at its outermost `&&`.
pub(crate) struct Condition {
    pub(crate) unless: bool,
    pub(crate) conjuncts: Vec<Conjunct>,
}

pub(crate) struct Conjunct {
    pub(crate) expr: Expr,
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// What a condition reads of the context, and whom it names as an approver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reads {
    /// First-level attributes of the context.
    pub(crate) context: BTreeSet<String>,
    /// Groups that an approver is asked to be in.
    pub(crate) groups: BTreeSet<String>,
    /// People who are asked for by name.
    pub(crate) people: BTreeSet<String>,
}

/// Reads the policies of one file. Every fault is reported, and a policy without one is still returned.
pub(crate) fn parse(file: &str, text: &str, faults: &mut Vec<Fault>) -> Vec<Guardrail> {
    if let Some(fault) = depth::too_deep(file, text, depth::Text::Policies) {
        faults.push(fault);
        return Vec::new();
    }
    let parsed = match text_to_cst::parse_policies(text) {
        Ok(parsed) => parsed,
        Err(errors) => {
            for error in errors.iter() {
                faults.extend(unreadable(file, text, error, "the policy cannot be read"));
            }
            return Vec::new();
        }
    };
    let Some(policies) = parsed.as_inner() else { return Vec::new() };
    let source = Source::new(text);
    let mut guardrails = Vec::new();
    for node in &policies.0 {
        let range = node.loc.as_ref().map_or(0..text.len(), |loc| loc.start()..loc.end());
        let name = match name_of(file, text, node.as_inner(), range.clone()) {
            Ok(name) => name,
            Err(wrong) => {
                faults.extend(wrong);
                continue;
            }
        };
        let id = PolicyID::from_string(&name.id);
        let policy = match node.to_policy(id) {
            Ok(policy) => ast::Policy::from(policy),
            Err(errors) => {
                for error in errors.iter() {
                    faults.extend(unreadable(file, text, error, &format!("policy `{}` cannot be read", name.id)));
                }
                continue;
            }
        };
        let Some(cst::Policy::Policy(tree)) = node.as_inner() else { continue };
        let effect = match policy.effect() {
            ast::Effect::Permit => Effect::Permit,
            ast::Effect::Forbid => Effect::Forbid,
        };
        let conditions = conditions(&source, tree);
        let condition = policy.non_scope_constraints().cloned();
        let mut reads = Reads::default();
        if let Some(expr) = &condition {
            reads.collect(expr);
        }
        let info = PolicyInfo {
            id: name.id,
            rationale: name.rationale,
            effect,
            file: file.to_owned(),
            span: source.span(range.clone()),
            source: source.slice(range.clone()),
            asking: name.asking,
        };
        let scope = scope(&source, tree);
        let parties = Arc::new(Scope::of(&policy));
        guardrails.push(Guardrail { info, offset: range.start, policy, parties, condition, scope, conditions, reads });
    }
    guardrails
}

fn unreadable(file: &str, text: &str, error: &dyn miette::Diagnostic, attempt: &str) -> Vec<Fault> {
    let faults = faults_of(file, text, error, attempt).into_iter().map(|fault| {
        let template = fault.message.contains("slot") || fault.message.contains("template");
        let (code, help) = match template {
            true => ("policy-template", "write the principal or the resource instead of the slot"),
            false => ("policy-syntax", "a policy reads `permit (principal, action, resource) when { … };`"),
        };
        let help = fault.help.clone().unwrap_or_else(|| help.to_owned());
        fault.code(code).help(help)
    });
    faults.collect()
}

/// Where the parts of one policy are in its own text, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Anatomy {
    /// `principal`, `action`, `resource`, in this order.
    pub(crate) scope: Vec<Range<usize>>,
    /// Each `when` or `unless` as a whole, whether it is an `unless`, and its conjuncts.
    pub(crate) conditions: Vec<(Range<usize>, bool, Vec<Range<usize>>)>,
}

/// Takes the text of one policy apart. `None` if it is none.
pub(crate) fn anatomy(text: &str) -> Option<Anatomy> {
    let parsed = text_to_cst::parse_policies(text).ok()?;
    let node = parsed.as_inner()?.0.first()?;
    let Some(cst::Policy::Policy(tree)) = node.as_inner() else { return None };
    let range = |loc: Option<&cedar_policy_core::parser::Loc>| loc.map(|loc| loc.start()..loc.end());
    let mut anatomy = Anatomy::default();
    for variable in &tree.variables {
        anatomy.scope.push(range(variable.loc.as_ref())?);
    }
    for node in &tree.conds {
        let cond = node.as_inner()?;
        let unless = matches!(cond.cond.as_inner(), Some(cst::Ident::Unless));
        let expr = cond.expr.as_ref()?.to_expr::<ast::ExprBuilder<()>>().ok()?;
        let mut conjuncts = Vec::new();
        places(&expr, &mut conjuncts)?;
        anatomy.conditions.push((range(node.loc.as_ref())?, unless, conjuncts));
    }
    Some(anatomy)
}

fn places(expr: &Expr, conjuncts: &mut Vec<Range<usize>>) -> Option<()> {
    if let ExprKind::And { left, right } = expr.expr_kind() {
        places(left, conjuncts)?;
        return places(right, conjuncts);
    }
    conjuncts.push(expr.source_loc().map(|loc| loc.start()..loc.end())?);
    Some(())
}

struct Named {
    id: String,
    rationale: String,
    asking: Asking,
}

fn name_of(file: &str, text: &str, tree: Option<&cst::Policy>, range: Range<usize>) -> Result<Named, Vec<Fault>> {
    let (mut id, mut rationale, mut asking, mut faults) = (None, None, Asking::default(), Vec::new());
    // A policy without a name is pointed at by its first line only.
    let head =
        range.start..text.get(range.clone()).and_then(|all| all.find('\n')).map_or(range.end, |n| range.start + n);
    if let Some(cst::Policy::Policy(tree)) = tree {
        for annotation in &tree.annotations {
            match annotation.to_kv_pair(|value, _| value.map(|value| value.to_string())) {
                Ok((key, value)) if key.as_ref() == "id" => id = value,
                Ok((key, value)) if key.as_ref() == "rationale" => rationale = value,
                Ok((key, value)) => {
                    if let Err(message) = asking.take(key.as_ref(), value.as_deref().unwrap_or_default()) {
                        let place = annotation.loc.as_ref().map_or(head.clone(), |loc| loc.start()..loc.end());
                        let help = "`policies/README.md` says what annotations hold";
                        faults.push(Fault::at(file, text, place, message).code("policy-annotation").help(help));
                    }
                }
                Err(errors) => {
                    for error in errors.iter() {
                        faults.extend(unreadable(file, text, error, "the annotation cannot be read"));
                    }
                }
            }
        }
    }
    let mut wanted = |value: Option<String>, what: &str, example: &str| match value {
        Some(value) if !value.trim().is_empty() => Some(value),
        _ => {
            let fault = Fault::at(file, text, head.clone(), format!("a policy has no `@{what}`"));
            let fault = fault.code(if what == "id" { "policy-id" } else { "policy-rationale" });
            faults.push(fault.help(format!("write `@{what}(\"{example}\")` above it")));
            None
        }
    };
    let id = wanted(id, "id", "name-of-the-policy");
    let rationale = wanted(rationale, "rationale", "One sentence that a refused person understands.");
    match (id, rationale) {
        (Some(id), Some(rationale)) if faults.is_empty() => Ok(Named { id, rationale, asking }),
        _ => Err(faults),
    }
}

fn scope(source: &Source<'_>, tree: &cst::PolicyImpl) -> Vec<ScopeText> {
    let kinds = [ClauseKind::Principal, ClauseKind::Action, ClauseKind::Resource];
    let texts = kinds.into_iter().zip(&tree.variables).map(|(kind, variable)| {
        let range = variable.loc.as_ref().map_or(0..0, |loc| loc.start()..loc.end());
        ScopeText { kind, text: source.slice(range.clone()), span: source.span(range) }
    });
    texts.collect()
}

fn conditions(source: &Source<'_>, tree: &cst::PolicyImpl) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for node in &tree.conds {
        let Some(cond) = node.as_inner() else { continue };
        let unless = matches!(cond.cond.as_inner(), Some(cst::Ident::Unless));
        let Some(body) = &cond.expr else { continue };
        let Ok(expr) = body.to_expr::<ast::ExprBuilder<()>>() else { continue };
        let mut conjuncts = Vec::new();
        cut(source, &expr, &mut conjuncts);
        conditions.push(Condition { unless, conjuncts });
    }
    conditions
}

fn cut(source: &Source<'_>, expr: &Expr, conjuncts: &mut Vec<Conjunct>) {
    if let ExprKind::And { left, right } = expr.expr_kind() {
        cut(source, left, conjuncts);
        cut(source, right, conjuncts);
        return;
    }
    let range = expr.source_loc().map(|loc| loc.start()..loc.end());
    let (text, span) = match range {
        Some(range) => (source.slice(range.clone()), source.span(range)),
        None => (expr.to_string(), Span::default()),
    };
    conjuncts.push(Conjunct { expr: expr.clone(), text, span });
}

impl Reads {
    fn collect(&mut self, expr: &Expr) {
        let (mut named, mut read) = (0_usize, 0_usize);
        for part in expr.subexpressions() {
            match part.expr_kind() {
                ExprKind::Var(ast::Var::Context) => named += 1,
                ExprKind::GetAttr { expr, attr } | ExprKind::HasAttr { expr, attr } if is_context(expr) => {
                    read += 1;
                    self.context.insert(attr.to_string());
                }
                ExprKind::ExtHasAttr { expr, attrs } if is_context(expr) => {
                    read += 1;
                    self.context.insert(attrs.first().to_string());
                }
                ExprKind::BinaryApp { op, arg1, arg2 } if asks_for_members(*op) => {
                    if is_approval_of(arg1, "groups") {
                        self.groups.extend(strings(arg2));
                    } else if is_approval_of(arg1, "by") {
                        self.people.extend(people(arg2));
                    }
                }
                _ => {}
            }
        }
        // A context that is handed on as a whole can be read anywhere, so every attribute counts as read.
        if named != read {
            self.context.extend(ATTRIBUTES.map(str::to_owned));
        }
    }
}

/// What changes from one judgement of a request to the next; the rest of the context does not.
const ATTRIBUTES: [&str; 6] = ["approvals", "breakglass", "mfa", "origin", "reason", "tainted"];

fn asks_for_members(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::Contains | BinaryOp::ContainsAll | BinaryOp::ContainsAny)
}

fn is_context(expr: &Expr) -> bool {
    matches!(expr.expr_kind(), ExprKind::Var(ast::Var::Context))
}

/// Whether `expr` is `context.approvals.<part>`.
fn is_approval_of(expr: &Expr, part: &str) -> bool {
    let ExprKind::GetAttr { expr, attr } = expr.expr_kind() else { return false };
    let ExprKind::GetAttr { expr, attr: outer } = expr.expr_kind() else { return false };
    attr.as_str() == part && outer.as_str() == "approvals" && is_context(expr)
}

fn strings(expr: &Expr) -> Vec<String> {
    let literals = expr.subexpressions().filter_map(|part| match part.expr_kind() {
        ExprKind::Lit(Literal::String(text)) => Some(text.to_string()),
        _ => None,
    });
    literals.collect()
}

fn people(expr: &Expr) -> Vec<String> {
    let literals = expr.subexpressions().filter_map(|part| match part.expr_kind() {
        ExprKind::Lit(Literal::EntityUID(uid)) => Some(AsRef::<str>::as_ref(uid.eid()).to_owned()),
        _ => None,
    });
    literals.collect()
}
