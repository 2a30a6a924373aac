//! Small mistakes in a policy: another effect, a wider scope, a condition less, another operator, another number.

use std::collections::BTreeSet;
use std::ops::Range;

use super::Change;
use crate::guard::{Anatomy, anatomy};
use crate::script::text::{Kind, Token, tokens};

/// Every change of one policy's text, each once.
pub(super) fn changes(text: &str) -> Vec<Change> {
    let Some(anatomy) = anatomy(text) else { return Vec::new() };
    let tokens = tokens(text);
    let mut changes = Vec::new();
    effect(text, &tokens, &mut changes);
    scope(text, &tokens, &anatomy, &mut changes);
    conditions(text, &anatomy, &mut changes);
    for (_, _, conjuncts) in &anatomy.conditions {
        for conjunct in conjuncts {
            operators(text, &tokens, conjunct, &mut changes);
        }
    }
    between(text, &tokens, &anatomy, &mut changes);
    let mut seen = BTreeSet::new();
    changes.retain(|change| change.applied(text).is_some_and(|text| seen.insert(text)));
    changes
}

fn effect(text: &str, tokens: &[Token], changes: &mut Vec<Change>) {
    let mut before = "";
    for token in tokens {
        let word = text.get(token.at.clone()).unwrap_or_default();
        let other = match word {
            "permit" => "forbid",
            "forbid" => "permit",
            _ => "",
        };
        if before != "@" && !other.is_empty() {
            return changes.push(Change {
                what: "turn the effect round",
                at: token.at.clone(),
                instead: other.to_owned(),
            });
        }
        before = word;
    }
}

/// Each constraint is widened to everything; of a list of actions each is left out; of `is … in …` each half is.
fn scope(text: &str, tokens: &[Token], anatomy: &Anatomy, changes: &mut Vec<Change>) {
    for at in &anatomy.scope {
        let here: Vec<&Token> = tokens.iter().filter(|token| within(token, at)).collect();
        let word = |token: &Token| text.get(token.at.clone()).unwrap_or_default();
        let Some(variable) = here.first() else { continue };
        if here.len() > 1 {
            let instead = word(variable).to_owned();
            changes.push(Change { what: "widen the scope", at: at.clone(), instead });
        }
        let is = here.iter().find(|token| word(token) == "is");
        let into = here.iter().find(|token| word(token) == "in");
        if let (Some(is), Some(into)) = (is, into) {
            let what = "widen the scope";
            changes.push(Change { what, at: is.at.start..into.at.start, instead: String::new() });
            changes.push(Change { what, at: into.at.start..at.end, instead: String::new() });
        }
        let (Some(open), Some(close)) =
            (here.iter().find(|it| word(it) == "["), here.iter().find(|it| word(it) == "]"))
        else {
            continue;
        };
        let inner = text.get(open.at.end..close.at.start).unwrap_or_default();
        let items: Vec<&str> = inner.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
        if items.len() > 1 {
            for left_out in 0..items.len() {
                let kept = items.iter().enumerate().filter(|(n, _)| *n != left_out).map(|(_, item)| *item);
                let instead = kept.collect::<Vec<_>>().join(", ");
                changes.push(Change { what: "leave an action out", at: open.at.end..close.at.start, instead });
            }
        }
    }
}

fn conditions(text: &str, anatomy: &Anatomy, changes: &mut Vec<Change>) {
    for (at, unless, conjuncts) in &anatomy.conditions {
        let alone = conjuncts.len() == 1;
        changes.push(Change { what: "drop a condition", at: at.clone(), instead: String::new() });
        for conjunct in conjuncts {
            let written = text.get(conjunct.clone()).unwrap_or_default();
            if !alone {
                let instead = "true".to_owned();
                changes.push(Change { what: "drop a clause", at: conjunct.clone(), instead });
            } else if *unless {
                let instead = "true".to_owned();
                changes.push(Change { what: "let an exception always hold", at: conjunct.clone(), instead });
            }
            let instead = format!("!({written})");
            changes.push(Change { what: "negate a clause", at: conjunct.clone(), instead });
        }
    }
}

/// Operators and numbers within a clause.
fn operators(text: &str, tokens: &[Token], at: &Range<usize>, changes: &mut Vec<Change>) {
    for token in tokens.iter().filter(|token| within(token, at)) {
        let word = text.get(token.at.clone()).unwrap_or_default();
        let mut push = |what, instead: String| changes.push(Change { what, at: token.at.clone(), instead });
        match (token.kind, word) {
            (Kind::Symbol, _) => {
                if let Some(other) = other_operator(word) {
                    push("flip an operator", other.to_owned());
                }
            }
            (Kind::Word, "true") => push("turn a truth round", "false".to_owned()),
            (Kind::Word, "false") => push("turn a truth round", "true".to_owned()),
            (Kind::Number, _) => {
                if let Ok(number) = word.parse::<i64>() {
                    push("change a number", (number.saturating_add(1)).to_string());
                    push("change a number", (number.saturating_sub(1)).to_string());
                }
            }
            _ => {}
        }
    }
}

/// The `&&` between clauses.
fn between(text: &str, tokens: &[Token], anatomy: &Anatomy, changes: &mut Vec<Change>) {
    for (at, _, conjuncts) in &anatomy.conditions {
        let inside = |token: &Token| conjuncts.iter().any(|conjunct| within(token, conjunct));
        for token in tokens.iter().filter(|token| within(token, at) && !inside(token)) {
            if text.get(token.at.clone()) == Some("&&") {
                let instead = "||".to_owned();
                changes.push(Change { what: "flip an operator", at: token.at.clone(), instead });
            }
        }
    }
}

fn within(token: &Token, at: &Range<usize>) -> bool {
    at.start <= token.at.start && token.at.end <= at.end
}

fn other_operator(operator: &str) -> Option<&'static str> {
    Some(match operator {
        "==" => "!=",
        "!=" => "==",
        "<" => "<=",
        "<=" => "<",
        ">" => ">=",
        ">=" => ">",
        "&&" => "||",
        "||" => "&&",
        "+" => "-",
        "-" => "+",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_policy_has_its_mistakes() {
        let text = "@id(\"permit\")\n@rationale(\"r\")\nforbid (principal is Agent in Role::\"a\", action in [Action::\"x\", Action::\"y\"], resource)\nwhen { context.n > 3 && context.b }\nunless { context.c };";
        let found = changes(text);
        let made: Vec<(&str, String)> = found.iter().map(|it| (it.what, it.applied(text).unwrap())).collect();
        let has = |what: &str, part: &str| made.iter().any(|(made, text)| *made == what && text.contains(part));
        for (what, part) in [
            ("turn the effect round", "permit (principal is"),
            ("widen the scope", "(principal, action"),
            ("widen the scope", "(principal is Agent , action"),
            ("widen the scope", "(principal in Role"),
            ("widen the scope", ", action, resource"),
            ("leave an action out", "[Action::\"y\"]"),
            ("drop a clause", "{ true && context.b }"),
            ("drop a condition", "unless { context.c }"),
            ("negate a clause", "!(context.c)"),
            ("let an exception always hold", "unless { true }"),
            ("flip an operator", "context.n >= 3"),
            ("flip an operator", "3 || context.b"),
            ("change a number", "> 4"),
            ("change a number", "> 2"),
        ] {
            assert!(has(what, part), "{what}: {part}\n{made:#?}");
        }
        assert!(made.iter().all(|(_, text)| text.starts_with("@id(\"permit\")")));
    }
}
