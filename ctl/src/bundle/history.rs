//! `bundle history`, `bundle list`, `bundle show`, `bundle source`: what was in force, what there is, where it comes from.

use clap::Args;
use serde_json::Value;

use crate::clean;
use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::Screen;
use crate::server::Server;

/// What came into force, newest first.
#[derive(Args)]
pub struct History {
    #[command(flatten)]
    page: Page,
}

/// The published revisions, newest first.
#[derive(Args)]
pub struct List {
    #[command(flatten)]
    page: Page,
}

#[derive(Args)]
struct Page {
    /// How many.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// Go on from here: what the last page said.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<i64>,
}

/// One revision with its files and what its cases came to.
#[derive(Args)]
pub struct Show {
    /// The revision, six characters of its beginning or more, `active` or `previous`.
    #[arg(default_value = "active")]
    revision: String,
    /// Print the text of this file of it.
    #[arg(long, value_name = "PATH")]
    file: Option<String>,
}

impl Page {
    async fn get(&self, server: &Server, path: &[&str]) -> Result<Value, Failure> {
        let (limit, cursor) = (self.limit.to_string(), self.cursor.map(|cursor| cursor.to_string()));
        let mut query = vec![("limit", limit.as_str())];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        server.get(path, &query).await
    }
}

impl History {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let page = self.page.get(server, &["api", "v1", "bundles", "history"]).await?;
        screen.either(&page, || {
            let row = |one: &Value| {
                vec![
                    short(one),
                    field::time(one, "at"),
                    field::shown(one, "how"),
                    field::shown(one, "actor"),
                    field::shown(one, "reason"),
                    field::shown(one, "approval"),
                ]
            };
            let rows = field::list(&page, "activations").iter().map(row).collect();
            screen.table(&["REVISION", "SINCE", "HOW", "WHO", "WHY", "APPROVAL"], rows);
            more(screen, &page);
        });
        Ok(Exit::OK)
    }
}

impl List {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let page = self.page.get(server, &["api", "v1", "bundles"]).await?;
        screen.either(&page, || {
            let row = |one: &Value| {
                let state = match (one["active"] == true, one["passed"] == true) {
                    (true, _) => "active",
                    (false, true) => "passed",
                    (false, false) => "failed",
                };
                vec![
                    short(one),
                    state.to_owned(),
                    field::time(one, "published_at"),
                    field::shown(one, "publisher"),
                    from(&one["origin"]),
                    field::shown(one, "message"),
                ]
            };
            let rows = field::list(&page, "bundles").iter().map(row).collect();
            screen.table(&["REVISION", "STATE", "PUBLISHED", "WHO", "FROM", "MESSAGE"], rows);
            more(screen, &page);
        });
        Ok(Exit::OK)
    }
}

impl Show {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let path = ["api", "v1", "bundles", &self.revision];
        if let Some(file) = &self.file {
            let [api, v1, bundles, revision] = path;
            let text = server.get(&[api, v1, bundles, revision, "files", file], &[]).await?;
            screen.either(&text, || screen.data(clean::lines(field::text(&text, "text")).trim_end_matches('\n')));
            return Ok(Exit::OK);
        }
        let bundle = server.get(&path, &[]).await?;
        screen.either(&bundle, || show(screen, &bundle));
        Ok(Exit::OK)
    }
}

/// Where bundles come from by themselves, and how it stands with that.
pub async fn source(server: &Server, screen: Screen) -> Result<Exit, Failure> {
    let source = server.get(&["api", "v1", "bundles", "source"], &[]).await?;
    screen.either(&source, || {
        let said = |name: &str| field::shown(&source, name);
        let pin = &source["pin"];
        let pinned = format!("by {} {}", field::shown(pin, "actor"), field::shown(pin, "reason"));
        screen.facts(&[
            ("source", format!("{} {}", said("kind"), said("place"))),
            ("mode", said("mode")),
            ("active", said("active")),
            ("pinned", if pin.is_null() { String::new() } else { pinned.trim_end().to_owned() }),
            ("it holds", field::shown(&source["seen"], "revision")),
            ("commit", field::shown(&source["seen"]["origin"], "commit")),
            ("signed by", field::shown(&source["seen"]["origin"], "signer")),
            ("looked at", field::time(&source, "checked_at")),
            ("trouble", said("trouble")),
        ]);
        for fault in field::list(&source, "faults") {
            let (file, line) = (field::shown(fault, "file"), field::number(fault, "line"));
            screen.note(&format!("refused: {file}:{line}: {}", field::shown(fault, "message")));
        }
    });
    Ok(if source["trouble"].is_null() { Exit::OK } else { Exit::FAILED })
}

fn show(screen: Screen, bundle: &Value) {
    let said = |name: &str| field::shown(bundle, name);
    screen.facts(&[
        ("revision", said("revision")),
        ("published", format!("{} by {}", field::time(bundle, "published_at"), said("publisher"))),
        ("from", from(&bundle["origin"])),
        ("commit", field::shown(&bundle["origin"], "commit")),
        ("signed by", field::shown(&bundle["origin"], "signer")),
        ("message", said("message")),
        ("active", said("active")),
        ("policies", said("policies")),
        ("scripts", said("scripts")),
        ("cases", format!("{}, {}", said("cases"), if bundle["passed"] == true { "all hold" } else { "not all hold" })),
    ]);
    for case in field::list(&bundle["report"], "failed") {
        let (file, line) = (field::shown(case, "file"), field::number(case, "line"));
        screen.note(&format!("{file}:{line}: {}: {}", field::shown(case, "name"), field::shown(case, "problems")));
    }
    let row = |file: &Value| {
        let digest: String = field::shown(file, "digest").chars().take(12).collect();
        vec![field::shown(file, "path"), digest, field::shown(file, "bytes")]
    };
    screen.data("");
    screen.table(&["FILE", "DIGEST", "BYTES"], field::list(bundle, "files").iter().map(row).collect());
}

fn short(one: &Value) -> String {
    field::shown(one, "revision").chars().take(12).collect()
}

fn from(origin: &Value) -> String {
    let commit: String = field::shown(origin, "commit").chars().take(12).collect();
    let parts = [field::shown(origin, "kind"), field::shown(origin, "place"), commit];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn more(screen: Screen, page: &Value) {
    if page["next_cursor"].is_i64() {
        screen.note(&format!("there are more: --cursor {}", page["next_cursor"]));
    }
}
