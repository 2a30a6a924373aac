//! Rules about what stands behind `when` and `unless`.

use cedar_policy_core::ast::{BinaryOp, Expr, ExprKind, Literal, UnaryOp, Var};

use super::Looked;
use crate::bundle::Fault;
use crate::guard::Guardrail;

pub(super) fn look(looked: &Looked<'_>, found: &mut Vec<Fault>) {
    for guardrail in looked.guardrails() {
        let id = &guardrail.info.id;
        let mut say = |expr: &Expr, code: &str, message: String| {
            let whole = guardrail.offset..guardrail.offset + guardrail.info.source.len();
            let at = expr.source_loc().map_or(whole, |loc| loc.start()..loc.end());
            let file = &guardrail.info.file;
            found.push(Fault::at(file, looked.text(file), at, message).code(code));
        };
        for condition in &guardrail.conditions {
            let word = if condition.unless { "unless" } else { "when" };
            for conjunct in &condition.conjuncts {
                for part in conjunct.expr.subexpressions() {
                    match constant(part) {
                        Some(true) => say(part, "always-true", format!("in `{id}` this always holds")),
                        Some(false) => say(part, "always-false", format!("in `{id}` this never holds")),
                        None => {}
                    }
                    if matches!(part.expr_kind(), ExprKind::Like { expr, .. } if is_line(expr)) {
                        say(part, "line-pattern", format!("`{id}` looks at the spelling of a command"));
                    }
                }
            }
            let conjuncts: Vec<&Expr> = condition.conjuncts.iter().map(|conjunct| &conjunct.expr).collect();
            if let [only] = conjuncts.as_slice()
                && condition.unless
                && is_breakglass(only)
            {
                say(only, "breakglass-alone", format!("breaking the glass alone lifts `{id}` (`{word}`)"));
            }
        }
        approvals(looked, guardrail, &mut say);
    }
}

/// How many approvals a policy asks for, where that is more than are tried.
fn approvals(looked: &Looked<'_>, guardrail: &Guardrail, say: &mut impl FnMut(&Expr, &str, String)) {
    let most = i64::from(looked.bundle.most_approvals());
    for part in guardrail.condition.iter().flat_map(|condition| condition.subexpressions()) {
        let ExprKind::BinaryApp { op, arg1, arg2 } = part.expr_kind() else { continue };
        // `count >= n` is `!(count < n)` in the tree, and `count > n` is `!(count <= n)`.
        let (wanted, of) = match (op, number(arg2), number(arg1)) {
            (BinaryOp::Less, Some(n), None) => (n, arg1),
            (BinaryOp::LessEq, Some(n), None) => (n.saturating_add(1), arg1),
            (BinaryOp::LessEq, None, Some(n)) => (n, arg2),
            (BinaryOp::Less, None, Some(n)) => (n.saturating_add(1), arg2),
            (BinaryOp::Eq, Some(n), None) => (n, arg1),
            (BinaryOp::Eq, None, Some(n)) => (n, arg2),
            _ => continue,
        };
        if is_count(of) && wanted > most {
            let message = format!("`{}` asks for {wanted} approvals, and at most {most} are tried", guardrail.info.id);
            say(part, "approvals-above-most", message);
        }
    }
}

/// What an expression comes to without looking at any request, where that can be seen.
fn constant(expr: &Expr) -> Option<bool> {
    match expr.expr_kind() {
        ExprKind::Lit(Literal::Bool(truth)) => Some(*truth),
        ExprKind::UnaryApp { op: UnaryOp::Not, arg } => match arg.expr_kind() {
            // A literal is said where it stands, not again around it.
            ExprKind::Lit(_) => None,
            // Nobody can be fewer than none.
            ExprKind::BinaryApp { op: BinaryOp::Less, arg1, arg2 } if is_count(arg1) && number(arg2) == Some(0) => {
                Some(true)
            }
            _ => None,
        },
        ExprKind::BinaryApp { op, arg1, arg2 } => match (op, number(arg1), number(arg2)) {
            (BinaryOp::Eq, Some(one), Some(other)) => Some(one == other),
            (BinaryOp::Less, Some(one), Some(other)) => Some(one < other),
            (BinaryOp::LessEq, Some(one), Some(other)) => Some(one <= other),
            (BinaryOp::Eq | BinaryOp::LessEq, None, None) if arg1.eq_shape(arg2) => Some(true),
            (BinaryOp::Less, None, None) if arg1.eq_shape(arg2) => Some(false),
            (BinaryOp::Eq, None, None) => match (arg1.expr_kind(), arg2.expr_kind()) {
                (ExprKind::Lit(one), ExprKind::Lit(other)) => Some(one == other),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

fn number(expr: &Expr) -> Option<i64> {
    match expr.expr_kind() {
        ExprKind::Lit(Literal::Long(number)) => Some(*number),
        _ => None,
    }
}

/// The names of `context.a.b`, outermost first.
fn path(expr: &Expr) -> Vec<&str> {
    match expr.expr_kind() {
        ExprKind::Var(Var::Context) => vec!["context"],
        ExprKind::GetAttr { expr, attr } => {
            let mut names = path(expr);
            if !names.is_empty() {
                names.push(attr.as_str());
            }
            names
        }
        _ => Vec::new(),
    }
}

fn is_count(expr: &Expr) -> bool {
    path(expr) == ["context", "approvals", "count"]
}

fn is_line(expr: &Expr) -> bool {
    path(expr) == ["context", "command", "line"]
}

fn is_breakglass(expr: &Expr) -> bool {
    match expr.expr_kind() {
        ExprKind::HasAttr { expr, attr } => attr == "breakglass" && path(expr) == ["context"],
        ExprKind::ExtHasAttr { expr, attrs } => attrs.first() == "breakglass" && path(expr) == ["context"],
        _ => false,
    }
}
