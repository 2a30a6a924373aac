//! What is the answer: classify, guard, admit; the strictest wins.

use crate::decision::{Classified, Decision, Outcome};
use crate::facts::{Ask, Facts};
use crate::rationale::{Counterfactual, Driver, DriverSource, Rationale};
use crate::{Bundle, classify};

/// Decides. Pure: the same bundle and the same facts give the same decision, to the byte.
pub fn decide(bundle: &Bundle, facts: &Facts) -> Decision {
    let (action, classification) = match &facts.ask {
        Ask::Command(spec) => {
            let classified = Classified::from(classify(bundle.table(), spec));
            (classified.level.as_str().to_owned(), Some(classified))
        }
        Ask::Operation(action) => (action.clone(), None),
    };
    let summary = "no policy permits this";
    Decision {
        outcome: Outcome::Deny,
        action,
        classification,
        rationale: Rationale {
            summary: summary.to_owned(),
            drove_outcome: vec![Driver { source: DriverSource::Silence, name: summary.to_owned() }],
            counterfactual: Some(Counterfactual::Nothing { message: "nothing would make it pass".to_owned() }),
            ..Rationale::default()
        },
        revision: bundle.revision().to_owned(),
        facts_digest: facts.digest(),
    }
}
