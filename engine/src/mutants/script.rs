//! Small mistakes in a script: another comparison, another threshold, a statement less, a condition turned round,
//! another answer.

use std::collections::BTreeSet;

use super::Change;
use crate::script::text::{Kind, Token, outline, tokens};

/// Every change of a script's text, each once. What describes the script is left alone, but for how long it waits.
pub(super) fn changes(text: &str) -> Vec<Change> {
    let tokens = tokens(text);
    let outline = outline(text, &tokens);
    let describes = |at: usize| matches!(outline.function_at(at), "rule" | "job" | "");
    let mut changes = Vec::new();
    for at in outline.conditions.iter().filter(|at| !describes(at.start)) {
        let instead = format!("!({})", text.get(at.clone()).unwrap_or_default());
        changes.push(Change { what: "negate a condition", at: at.clone(), instead });
    }
    for at in outline.statements.iter().filter(|at| !describes(at.start)) {
        changes.push(Change { what: "drop a statement", at: at.clone(), instead: String::new() });
    }
    for (n, token) in tokens.iter().enumerate() {
        if !describes(token.at.start) {
            token_changes(text, &tokens, n, token, &mut changes);
        } else if token.kind == Kind::Number && is_wait(text, &tokens, n) {
            number(text, token, &mut changes);
        }
    }
    let mut seen = BTreeSet::new();
    changes.retain(|change| change.applied(text).is_some_and(|text| seen.insert(text)));
    // In the order of places, so that a report reads like the script.
    changes.sort_by_key(|change| (change.at.start, change.at.end));
    changes
}

/// `for_s: 300` and `resolve_after_s: 600` of a rule are behaviour.
fn is_wait(text: &str, tokens: &[Token], n: usize) -> bool {
    let name = n.checked_sub(2).and_then(|n| tokens.get(n)).and_then(|token| text.get(token.at.clone()));
    matches!(name, Some("for_s" | "resolve_after_s"))
}

fn number(text: &str, token: &Token, changes: &mut Vec<Change>) {
    let Ok(number) = text.get(token.at.clone()).unwrap_or_default().replace('_', "").parse::<i64>() else { return };
    for other in [number.saturating_add(1), number.saturating_sub(1)] {
        changes.push(Change { what: "change a number", at: token.at.clone(), instead: other.to_string() });
    }
}

fn token_changes(text: &str, tokens: &[Token], n: usize, token: &Token, changes: &mut Vec<Change>) {
    let word = text.get(token.at.clone()).unwrap_or_default();
    let mut push = |what, instead: &str| {
        changes.push(Change { what, at: token.at.clone(), instead: instead.to_owned() });
    };
    match (token.kind, word) {
        (Kind::Symbol | Kind::Text, _) => {
            let bare = word.trim_matches('"');
            let other = match bare {
                "==" => "!=",
                "!=" => "==",
                "<" => "<=",
                "<=" => "<",
                ">" => ">=",
                ">=" => ">",
                "&&" => "||",
                "||" if token.kind == Kind::Symbol => "&&",
                "+" => "-",
                "-" => "+",
                "+=" => "-=",
                "-=" => "+=",
                _ => return,
            };
            let quoted = format!("\"{other}\"");
            push("flip an operator", if token.kind == Kind::Text { &quoted } else { other });
        }
        (Kind::Word, "true") => push("turn a truth round", "false"),
        (Kind::Word, "false") => push("turn a truth round", "true"),
        (Kind::Word, "allow" | "ok" | "queue" | "deny" | "firing") => {
            let Some(at) = call(text, tokens, n) else { return };
            let instead = match word {
                "allow" => "queue(\"mutant\")",
                "ok" => "firing(\"mutant\")",
                "firing" => "ok()",
                _ => "allow()",
            };
            changes.push(Change { what: "give another answer", at, instead: instead.to_owned() });
        }
        (Kind::Number, _) => number(text, token, changes),
        _ => {}
    }
}

/// The place of a call from its name to its closing parenthesis.
fn call(text: &str, tokens: &[Token], n: usize) -> Option<std::ops::Range<usize>> {
    let start = tokens.get(n)?.at.start;
    let mut open = 0_usize;
    for token in tokens.get(n + 1..)? {
        match (token.kind, text.get(token.at.clone())?) {
            (Kind::Symbol, "(") => open += 1,
            (Kind::Symbol, ")") if open == 1 => return Some(start..token.at.end),
            (Kind::Symbol, ")") => open = open.checked_sub(1)?,
            _ if open == 0 => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_script_has_its_mistakes() {
        let text = "fn rule() { #{ for_s: 60, every_s: 30 } }\nfn check(p) { if p.n >= 3 && indicator(\"x\", p.m, 5, \"<\") { return firing(`a`); } ok() }";
        let made: Vec<String> = changes(text).iter().map(|it| it.applied(text).unwrap()).collect();
        for part in [
            "for_s: 61",
            "for_s: 59",
            "p.n > 3",
            "p.n >= 4",
            "3 || ind",
            "p.m, 6",
            "\"<=\"",
            "if !(p.n",
            "return ok();",
            "firing(\"mutant\") }",
            "{  } ok()",
        ] {
            assert!(made.iter().any(|text| text.contains(part)), "{part}\n{made:#?}");
        }
        assert!(!made.iter().any(|text| text.contains("every_s: 31")));
    }
}
