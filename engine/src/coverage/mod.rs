//! Coverage: what a bundle's cases show of its policies and scripts, and what none shows.
//!
//! A clause counts as seen only where it made a difference: a constraint of the scope while the others were met, a
//! conjunct while everything before it was as it should. So a clause that every case meets with the same answer is a
//! clause that nobody would miss.

mod html;
mod lcov;
mod policies;
mod scripts;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Bundle;
use crate::cases::Trial;
use crate::rationale::Span;

/// What the cases show, file by file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    pub files: Vec<FileCoverage>,
    /// Cases that did not hold. What they show does not count.
    pub failed_cases: usize,
}

/// What the cases show of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileCoverage {
    pub file: String,
    pub points: Vec<Point>,
    /// Pieces of the file, each with the number of its first line.
    #[serde(skip)]
    pub source: Vec<(u32, String)>,
}

/// A place that cases can show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Point {
    pub kind: PointKind,
    /// The policy or the function that it is in.
    pub within: String,
    pub text: String,
    pub span: Span,
    pub sides: Vec<Side>,
}

/// One of the ways in which a place can be seen, and how often it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    pub name: &'static str,
    pub times: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PointKind {
    /// A policy: that it determines an outcome.
    Policy,
    /// A scope constraint or a conjunct: that it holds and that it fails.
    Clause,
    /// A statement of a script: that it runs.
    Line,
    /// A condition of a script: that it holds and that it fails.
    Branch,
}

/// How many of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    pub seen: usize,
    pub of: usize,
}

impl Share {
    /// In percent; of nothing, all is seen.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub fn percent(self) -> f64 {
        if self.of == 0 { 100.0 } else { self.seen as f64 * 100.0 / self.of as f64 }
    }

    /// Whether it is at least this much. Exact, so that 94.96 % is not 95 %.
    pub fn reaches(self, percent: u32) -> bool {
        self.seen * 100 >= self.of * percent as usize
    }
}

impl Coverage {
    /// Tries the cases that a trial takes, and notes what they show.
    pub fn of(bundle: &Bundle, trial: &Trial<'_>) -> Self {
        let (mut files, failed_cases) = policies::cover(bundle, trial);
        files.extend(scripts::cover(bundle, trial));
        Self { files, failed_cases }
    }

    /// How much of these kinds was seen, side by side.
    pub fn share(&self, kinds: &[PointKind]) -> Share {
        let mut share = Share::default();
        for file in &self.files {
            let part = file.share(kinds);
            share = Share { seen: share.seen + part.seen, of: share.of + part.of };
        }
        share
    }

    /// Policies and their clauses.
    pub fn clauses(&self) -> Share {
        self.share(&[PointKind::Policy, PointKind::Clause])
    }

    /// Lines and branches of scripts.
    pub fn scripts(&self) -> Share {
        self.share(&[PointKind::Line, PointKind::Branch])
    }

    /// What no case shows, with its file.
    pub fn unseen(&self) -> impl Iterator<Item = (&FileCoverage, &Point, &Side)> {
        let points = self.files.iter().flat_map(|file| file.points.iter().map(move |point| (file, point)));
        points.flat_map(|(file, point)| {
            point.sides.iter().filter(|side| side.times == 0).map(move |side| (file, point, side))
        })
    }

    /// As a tracefile of lcov, which editors and build servers read.
    pub fn lcov(&self) -> String {
        lcov::tracefile(self)
    }

    /// As pages: their names and texts; `index.html` is the first.
    pub fn html(&self, title: &str) -> BTreeMap<String, String> {
        html::pages(self, title)
    }
}

impl FileCoverage {
    pub fn share(&self, kinds: &[PointKind]) -> Share {
        let sides = self.points.iter().filter(|point| kinds.contains(&point.kind)).flat_map(|point| &point.sides);
        sides.fold(Share::default(), |share, side| Share {
            seen: share.seen + usize::from(side.times > 0),
            of: share.of + 1,
        })
    }

    /// The lines of its source with the points that begin on each.
    pub fn lines(&self) -> impl Iterator<Item = (u32, &str, Vec<&Point>)> {
        let lines = self.source.iter().flat_map(|(first, text)| (*first..).zip(text.lines()));
        lines.map(|(number, text)| {
            (number, text, self.points.iter().filter(|point| point.span.line == number).collect())
        })
    }
}

impl Point {
    /// Whether every side was seen.
    pub fn covered(&self) -> bool {
        self.sides.iter().all(|side| side.times > 0)
    }

    /// What is missing, as a sentence; empty where nothing is.
    pub fn missing(&self) -> String {
        let unseen: Vec<&str> = self.sides.iter().filter(|side| side.times == 0).map(|side| side.name).collect();
        if unseen.is_empty() { String::new() } else { format!("never {}", unseen.join(", never ")) }
    }
}
