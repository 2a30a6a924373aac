//! `bundle diff`: what is different between two bundles, in their texts and in their answers.

use std::path::{Path, PathBuf};

use clap::Args;
use legator_engine::{AnswerChange, Bundle, ChangeKind, Diff, Short, Trial};
use serde_json::json;

use super::progress::Bar;
use super::{loaded, source};
use crate::clean;
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, word};

/// Say what a change to a bundle changes: files, policies, and which answers, what is newly allowed first.
#[derive(Args)]
pub struct Compare {
    /// The bundle before: a folder, an archive, or `FOLDER@REV` for a git revision of the folder.
    before: PathBuf,
    /// The bundle after.
    after: PathBuf,
    /// How many requests are generated beside those of the cases.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    requests: usize,
    /// Fail if any answer changes.
    #[arg(long)]
    fail_on_change: bool,
}

impl Compare {
    pub fn obey(self, screen: Screen) -> Result<Exit, Failure> {
        let read = |folder: &Path| source::read(folder).map(|files| (Bundle::load(&files), files));
        let (before, after) = match (read(&self.before)?, read(&self.after)?) {
            ((Ok(before), one), (Ok(after), other)) => ((before, one), (after, other)),
            ((one, _), (other, _)) => {
                let faults: Vec<_> = [one, other].into_iter().filter_map(Result::err).flatten().collect();
                screen.either(&json!({ "ok": false, "faults": faults }), || loaded::show(screen, &faults));
                return Ok(Exit::FAILED);
            }
        };
        let bar = Bar::new(screen, "requests");
        let progress = |done, of| bar.at(done, of);
        let trial = Trial { filter: "", threads: loaded::threads(), progress: &progress };
        let diff = Diff::of((&before.0, &before.1), (&after.0, &after.1), &trial, self.requests);
        drop(bar);
        let document = json!({
            "before": before.0.revision(),
            "after": after.0.revision(),
            "diff": diff,
        });
        screen.either(&document, || show(screen, &diff));
        Ok(if self.fail_on_change && diff.changes_answers() { Exit::FAILED } else { Exit::OK })
    }
}

fn show(screen: Screen, diff: &Diff) {
    for file in &diff.files {
        screen.data(&format!("{} {}", mark(file.kind), clean::line(&file.path)));
    }
    for policy in &diff.policies {
        screen.data(&format!(
            "{} policy `{}` in {}",
            mark(policy.kind),
            clean::line(&policy.id),
            clean::line(&policy.file)
        ));
        let lines = |text: &Option<String>| -> Vec<String> {
            text.iter().flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
        };
        let (old, new) = (lines(&policy.before), lines(&policy.after));
        for line in old.iter().filter(|line| !new.contains(line)) {
            screen.data(&format!("    - {}", clean::line(line)));
        }
        for line in new.iter().filter(|line| !old.contains(line)) {
            screen.data(&format!("    + {}", clean::line(line)));
        }
    }
    if !diff.files.is_empty() {
        screen.data("");
    }
    for answer in &diff.answers {
        one(screen, answer);
    }
    let changes = diff.answers.len();
    let said =
        if changes == 0 { "no answer changes".to_owned() } else { format!("{changes} kind(s) of answer change") };
    screen.data(&format!("{}{said}, of {} requests", word(if changes == 0 { "ok" } else { "hold" }), diff.tried));
}

fn one(screen: Screen, answer: &AnswerChange) {
    let AnswerChange { before, after, action, named, case, times } = answer;
    screen.data(&format!("{}where it was {}: {}", word(&after.outcome), shown(before), clean::line(action)));
    screen.data(&format!("        before  {}\n        after   {}", by(before), by(after)));
    match named {
        Some(name) => screen.data(&format!("        the case `{}`", clean::line(name))),
        None => {
            for line in clean::lines(case).lines() {
                screen.data(&format!("          {line}"));
            }
        }
    }
    if *times > 1 {
        screen.data(&format!("        and {} more like it", times - 1));
    }
    screen.data("");
}

fn shown(short: &Short) -> String {
    if short.approvals > 0 { format!("{} for {}", short.outcome, short.approvals) } else { short.outcome.clone() }
}

fn by(short: &Short) -> String {
    let names: Vec<String> = short.by.iter().map(|name| clean::line(name)).collect();
    format!("{}: {}", shown(short), names.join(", "))
}

const fn mark(kind: ChangeKind) -> char {
    match kind {
        ChangeKind::Added => '+',
        ChangeKind::Removed => '-',
        ChangeKind::Changed => '~',
    }
}
