//! Recorded decisions as lines, for a replay elsewhere: open, or with everybody's names masked.
//! Never: a masked line without a second look. Each is decided again by the bundle that made it, and has to say the same.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use legator_engine::Bundle;
use legator_engine::replay::{Kept, Line, Mask, Obstacle, ObstacleKind, Record, Selection, Stopped};

use super::source::Cursor;
use super::{ReplayFault, Replays};
use crate::audit::Draft;
use crate::identity::{Permit, ReadAudit};
use crate::judgement::Judgement;

/// Judgements that are read and written at once.
const PAGE: u32 = 500;

/// An export on its way out.
struct Exporting {
    replays: Replays,
    selection: Selection,
    mask: Option<Arc<Mask>>,
    bundles: HashMap<String, Arc<Bundle>>,
    cursor: Option<Cursor>,
    at: At,
    lines: u64,
}

#[derive(PartialEq, Eq)]
enum At {
    Start,
    Middle,
    End,
}

impl Replays {
    /// The lines of an export. A stream that ends without its last line was cut.
    pub async fn export(
        &self,
        permit: Permit<ReadAudit>,
        selection: Selection,
        masked: bool,
    ) -> Result<impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static, ReplayFault> {
        let now = self.0.clock.now();
        let until = selection.until_ms.unwrap_or(i64::MAX).min(now.saturating_add(1));
        let selection = Selection { until_ms: Some(until), ..selection };
        let draft = Draft::new("decisions.exported", permit.caller().person.name.clone(), "decisions")
            .body(serde_json::json!({ "selection": selection, "masked": masked }));
        self.0.ledger.append(now, draft).await?;
        self.gather(&selection).await?;
        let mask = masked.then(|| Arc::new(Mask::new(*self.0.mask_key, Kept::of(&self.0.policy.bundle()))));
        let exporting = Exporting {
            replays: self.clone(),
            selection,
            mask,
            bundles: HashMap::new(),
            cursor: None,
            at: At::Start,
            lines: 0,
        };
        Ok(futures_util::stream::try_unfold(exporting, |mut exporting| async move {
            match exporting.next().await {
                Ok(Some(text)) => Ok(Some((Bytes::from(text), exporting))),
                Ok(None) => Ok(None),
                Err(fault) => {
                    tracing::error!(%fault, "an export was broken off");
                    Err(std::io::Error::other(fault))
                }
            }
        }))
    }
}

impl Exporting {
    async fn next(&mut self) -> Result<Option<String>, ReplayFault> {
        loop {
            match self.at {
                At::Start => {
                    self.at = At::Middle;
                    if let Some(mask) = &self.mask {
                        let line = Line::Masked(Box::new(mask.kept().clone()));
                        return Ok(Some(format!("{}\n", line.text())));
                    }
                }
                At::Middle => {
                    let page = self.replays.page(&self.selection, self.cursor.as_ref(), PAGE).await?;
                    let Some(last) = page.last() else {
                        self.at = At::End;
                        return Ok(Some(format!("{}\n", Line::End(self.lines).text())));
                    };
                    self.cursor = Some((last.subject.clone(), last.n));
                    let text = self.page(page).await?;
                    if !text.is_empty() {
                        return Ok(Some(text));
                    }
                }
                At::End => return Ok(None),
            }
        }
    }

    async fn page(&mut self, page: Vec<Judgement>) -> Result<String, ReplayFault> {
        let read: Vec<_> = page.into_iter().map(|it| (read(&it), it.subject, it.n, it.at)).collect();
        if self.mask.is_some() {
            for record in read.iter().filter_map(|(record, ..)| record.as_ref().ok()) {
                self.bundle_of(&record.decision.revision).await?;
            }
        }
        let (mask, bundles, selection) = (self.mask.clone(), self.bundles.clone(), self.selection.clone());
        let written = tokio::task::spawn_blocking(move || {
            let (mut text, mut lines) = (String::new(), 0);
            for (record, command, n, at) in read {
                let line = match record {
                    Ok(record) if !selection.takes(&record) => continue,
                    Ok(record) => match &mask {
                        None => Ok(record),
                        Some(mask) => masked(mask, &bundles, &record),
                    },
                    Err(obstacle) => Err(obstacle),
                };
                let line = line.map(|record| Line::Decision(Box::new(record))).unwrap_or_else(|obstacle| {
                    let command = mask.as_ref().map_or(command.clone(), |mask| mask.pseudonym(&command));
                    Line::Stopped(Stopped::new(command, n, at, obstacle))
                });
                text.push_str(&line.text());
                text.push('\n');
                lines += 1;
            }
            (text, lines)
        });
        let (text, lines) = written.await.map_err(|fault| ReplayFault::Broken(fault.to_string()))?;
        self.lines += lines;
        Ok(text)
    }

    /// Makes sure of the bundle that made a decision, if it is kept.
    async fn bundle_of(&mut self, revision: &str) -> Result<(), ReplayFault> {
        if self.bundles.contains_key(revision) {
            return Ok(());
        }
        let live = self.replays.0.policy.bundle();
        let bundle = if live.revision() == revision {
            live
        } else {
            match self.replays.candidate(revision).await {
                Ok(bundle) => bundle,
                Err(ReplayFault::NoRevision(_) | ReplayFault::Refused(_)) => return Ok(()),
                Err(fault) => return Err(fault),
            }
        };
        self.bundles.insert(revision.to_owned(), bundle);
        Ok(())
    }
}

fn read(judgement: &Judgement) -> Result<Record, Obstacle> {
    let Judgement { subject, n, at, facts, decision } = judgement;
    Record::read(subject, *n, *at, facts, decision)
}

fn masked(mask: &Mask, bundles: &HashMap<String, Arc<Bundle>>, record: &Record) -> Result<Record, Obstacle> {
    match bundles.get(&record.decision.revision) {
        Some(own) => mask.record(own, record),
        None => {
            Err(Obstacle::new(ObstacleKind::Masked, "the bundle that made it is not kept, so no mask can be checked"))
        }
    }
}
