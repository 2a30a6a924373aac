//! `bundle facts export`: recorded decisions with their facts, for a replay elsewhere.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use futures_util::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use legator_engine::replay::Line;
use serde_json::json;

use super::candidate::SelectionArgs;
use crate::exit::{Exit, Failure};
use crate::screen::Screen;
use crate::server::Server;

/// Recorded decisions with their facts.
#[derive(Args)]
pub struct Facts {
    #[command(subcommand)]
    one: One,
}

#[derive(Subcommand)]
enum One {
    /// Write decisions with their facts into a file, for `bundle replay --from`.
    Export(Export),
}

#[derive(Args)]
struct Export {
    /// Into this file; to standard output if absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace names, arguments and texts by pseudonyms, but for what the policies name.
    #[arg(long)]
    masked: bool,
    #[command(flatten)]
    which: SelectionArgs,
}

impl Facts {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let One::Export(export) = self.one;
        export.obey(server, screen).await
    }
}

impl Export {
    async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let pairs = self.which.pairs()?;
        let masked = self.masked.to_string();
        let mut query: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        query.push(("masked", &masked));
        let response = server.stream_text(&["api", "v1", "decisions", "export"], &query).await?;
        let path = self.out.clone().unwrap_or_else(|| "standard output".into());
        let fault = |source| Failure::File { verb: "write", path: path.clone(), source };
        // Into place only when it is whole, so that a cut export is not taken for one.
        let draft = self.out.as_ref().map(|out| out.with_extension("part"));
        let mut out: Box<dyn std::io::Write> = match &draft {
            None => Box::new(std::io::stdout().lock()),
            Some(draft) => Box::new(std::io::BufWriter::new(std::fs::File::create(draft).map_err(fault)?)),
        };
        let style = ProgressStyle::with_template("{spinner} {bytes}").unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new_spinner().with_style(style);
        // The last line, which says whether it is whole, is looked at when all is written.
        let mut tail: Vec<u8> = Vec::new();
        let mut bytes = response.bytes_stream();
        while let Some(some) = bytes.next().await {
            let some = some.map_err(|broken| server.broken(&broken))?;
            out.write_all(&some).map_err(fault)?;
            bar.inc(some.len() as u64);
            let ends = some.strip_suffix(b"\n").unwrap_or(&some).iter().rposition(|byte| *byte == b'\n');
            match ends {
                Some(at) => tail = some[at + 1..].to_vec(),
                None if tail.ends_with(b"\n") => tail = some.to_vec(),
                None => tail.extend_from_slice(&some),
            }
        }
        out.flush().map_err(fault)?;
        drop(out);
        bar.finish_and_clear();
        let last = String::from_utf8_lossy(&tail);
        let Ok(Line::End(decisions)) = Line::parse(last.trim_end()) else {
            return Err(Failure::Answer("the export was cut before its last line".to_owned()));
        };
        if let (Some(draft), Some(out)) = (&draft, &self.out) {
            std::fs::rename(draft, out).map_err(fault)?;
            screen.either(&json!({ "decisions": decisions, "masked": self.masked, "file": out }), || {
                screen.note(&format!("wrote {decisions} decisions to `{}`", out.display()));
            });
        }
        Ok(Exit::OK)
    }
}
