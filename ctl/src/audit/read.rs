//! Reading the log: entries, the newest as they come, all of them for a check elsewhere, and its signed head.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::Screen;
use crate::server::Server;

/// How often `tail -f` looks.
const PACE: Duration = Duration::from_secs(1);
/// The most that the server gives at once.
const PAGE: u64 = 1000;

/// Which entries.
#[derive(Args)]
pub struct Filter {
    /// Only entries by this person or probe.
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// Only this kind (`approval.voted`), or all of a noun (`command.`).
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only entries of this command.
    #[arg(long, value_name = "ID")]
    command: Option<String>,
    /// Only entries of this probe.
    #[arg(long, value_name = "ID")]
    probe: Option<String>,
    /// Only entries from this time on (RFC 3339).
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only entries before this time (RFC 3339).
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only entries with this text in them.
    #[arg(short, long, value_name = "TEXT")]
    query: Option<String>,
    /// The newest so many.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

/// The newest entries, and those that come.
#[derive(Args)]
pub struct Tail {
    #[command(flatten)]
    filter: Filter,
    /// Go on with those that come.
    #[arg(short, long)]
    follow: bool,
}

/// The newest signed head.
#[derive(Args)]
pub struct Head {
    /// Into this file; to standard output if absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Filter {
    async fn page(&self, server: &Server) -> Result<Value, Failure> {
        let limit = self.limit.to_string();
        let narrow = [
            ("actor", &self.actor),
            ("kind", &self.kind),
            ("command", &self.command),
            ("probe", &self.probe),
            ("since", &self.since),
            ("until", &self.until),
            ("q", &self.query),
        ];
        let mut query = vec![("limit", limit.as_str())];
        query.extend(narrow.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
        server.get(&["api", "v1", "audit"], &query).await
    }

    pub async fn obey(&self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let page = self.page(server).await?;
        screen.either(&page, || {
            let rows = field::list(&page, "entries").iter().map(|entry| {
                vec![
                    field::shown(entry, "index"),
                    field::time(entry, "at"),
                    field::shown(entry, "kind"),
                    field::shown(entry, "actor"),
                    field::shown(entry, "subject"),
                    field::shown(entry, "command"),
                ]
            });
            screen.table(&["ENTRY", "AT", "KIND", "ACTOR", "SUBJECT", "COMMAND"], rows.collect());
        });
        Ok(Exit::OK)
    }
}

impl Tail {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let mut next = 0;
        loop {
            let page = self.filter.page(server).await?;
            for entry in field::list(&page, "entries").iter().rev() {
                let index = field::number(entry, "index");
                if index < next {
                    continue;
                }
                next = index + 1;
                if screen.json {
                    screen.document_line(entry);
                } else {
                    let said = |name| field::shown(entry, name);
                    screen.data(&format!(
                        "{index:>6}  {}  {:<22} {}  {}",
                        field::time(entry, "at"),
                        said("kind"),
                        said("actor"),
                        said("subject")
                    ));
                }
            }
            if !self.follow {
                return Ok(Exit::OK);
            }
            tokio::select! {
                () = tokio::time::sleep(PACE) => {}
                _ = tokio::signal::ctrl_c() => return Ok(Exit::OK),
            }
        }
    }
}

/// Hands over the exact text of every entry up to `size`, in order. An entry whose text the server lost comes as `null`.
pub async fn every_entry(
    server: &Server,
    size: u64,
    mut take: impl FnMut(&str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let style =
        ProgressStyle::with_template("{bar:32} {pos}/{len} entries").unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(size).with_style(style);
    let mut from = 0;
    while from < size {
        let (first, most) = (from.to_string(), PAGE.min(size - from).to_string());
        let text = server.get_text(&["api", "v1", "audit", "export"], &[("from", &first), ("limit", &most)]).await?;
        let before = from;
        for line in text.lines().take(usize::try_from(size - from).unwrap_or(usize::MAX)) {
            take(line)?;
            from += 1;
        }
        if from == before {
            return Err(Failure::Log(format!("the log is cut: it says that it has {size} entries, and gives {from}")));
        }
        bar.set_position(from);
    }
    bar.finish_and_clear();
    Ok(())
}

impl Head {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let head = server.get(&["api", "v1", "audit", "checkpoint"], &[]).await?;
        if let Some(path) = &self.out {
            super::write_file(path, field::text(&head, "note"))?;
        }
        screen.either(&head, || {
            if self.out.is_none() {
                screen.data(field::text(&head, "note").trim_end());
            }
            screen.note(&format!("checked with  {}", field::shown(&head, "verifier")));
        });
        Ok(Exit::OK)
    }
}
