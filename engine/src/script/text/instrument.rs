//! A script's text with a call before each statement and around each condition, so that a run leaves its traces.

use std::ops::Range;

use super::{outline, tokens};
use crate::script::{BRANCH, LINE};

/// A place that leaves a trace, under its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) number: u32,
    pub(crate) function: String,
    pub(crate) at: Range<usize>,
    /// Whether it is a condition, which holds or fails, and not a statement, which runs.
    pub(crate) branch: bool,
}

/// The text with calls, and its places, numbered from `first`. Functions that only describe the script are left out.
pub(crate) fn instrument(text: &str, first: u32) -> (String, Vec<Place>) {
    let tokens = tokens(text);
    let outline = outline(text, &tokens);
    let describes = |at: usize| matches!(outline.function_at(at), "rule" | "job" | "");
    let statements = outline.statements.iter().chain(&outline.arms).map(|at| (at.clone(), false));
    let conditions = outline.conditions.iter().map(|at| (at.clone(), true));
    let found = statements.chain(conditions).filter(|(at, _)| !describes(at.start));
    let mut places: Vec<Place> = Vec::new();
    let mut inserts: Vec<(usize, bool, String)> = Vec::new();
    for (number, (at, branch)) in (first..).zip(found) {
        let arm = outline.arms.contains(&at);
        match (branch, arm) {
            (true, _) => {
                inserts.push((at.start, true, format!("{BRANCH}({number}, ")));
                inserts.push((at.end, false, ")".to_owned()));
            }
            (false, true) => {
                inserts.push((at.start, true, format!("{{ {LINE}({number}); ")));
                inserts.push((at.end, false, " }".to_owned()));
            }
            (false, false) => inserts.push((at.start, true, format!("{LINE}({number}); "))),
        }
        let function = outline.function_at(at.start).to_owned();
        places.push(Place { number, function, at, branch });
    }
    // From the end, so that places before stay where they are; at one place what closes comes before what opens.
    inserts.sort_by(|one, other| other.0.cmp(&one.0).then(other.1.cmp(&one.1)));
    let mut out = text.to_owned();
    for (at, _, insert) in inserts {
        out.insert_str(at, &insert);
    }
    (out, places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_stand_before_statements_and_around_conditions() {
        let (out, places) = instrument("fn f(a) { if a { b(); } switch a { 1 => c, _ => d } }", 7);
        assert_eq!(
            out,
            "fn f(a) { __ran(7); if __held(12, a) { __ran(8); b(); } __ran(9); switch a { 1 => { __ran(10); c }, _ => { __ran(11); d } } }"
        );
        assert_eq!(places.len(), 6);
        assert!(places.iter().all(|place| place.function == "f"));
    }

    #[test]
    fn what_describes_the_script_is_left_as_it_is() {
        assert_eq!(instrument("fn rule() { #{ for_s: 3 } }", 0).0, "fn rule() { #{ for_s: 3 } }");
    }
}
