//! What cases show of policies: that each determines, that each clause holds and fails.

use std::collections::BTreeMap;

use super::{FileCoverage, Point, PointKind, Side};
use crate::Bundle;
use crate::cases::{Case, Trial};
use crate::guard::{Question, Seen, Way};
use crate::parallel;

/// What one case shows.
struct Shown {
    passed: bool,
    seen: Vec<Seen>,
    determined: Vec<String>,
}

/// The files of policies with what the cases show of each, and how many cases did not hold.
pub(super) fn cover(bundle: &Bundle, trial: &Trial<'_>) -> (Vec<FileCoverage>, usize) {
    let chosen: Vec<&Case> = bundle.cases().filter(|case| trial.takes(&case.file, &case.name)).collect();
    let shown = parallel::each(trial.threads, &chosen, trial.progress, |case| show(bundle, case));
    let mut sides: BTreeMap<(u32, usize), (u32, u32)> = BTreeMap::new();
    let mut determined: BTreeMap<&str, u32> = BTreeMap::new();
    for one in shown.iter().filter(|one| one.passed) {
        for seen in &one.seen {
            let (held, failed) = sides.entry((seen.policy, seen.clause)).or_default();
            *(if seen.held { held } else { failed }) += 1;
        }
        for id in &one.determined {
            *determined.entry(id).or_default() += 1;
        }
    }
    let mut files: BTreeMap<&str, FileCoverage> = BTreeMap::new();
    for (n, info) in (0_u32..).zip(bundle.policies()) {
        let file = files.entry(&info.file).or_insert_with(|| FileCoverage {
            file: info.file.clone(),
            points: Vec::new(),
            source: Vec::new(),
        });
        file.source.push((info.span.line, info.source.clone()));
        let times = determined.get(info.id.as_str()).copied().unwrap_or_default();
        file.points.push(Point {
            kind: PointKind::Policy,
            within: info.id.clone(),
            text: info.id.clone(),
            span: info.span,
            sides: vec![Side { name: "determining", times }],
        });
        for (number, clause) in bundle.guard.clauses(n).into_iter().enumerate() {
            // A scope that takes everything cannot fail.
            if matches!(clause.text, "principal" | "action" | "resource") {
                continue;
            }
            let (held, failed) = sides.get(&(n, number)).copied().unwrap_or_default();
            file.points.push(Point {
                kind: PointKind::Clause,
                within: info.id.clone(),
                text: clause.text.split_whitespace().collect::<Vec<_>>().join(" "),
                span: clause.span,
                sides: vec![Side { name: "true", times: held }, Side { name: "false", times: failed }],
            });
        }
    }
    (files.into_values().collect(), shown.iter().filter(|one| !one.passed).count())
}

fn show(bundle: &Bundle, case: &Case) -> Shown {
    let decision = case.decided(bundle);
    let passed = case.expect.differences(&decision).is_empty();
    let mut seen = Vec::new();
    let (guard, said) = (&bundle.guard, decision.classification.as_ref());
    if let Ok(question) = Question::new(&guard.vocabulary, &decision.action, &case.facts, said, Way::Indexed) {
        guard.observe(&question, &case.facts.context, &mut |one| seen.push(one));
    }
    let determined = decision.rationale.policies.into_iter().map(|policy| policy.id).collect();
    Shown { passed, seen, determined }
}
