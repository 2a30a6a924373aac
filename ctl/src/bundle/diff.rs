//! `bundle diff`: what is different between two bundles, in their texts and in their answers.

use std::path::{Path, PathBuf};

use clap::Args;
use legator_engine::{AnswerChange, Bundle, ChangeKind, Diff, Short, Trial};
use serde_json::json;

use super::progress::Bar;
use super::{loaded, source};
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, word};
use crate::server::Server;
use crate::{clean, field};

/// Say what a change to a bundle changes: files, policies, and which answers, what is newly allowed first.
#[derive(Args)]
pub struct Compare {
    /// The bundle before: a folder, an archive, or `FOLDER@REV` for a git revision of the folder.
    before: PathBuf,
    /// The bundle after.
    after: PathBuf,
    /// Both are revisions that the server keeps (`active` is the one that decides), and it compares their answers.
    #[arg(long)]
    on_server: bool,
    /// How many requests are generated beside those of the cases.
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    requests: u32,
    /// Fail if any answer changes.
    #[arg(long)]
    fail_on_change: bool,
}

impl Compare {
    pub async fn obey(self, server: impl FnOnce() -> Result<Server, Failure>, screen: Screen) -> Result<Exit, Failure> {
        if self.on_server { self.there(&server()?, screen).await } else { self.here(screen) }
    }

    /// The answers of two revisions, as the server finds them.
    async fn there(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let body = json!({
            "revision": self.after.to_string_lossy(),
            "against": self.before.to_string_lossy(),
            "requests": self.requests,
        });
        let found = server.post(&["api", "v1", "bundles", "compare"], &[], &body).await?;
        let answers: Vec<AnswerChange> =
            serde_json::from_value(found["answers"].clone()).map_err(|fault| Failure::Answer(fault.to_string()))?;
        let tried = usize::try_from(field::number(&found, "tried")).unwrap_or(usize::MAX);
        screen.either(&found, || show_answers(screen, &answers, tried));
        Ok(if self.fail_on_change && !answers.is_empty() { Exit::FAILED } else { Exit::OK })
    }

    fn here(self, screen: Screen) -> Result<Exit, Failure> {
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
        let diff = Diff::of((&before.0, &before.1), (&after.0, &after.1), &trial, self.requests as usize);
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
    show_answers(screen, &diff.answers, diff.tried);
}

fn show_answers(screen: Screen, answers: &[AnswerChange], tried: usize) {
    for answer in answers {
        one(screen, answer);
    }
    let changes = answers.len();
    let said =
        if changes == 0 { "no answer changes".to_owned() } else { format!("{changes} kind(s) of answer change") };
    screen.data(&format!("{}{said}, of {tried} requests", word(if changes == 0 { "ok" } else { "hold" })));
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
