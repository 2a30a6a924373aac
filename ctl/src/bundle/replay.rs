//! `bundle replay`: recorded decisions, decided again under a candidate; here over an export, or on the server.

use std::io::{BufRead as _, BufReader, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use legator_engine::Bundle;
use legator_engine::replay::{
    Blind, Difference, Kind, Line, Obstacle, Record, Selection, Tally, replay, replay_masked,
};
use serde_json::{Value, json};

use super::budget::{self, BudgetArgs};
use super::candidate::{self, Candidate, SelectionArgs};
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, word};
use crate::server::Server;
use crate::{clean, field};

/// How often the server is asked how far it is.
const PACE: Duration = Duration::from_millis(300);

/// Decide recorded decisions again under a bundle, and show what it would have changed.
#[derive(Args)]
pub struct Replay {
    #[command(flatten)]
    candidate: Candidate,
    /// An export of decisions (`bundle facts export`): replayed here, without a server.
    #[arg(long, value_name = "FILE", conflicts_with = "revision")]
    from: Option<PathBuf>,
    #[command(flatten)]
    which: SelectionArgs,
    /// List so many changed decisions, and so many that cannot be decided again.
    #[arg(long, value_name = "N", default_value_t = 20)]
    list: usize,
    /// Only list changes of this kind: `newly-allowed`, `newly-denied`, …
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Ask for it, and go away; `bundle replays ID` comes back to it.
    #[arg(long, conflicts_with = "from")]
    no_wait: bool,
    #[command(flatten)]
    budget: BudgetArgs,
}

/// Come back to a replay on the server, or list them.
#[derive(Args)]
pub struct Replays {
    /// The replay; the newest are listed if absent.
    id: Option<String>,
    /// End it before it is through.
    #[arg(long, requires = "id")]
    cancel: bool,
    /// List so many changed decisions, and so many that cannot be decided again.
    #[arg(long, value_name = "N", default_value_t = 20)]
    list: usize,
    /// Only list changes of this kind: `newly-allowed`, `newly-denied`, …
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    #[command(flatten)]
    budget: BudgetArgs,
}

/// What a replay came to, from wherever it was done.
struct Outcome {
    document: Value,
    tally: Tally,
    differences: Vec<Value>,
    stopped: Vec<Value>,
}

impl Replay {
    pub async fn obey(self, server: impl FnOnce() -> Result<Server, Failure>, screen: Screen) -> Result<Exit, Failure> {
        if self.kind.as_deref().is_some_and(|kind| Kind::named(kind).is_none()) {
            let names: Vec<&str> = Kind::ALL.into_iter().map(Kind::as_str).collect();
            return Err(Failure::Usage(format!("`--kind` is one of {}", names.join(", "))));
        }
        if let (Some(from), Some(folder)) = (&self.from, self.candidate.folder()) {
            let bundle = match candidate::load(screen, folder)? {
                Ok(bundle) => bundle,
                Err(exit) => return Ok(exit),
            };
            let (selection, shown) = (self.which.selection()?, (self.list, self.kind.as_deref()));
            let outcome = here(&bundle, from, &selection, shown)?;
            return Ok(show(screen, &outcome, self.budget));
        }
        let server = server()?;
        let mut body = self.candidate.body()?;
        body.extend(self.which.pairs()?.into_iter().map(|(name, value)| (name.to_owned(), value.into())));
        let started = server.post(&["api", "v1", "replays"], &[], &Value::Object(body)).await?;
        if self.no_wait {
            screen.either(&started, || screen.data(&field::shown(&started, "id")));
            return Ok(Exit::OK);
        }
        follow(&server, screen, field::text(&started, "id"), (self.list, self.kind.as_deref()), self.budget).await
    }
}

impl Replays {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let Some(id) = &self.id else {
            let list = server.get(&["api", "v1", "replays"], &[]).await?;
            screen.either(&list, || {
                let rows = field::list(&list, "replays").iter().map(|replay| {
                    let tally = serde_json::from_value::<Tally>(replay["tally"].clone()).unwrap_or_default();
                    vec![
                        field::shown(replay, "id"),
                        field::shown(replay, "state"),
                        format!("{}/{}", field::number(replay, "seen"), field::number(replay, "total")),
                        tally.outcomes_changed().to_string(),
                        field::shown(replay, "candidate").chars().take(12).collect(),
                        field::shown(replay, "actor"),
                        field::time(replay, "created_at"),
                    ]
                });
                screen.table(&["ID", "STATE", "SEEN", "CHANGED", "CANDIDATE", "BY", "AT"], rows.collect());
            });
            return Ok(Exit::OK);
        };
        if self.cancel {
            let canceled = server.post(&["api", "v1", "replays", id, "cancel"], &[], &Value::Null).await?;
            screen.either(&canceled, || screen.data(&format!("{}{id}", word("canceled"))));
            return Ok(Exit::OK);
        }
        follow(server, screen, id, (self.list, self.kind.as_deref()), self.budget).await
    }
}

/// Waits for a replay's end, and shows it. An interrupt cancels it.
async fn follow(
    server: &Server,
    screen: Screen,
    id: &str,
    shown: (usize, Option<&str>),
    budget: BudgetArgs,
) -> Result<Exit, Failure> {
    let path = ["api", "v1", "replays", id];
    let bar = bar(0);
    let ended = async {
        loop {
            let replay = server.get(&path, &[]).await?;
            bar.set_length(field::number(&replay, "total"));
            bar.set_position(field::number(&replay, "seen"));
            if replay["ended"] == true {
                return Ok::<_, Failure>(replay);
            }
            tokio::time::sleep(PACE).await;
        }
    };
    let replay = tokio::select! {
        replay = ended => replay?,
        _ = tokio::signal::ctrl_c() => {
            bar.finish_and_clear();
            let _ = server.post(&["api", "v1", "replays", id, "cancel"], &[], &Value::Null).await;
            return Err(Failure::Interrupted);
        }
    };
    bar.finish_and_clear();
    match field::text(&replay, "state") {
        "done" => {}
        "canceled" => return Err(Failure::Local(format!("the replay `{id}` was canceled"))),
        _ => return Err(Failure::Local(format!("the replay `{id}` failed: {}", field::shown(&replay, "fault")))),
    }
    let tally: Tally =
        serde_json::from_value(replay["tally"].clone()).map_err(|fault| Failure::Answer(fault.to_string()))?;
    let (mut differences, mut stopped, mut cursor) = (Vec::new(), Vec::new(), String::new());
    loop {
        let mut query = vec![("limit", "1000")];
        query.extend((!cursor.is_empty()).then_some(("cursor", cursor.as_str())));
        let page = server.get(&["api", "v1", "replays", id, "findings"], &query).await?;
        let fits = |found: &&Value| shown.1.is_none_or(|kind| field::text(found, "kind") == kind);
        differences.extend(field::list(&page, "differences").iter().filter(fits).cloned());
        stopped.extend(field::list(&page, "not_replayable").iter().cloned());
        let enough = differences.len() >= shown.0 && stopped.len() as u64 >= tally.stopped().min(shown.0 as u64);
        match page["next_cursor"].as_u64() {
            Some(next) if !enough => cursor = next.to_string(),
            _ => break,
        }
    }
    differences.truncate(shown.0);
    stopped.truncate(shown.0);
    let document = json!({
        "replay": id, "candidate": replay["candidate"], "total": replay["total"], "tally": replay["tally"],
    });
    Ok(show(screen, &Outcome { document, tally, differences, stopped }, budget))
}

/// Replays an export on this machine.
fn here(bundle: &Bundle, from: &Path, selection: &Selection, shown: (usize, Option<&str>)) -> Result<Outcome, Failure> {
    let fault = |source| Failure::File { verb: "read", path: from.to_owned(), source };
    let file = std::fs::File::open(from).map_err(fault)?;
    let bar = bar(file.metadata().map_err(fault)?.len());
    let (mut tally, mut differences, mut stopped) = (Tally::default(), Vec::new(), Vec::new());
    let mut blind: Option<Blind> = None;
    let (mut lines, mut end, mut total) = (0_u64, None, 0_u64);
    for text in BufReader::with_capacity(1 << 20, file).lines() {
        let text = text.map_err(fault)?;
        lines += 1;
        bar.inc(text.len() as u64 + 1);
        if text.trim().is_empty() {
            continue;
        }
        let mut stop = |obstacle: Obstacle, command: &str, judgement: u32| {
            tally.stop(&obstacle);
            if stopped.len() < shown.0 {
                stopped.push(json!({
                    "kind": obstacle.kind, "command": command, "judgement": judgement, "line": lines,
                    "detail": obstacle.detail,
                }));
            }
        };
        match Line::parse(&text) {
            Ok(Line::Masked(kept)) => blind = Some(Blind::new(bundle, &kept)),
            Ok(Line::End(n)) => end = Some(n),
            Ok(Line::Stopped(it)) => {
                total += 1;
                if selection.takes_time(it.at_ms) {
                    stop(it.obstacle, &it.command, it.judgement);
                }
            }
            Ok(Line::Decision(record)) => {
                total += 1;
                if !selection.takes(&record) {
                    continue;
                }
                match again(bundle, blind.as_ref(), &record) {
                    Ok(replayed) => {
                        tally.add(&record, &replayed);
                        let wanted = shown.1.is_none_or(|kind| replayed.kind.as_str() == kind);
                        if wanted && differences.len() < shown.0 {
                            differences.extend(Difference::of(&record, &replayed).map(|found| as_listed(&found)));
                        }
                    }
                    Err(obstacle) => stop(obstacle, &record.command, record.judgement),
                }
            }
            Err(obstacle) => {
                total += 1;
                stop(obstacle, "", 0);
            }
        }
    }
    bar.finish_and_clear();
    if end != Some(total) {
        return Err(Failure::Local(match end {
            None => format!("`{}` has no last line: the export was cut", from.display()),
            Some(end) => format!("`{}` says that it has {end} decisions, and has {total}", from.display()),
        }));
    }
    let document = json!({ "from": from, "candidate": bundle.revision(), "total": total, "tally": tally });
    Ok(Outcome { document, tally, differences, stopped })
}

fn again(
    bundle: &Bundle,
    blind: Option<&Blind>,
    record: &Record,
) -> Result<legator_engine::replay::Replayed, Obstacle> {
    match blind {
        Some(blind) => replay_masked(bundle, blind, record),
        None if record.masked => Err(Obstacle::new(
            legator_engine::replay::ObstacleKind::Masked,
            "the export's first line, which says what is masked, is missing",
        )),
        None => replay(bundle, record),
    }
}

/// A difference as the API lists it.
fn as_listed(found: &Difference) -> Value {
    let mut listed = json!(found);
    listed["outcome_before"] = found.outcome_before.as_str().into();
    listed["outcome_after"] = found.outcome_after.as_str().into();
    listed
}

fn bar(length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:32} {percent}%  {per_sec}  {eta} left");
    let bar = ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    bar
}

fn show(screen: Screen, outcome: &Outcome, budget: BudgetArgs) -> Exit {
    let Outcome { document, tally, differences, stopped } = outcome;
    let overruns = budget.overruns(tally);
    let mut document = document.clone();
    document["differences"] = json!(differences);
    document["not_replayable"] = json!(stopped);
    document["budget"] = budget::document(&overruns);
    screen.either(&document, || {
        tallied(screen, tally);
        listed(screen, differences);
        for found in stopped {
            screen.note(&format!(
                "not replayable ({})  {} {}  {}",
                field::shown(found, "kind"),
                field::shown(found, "command"),
                field::shown(found, "judgement"),
                field::shown(found, "detail")
            ));
        }
    });
    budget::settle(screen, &overruns)
}

/// The counts, and the breakdowns of what changed.
pub fn tallied(screen: Screen, tally: &Tally) {
    let mut facts = vec![("decisions", tally.decisions.to_string())];
    for kind in Kind::ALL.into_iter().filter(|kind| tally.kinds.of(*kind) > 0) {
        facts.push((kind.as_str(), tally.kinds.of(kind).to_string()));
    }
    facts.extend((tally.reclassified > 0).then(|| ("reclassified", tally.reclassified.to_string())));
    facts.extend((tally.own > 0).then(|| ("identical", format!("{} of {} of its own", tally.identical, tally.own))));
    let stopped: Vec<String> = tally.not_replayable.iter().map(|(kind, n)| format!("{n} {}", kind.as_str())).collect();
    facts.push(("not replayable", stopped.join(", ")));
    screen.facts(&facts);
    let by = [
        ("POLICY", &tally.by_policy),
        ("PRINCIPAL", &tally.by_principal),
        ("TAG", &tally.by_tag),
        ("ACTION", &tally.by_action),
    ];
    for (what, counts) in by {
        let rows: Vec<Vec<String>> = counts
            .iter()
            .filter(|(_, counts)| counts.changed() > 0)
            .map(|(name, counts)| {
                let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Same && counts.of(*kind) > 0);
                let said: Vec<String> = kinds.map(|kind| format!("{} {}", counts.of(kind), kind.as_str())).collect();
                vec![clean::line(name), said.join(", ")]
            })
            .collect();
        if !rows.is_empty() {
            screen.data("");
            screen.table(&[what, "CHANGED"], rows);
        }
    }
}

/// Changed decisions, one a line.
pub fn listed(screen: Screen, differences: &[Value]) {
    if differences.is_empty() {
        return;
    }
    let rows = differences.iter().map(|found| {
        let reclassified = match field::text(found, "action_before") == field::text(found, "action_after") {
            true => String::new(),
            false => format!(" ({} → {})", field::shown(found, "action_before"), field::shown(found, "action_after")),
        };
        vec![
            field::shown(found, "command"),
            field::shown(found, "kind"),
            format!(
                "{} → {}{reclassified}",
                field::shown(found, "outcome_before"),
                field::shown(found, "outcome_after")
            ),
            field::shown(found, "principal"),
            field::shown(found, "probe"),
            field::shown(found, "line"),
            field::shown(found, "policies"),
        ]
    });
    screen.data("");
    screen.table(&["COMMAND", "KIND", "OUTCOME", "WHO", "PROBE", "LINE", "BY"], rows.collect());
}
