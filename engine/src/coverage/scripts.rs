//! What cases show of scripts: that each statement runs, that each condition holds and fails. The cases run again over
//! texts with calls in them, in engines of their own.

use std::collections::BTreeMap;

use super::{FileCoverage, Point, PointKind, Side};
use crate::Bundle;
use crate::bundle::ScriptKind;
use crate::bundle::place::Source;
use crate::cases::Trial;
use crate::script::Hits;
use crate::script::text::{Place, instrument};

/// The files of scripts with what the cases show of each.
pub(super) fn cover(bundle: &Bundle, trial: &Trial<'_>) -> Vec<FileCoverage> {
    let hits = Hits::default();
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    let mut places: BTreeMap<&str, Vec<Place>> = BTreeMap::new();
    let mut next = 0;
    for script in bundle.scripts() {
        let (text, found) = instrument(&script.source, next);
        next += u32::try_from(found.len()).unwrap_or_default();
        texts.insert(&script.path, text);
        places.insert(&script.path, found);
    }
    if let Some(listening) = bundle.with_scripts(&|path| texts.get(path).cloned(), Some(&hits)) {
        let quiet = Trial { progress: &|_, _| {}, ..*trial };
        listening.try_cases(&quiet);
    }
    let files = bundle.scripts().map(|script| {
        let source = Source::new(&script.source);
        let points = places.remove(script.path.as_str()).unwrap_or_default().into_iter().map(|place| {
            let first_line = source.slice(place.at.clone());
            let sides = match place.branch {
                true => vec![
                    Side { name: "true", times: hits.times(place.number, true) },
                    Side { name: "false", times: hits.times(place.number, false) },
                ],
                false => vec![Side { name: "run", times: hits.times(place.number, true) }],
            };
            Point {
                kind: if place.branch { PointKind::Branch } else { PointKind::Line },
                within: place.function,
                text: first_line.lines().next().unwrap_or_default().to_owned(),
                span: source.span(place.at),
                sides,
            }
        });
        let points = points.collect();
        let source = vec![(1, script.source.clone())];
        FileCoverage { file: script.path.clone(), points, source }
    });
    files.collect()
}

impl Bundle {
    /// The same bundle with other texts of its scripts, of which some may listen. `None` if one of them cannot be
    /// compiled.
    pub(crate) fn with_scripts(&self, text: &dyn Fn(&str) -> Option<String>, hits: Option<&Hits>) -> Option<Self> {
        let of = |kind: ScriptKind| -> Vec<(String, String)> {
            let scripts = self.scripts().filter(|script| script.kind == kind);
            scripts
                .map(|script| (script.path.clone(), text(&script.path).unwrap_or_else(|| script.source.clone())))
                .collect()
        };
        let (admission, alerts, jobs) = (of(ScriptKind::Admission), of(ScriptKind::Alert), of(ScriptKind::Job));
        fn pairs(scripts: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
            scripts.iter().map(|(path, text)| (path.as_str(), text.as_str()))
        }
        let mut other = self.clone();
        other.admission = self.admission.with(pairs(&admission), hits)?.into();
        other.alerts = self.alerts.with(pairs(&alerts), hits)?.into();
        other.jobs = self.jobs.with(pairs(&jobs), hits)?.into();
        Some(other)
    }
}
