//! Taking the log along, and checking evidence without a server.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use legator_engine::evidence;
use serde_json::json;

use super::verifier;
use super::verify::{counted, say_votes};
use crate::clock;
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, word};
use crate::server::Server;
use crate::span;

/// Take entries along. It streams, and is an entry of the log itself.
#[derive(Args)]
pub struct Export {
    /// How.
    #[arg(long, value_enum, default_value = "jsonl")]
    form: Form,
    /// Into this file; to standard output if absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only this kind (`approval.voted`), or all of a noun (`command.`).
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only entries by this person or probe.
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// Only entries of this command.
    #[arg(long, value_name = "ID")]
    command: Option<String>,
    /// Only entries of this long.
    #[arg(long, value_name = "SPAN", value_parser = span::parse)]
    since: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// The exact bytes of each entry, one a line.
    Jsonl,
    /// A row for each entry, for spreadsheets.
    Csv,
    /// A tar with each entry and its proof, for whoever has only the log's key.
    Evidence,
}

/// Check evidence, without a server.
#[derive(Args)]
#[command(
    after_help = "Ends with 5 if anything does not fit. Without `--verifier` the key is the one that the file names \
    itself, which shows that it is whole and not whose log it is of."
)]
pub struct VerifyEvidence {
    /// The file.
    file: PathBuf,
    /// The log's key, `name+keyid+base64`, of now or of before; none is trusted that it does not lead to.
    #[arg(long, value_name = "KEY")]
    verifier: Option<String>,
}

impl Export {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let form = match self.form {
            Form::Jsonl => "jsonl",
            Form::Csv => "csv",
            Form::Evidence => "evidence",
        };
        let since = self.since.and_then(|span| chrono::Duration::from_std(span).ok());
        let since = since.map(|span| (clock::now() - span).to_rfc3339());
        let narrow = [("kind", &self.kind), ("actor", &self.actor), ("command", &self.command), ("since", &since)];
        let mut query = vec![("form", form)];
        query.extend(narrow.into_iter().filter_map(|(name, text)| Some((name, text.as_deref()?))));
        let mut response = server.stream_text(&["api", "v1", "audit", "download"], &query).await?;
        let place = self.out.clone().unwrap_or_else(|| "standard output".into());
        let fault = |source| Failure::File { verb: "write", path: place.clone(), source };
        let mut out: Box<dyn Write> = match &self.out {
            None => Box::new(std::io::stdout().lock()),
            Some(path) => Box::new(std::io::BufWriter::new(std::fs::File::create(path).map_err(fault)?)),
        };
        let mut bytes = 0_u64;
        loop {
            let chunk = response.chunk().await;
            let chunk = chunk.map_err(|fault| Failure::Answer(format!("the export broke off: {fault}")))?;
            let Some(chunk) = chunk else { break };
            bytes += chunk.len() as u64;
            out.write_all(&chunk).map_err(fault)?;
        }
        out.flush().map_err(fault)?;
        drop(out);
        if let Some(path) = &self.out {
            screen.either(&json!({ "bytes": bytes, "file": path, "form": form }), || {
                screen.note(&format!("wrote {bytes} bytes to `{}`", path.display()));
            });
        }
        Ok(Exit::OK)
    }
}

impl VerifyEvidence {
    pub fn obey(self, screen: Screen) -> Result<Exit, Failure> {
        let bytes = read(&self.file)?;
        let key = self.verifier.as_deref().map(verifier).transpose()?;
        let shown = match evidence::verify(&bytes, key.as_ref()) {
            Ok(shown) => shown,
            Err(fault) if screen.json => {
                screen.document(&json!({ "ok": false, "why": fault.to_string() }));
                return Ok(Exit::LOG);
            }
            Err(fault) => return Err(Failure::Log(format!("this is no evidence: {fault}"))),
        };
        let manifest = &shown.manifest;
        let answer = json!({
            "ok": true, "proved": shown.proved, "dropped": manifest.dropped, "gaps": shown.gaps, "by": manifest.by,
            "narrowed_by": manifest.narrowed_by, "verifier": shown.verifier, "trusted": key.is_some(),
            "votes": counted(&shown.votes), "turns": shown.turns,
        });
        screen.either(&answer, || {
            screen.data(&format!("{}{} entries are proved to be in the log", word("ok"), shown.proved));
            if shown.turns > 0 {
                let n = shown.turns;
                screen
                    .data(&format!("{}the log's key was turned {n} times, each time signed by both keys", word("ok")));
            }
            say_votes(screen, &shown.votes);
            if key.is_none() {
                screen.note(
                    "the key is the one that the file names; compare it with the server's own, or give `--verifier`:",
                );
            }
            screen.note(&format!("        {}", crate::clean::line(&shown.verifier)));
            if manifest.dropped > 0 {
                screen.note(&format!(
                    "{} entries were dropped by retention; only their places are here",
                    manifest.dropped
                ));
            }
            if !shown.gaps.is_empty() {
                let what = if manifest.narrowed_by.is_empty() { "and nothing says why" } else { "as it was narrowed" };
                screen
                    .note(&format!("between the first and the last {} ranges are not here, {what}", shown.gaps.len()));
            }
        });
        Ok(Exit::OK)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|source| Failure::File { verb: "read", path: path.to_owned(), source })
}
