//! Taking the log along: as CSV for spreadsheets, as JSON lines, or as evidence with a proof of each entry. All of it
//! streams, oldest first, a page at a time.
//! Never: an export without an entry of its own, or a cell that a spreadsheet would run.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt as _};
use legator_engine::evidence::Writer;

use crate::audit::{Draft, Entry, Filter, Ledger, ReadFault, WriteFault};
use crate::clock::Clock;
use crate::identity::{ExportAudit, Permit};

/// Entries that are read at a time.
const PAGE: u64 = 500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Csv,
    Jsonl,
    Evidence,
}

impl Form {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Evidence => "evidence",
        }
    }

    /// The ending of a file of this form.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Evidence => "tar",
        }
    }
}

/// The bytes of an export. It ends early, and so as something that does not verify, if the log cannot be read.
pub type Stream = BoxStream<'static, std::io::Result<Bytes>>;

/// Writes down that somebody takes the log along, and gives it.
pub async fn export(
    ledger: &Ledger,
    clock: &Clock,
    permit: Permit<ExportAudit>,
    form: Form,
    filter: Filter,
) -> Result<Stream, WriteFault> {
    let (now, by) = (clock.now(), permit.caller().person.name.clone());
    let narrowed = narrowed(&filter);
    let draft = Draft::new("audit.exported", by.clone(), "log").tenant(&permit.caller().person.home()).body(
        serde_json::json!({
            "form": form.as_str(), "narrowed_by": narrowed, "person": permit.caller().person.id.to_string(),
        }),
    );
    ledger.append(now, draft).await?;
    // With the entry of this very export, so that a checkpoint of a moment later signs just what is here.
    let size = ledger.head().size;
    let writer = Writer::new(&by, now, narrowed);
    let begun = (form, Some(writer), VecDeque::new(), 0_u64, false);
    let source = (ledger.clone(), filter, size);
    let state = Reading { source, form: begun.0, writer: begun.1, page: begun.2, at: begun.3, begun: begun.4 };
    let parts = futures_util::stream::try_unfold(state, |mut reading| async move {
        let part = reading.next().await.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(part.map(|bytes| (Bytes::from(bytes), reading)))
    });
    Ok(parts.boxed())
}

struct Reading {
    source: (Ledger, Filter, u64),
    form: Form,
    /// Until the end is written.
    writer: Option<Writer>,
    page: VecDeque<Entry>,
    /// The next place to read.
    at: u64,
    begun: bool,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, ReadFault> {
        if self.writer.is_none() {
            return Ok(None);
        }
        let (ledger, filter, size) = self.source.clone();
        if !self.begun {
            self.begun = true;
            let verifier = ledger.head().verifier;
            let head = match (self.form, &mut self.writer) {
                (Form::Csv, _) => HEADER.as_bytes().to_vec(),
                (Form::Evidence, Some(writer)) => writer.begin(&verifier),
                _ => Vec::new(),
            };
            if !head.is_empty() {
                return Ok(Some(head));
            }
        }
        loop {
            if let Some(entry) = self.page.pop_front() {
                return Ok(Some(self.write(&ledger, entry).await?));
            }
            if self.at >= size {
                let Some(writer) = self.writer.take().filter(|_| self.form == Form::Evidence) else { return Ok(None) };
                return Ok(Some(end(&ledger, writer).await?));
            }
            let (from, to) = (self.at, self.at.saturating_add(PAGE).min(size));
            let page = ledger.entries(&Filter { kind: None, ..filter.clone() }, Some(to), PAGE as u32).await?;
            let fits = |entry: &Entry| {
                entry.index >= from && filter.kind.as_deref().is_none_or(|kind| is_of(&entry.kind, kind))
            };
            self.page = page.entries.into_iter().rev().filter(fits).collect();
            self.at = to;
        }
    }

    async fn write(&mut self, ledger: &Ledger, entry: Entry) -> Result<Vec<u8>, ReadFault> {
        Ok(match (self.form, &mut self.writer) {
            (Form::Csv, _) => row(&entry).into_bytes(),
            (Form::Jsonl, _) => format!("{}\n", entry.json.as_deref().unwrap_or("null")).into_bytes(),
            (Form::Evidence, Some(writer)) => match ledger.proof(entry.index).await? {
                Some(proof) => writer.entry(entry.index, entry.json.as_deref(), &proof.ticket.to_string()),
                None => Vec::new(),
            },
            (Form::Evidence, None) => Vec::new(),
        })
    }
}

/// The turns of the log's key up to now, since one may have fallen between two proofs; and the end.
async fn end(ledger: &Ledger, mut writer: Writer) -> Result<Vec<u8>, ReadFault> {
    let mut out = Vec::new();
    for began in ledger.log_keys().await?.into_iter().filter(|key| key.from > 0).filter_map(|key| key.began) {
        if let (Some(json), Some(proof)) = (&began.json, ledger.proof(began.index).await?) {
            out.extend(writer.turn(began.index, json, &proof.ticket.to_string()));
        }
    }
    out.extend(writer.end());
    Ok(out)
}

fn is_of(kind: &str, wanted: &str) -> bool {
    if wanted.ends_with('.') { kind.starts_with(wanted) } else { kind == wanted }
}

fn narrowed(filter: &Filter) -> BTreeMap<String, String> {
    let Filter { actor, kind, command, probe, reach, since_ms, until_ms, text } = filter;
    let tenants = reach.listed();
    let texts =
        [("actor", actor), ("kind", kind), ("command", command), ("probe", probe), ("tenants", &tenants), ("q", text)];
    let times = [("since_ms", since_ms), ("until_ms", until_ms)];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.clone()?)));
    texts.chain(times.into_iter().filter_map(|(name, at)| Some((name.to_owned(), at.as_ref()?.to_string())))).collect()
}

const HEADER: &str =
    "\"index\",\"at\",\"kind\",\"actor\",\"subject\",\"command\",\"probe\",\"leaf_hash\",\"entry\"\r\n";

/// One line by RFC 4180.
fn row(entry: &Entry) -> String {
    let at = crate::error::at(entry.at_ms).to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let (index, leaf) = (entry.index.to_string(), entry.leaf_hash.to_base64());
    let cells = [
        &index,
        &at,
        &entry.kind,
        &entry.actor,
        &entry.subject,
        entry.command.as_deref().unwrap_or_default(),
        entry.probe.as_deref().unwrap_or_default(),
        &leaf,
        entry.json.as_deref().unwrap_or_default(),
    ];
    format!("{}\r\n", cells.map(cell).join(","))
}

/// A cell that is text in every spreadsheet: what would be a formula gets an apostrophe before it.
fn cell(text: &str) -> String {
    let formula = text
        .trim_start_matches([' ', '\u{a0}'])
        .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    format!("\"{}{}\"", if formula { "'" } else { "" }, text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_no_cell_ends_early() {
        assert_eq!(cell("ana"), "\"ana\"");
        assert_eq!(cell("a\",\"b\r\nc"), "\"a\"\",\"\"b\r\nc\"");
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\u{a0}=1", "＝1"] {
            assert!(cell(text).starts_with("\"'"), "{text}");
        }
    }

    #[test]
    fn a_kind_is_itself_or_all_of_a_noun() {
        assert!(is_of("command.decided", "command.") && is_of("command.decided", "command.decided"));
        assert!(!is_of("command.decided", "command") && !is_of("commands.x", "command."));
    }
}
