//! Machines: list, look, tag, remove.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::clean;
use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::{self, Screen, plain_word};
use crate::server::Server;
use crate::turning;

/// Machines: list, look, tag, remove.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Probes {
    #[command(subcommand)]
    one: Option<One>,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Args)]
struct Filter {
    /// Only those with this tag.
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Only those that are `pending`, `online`, `degraded` or `offline`.
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Part of the name, host name or id.
    #[arg(short, long, value_name = "TEXT")]
    query: Option<String>,
}

#[derive(Subcommand)]
enum One {
    /// One machine: health, load, floor, inventory.
    Show {
        /// The probe, by name or id.
        probe: String,
    },
    /// Replace a probe's tags by these.
    Tags {
        /// The probe, by name or id.
        probe: String,
        /// Its tags from now on; none takes all away.
        tags: Vec<String>,
    },
    /// Give probes another key, without enrolling them anew.
    RotateKey(turning::RotateKey),
    /// How probes' keys stand.
    Keys(turning::Keys),
    /// Remove a probe; to come back it has to enroll.
    Remove {
        /// The probe, by name or id.
        probe: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
}

impl Probes {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        match self.one {
            None => {
                let all = self.filter.all(server).await?;
                screen.either(&all, || list(screen, &all));
            }
            Some(One::Show { probe }) => {
                let mut shown = server.get(&["api", "v1", "probes", &probe], &[]).await?;
                let inventory = server.get(&["api", "v1", "probes", &probe, "inventory"], &[]).await?;
                shown["inventory"] = inventory["sections"].clone();
                screen.either(&shown, || show(screen, &shown));
            }
            Some(One::Tags { probe, tags }) => {
                let after = server.put(&["api", "v1", "probes", &probe, "tags"], &json!({ "tags": tags })).await?;
                screen.either(&after, || {
                    screen.note(&format!("{}  {}", field::shown(&after, "name"), field::shown(&after, "tags")));
                });
            }
            Some(One::RotateKey(turn)) => return turn.obey(server, screen).await,
            Some(One::Keys(keys)) => return keys.obey(server, screen).await,
            Some(One::Remove { probe, yes }) => {
                let found = server.get(&["api", "v1", "probes", &probe], &[]).await?;
                let (id, name) = (field::text(&found, "id"), field::shown(&found, "name"));
                if !yes && !screen::confirm(&format!("Remove `{name}` ({})? Its key is forgotten.", clean::line(id)))? {
                    return Err(Failure::Local("nothing was removed".to_owned()));
                }
                server.delete(&["api", "v1", "probes", id]).await?;
                screen.either(&json!({ "id": id, "removed": true }), || screen.note(&format!("removed `{name}`")));
            }
        }
        Ok(Exit::OK)
    }
}

impl Filter {
    /// Every page as one.
    async fn all(&self, server: &Server) -> Result<Value, Failure> {
        let (mut probes, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut query = vec![("limit", "1000")];
            let narrow = [("tag", &self.tag), ("status", &self.status), ("q", &self.query), ("cursor", &cursor)];
            query.extend(narrow.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
            let mut page = server.get(&["api", "v1", "probes"], &query).await?;
            if let Value::Array(found) = page["probes"].take() {
                probes.extend(found);
            }
            match page["next_cursor"].as_str() {
                Some(next) if cursor.as_deref() != Some(next) => cursor = Some(next.to_owned()),
                _ => return Ok(json!({ "probes": probes, "total": page["total"] })),
            }
        }
    }
}

fn list(screen: Screen, all: &Value) {
    let rows = field::list(all, "probes").iter().map(|probe| {
        vec![
            field::shown(probe, "name"),
            plain_word(field::text(probe, "status")),
            field::shown(&probe["health"], "score"),
            field::shown(probe, "tags"),
            format!("{}/{}", field::shown(probe, "os"), field::shown(probe, "arch")),
            field::shown(probe, "version"),
            field::shown(probe, "id"),
        ]
    });
    screen.table(&["NAME", "STATUS", "HEALTH", "TAGS", "OS", "VERSION", "ID"], rows.collect());
}

fn show(screen: Screen, probe: &Value) {
    let said = |name: &str| field::shown(probe, name);
    let load = &probe["load"];
    let averages: Vec<String> =
        field::list(load, "load").iter().map(|load| format!("{:.2}", load.as_f64().unwrap_or_default())).collect();
    let of = |used: &str, total: &str| match load[total].as_u64() {
        Some(total) => format!("{} of {}", size(field::number(load, used)), size(total)),
        None => String::new(),
    };
    let warnings: Vec<String> = field::list(&probe["health"], "warnings")
        .iter()
        .filter_map(|warning| Some(clean::line(warning.as_str()?)))
        .collect();
    screen.facts(&[
        ("name", said("name")),
        ("id", said("id")),
        ("status", plain_word(field::text(probe, "status"))),
        (
            "health",
            format!("{} {}", field::shown(&probe["health"], "score"), warnings.join("; ")).trim_end().to_owned(),
        ),
        ("host", format!("{} ({}/{})", said("hostname"), said("os"), said("arch"))),
        ("version", said("version")),
        ("tags", said("tags")),
        ("site", said("site")),
        ("ceiling", said("ceiling")),
        ("floor", floor(&probe["floor"])),
        (
            "load",
            if averages.is_empty() {
                String::new()
            } else {
                format!("{} on {} processors", averages.join(" "), field::number(load, "cpus"))
            },
        ),
        ("memory", of("mem_used_bytes", "mem_total_bytes")),
        ("disk", of("disk_used_bytes", "disk_total_bytes")),
        ("enrolled", field::time(probe, "enrolled_at")),
        ("last seen", field::time(probe, "last_seen_at")),
        ("inventory", inventory(&probe["inventory"])),
    ]);
}

/// What the host itself forbids, in a line.
fn floor(floor: &Value) -> String {
    let level = floor["level"].as_str().map(|level| format!("nothing above {}", clean::line(level)));
    let rules = field::list(floor, "rules").len();
    let rules = (rules > 0).then(|| format!("{rules} rule(s)"));
    let said: Vec<String> = level.into_iter().chain(rules).collect();
    if said.is_empty() { "forbids nothing".to_owned() } else { said.join(", ") }
}

/// How much there is of each section.
fn inventory(sections: &Value) -> String {
    let Value::Object(sections) = sections else { return String::new() };
    let said = sections.iter().map(|(name, section)| match section {
        Value::Array(items) => format!("{} {}", items.len(), clean::line(name)),
        _ => clean::line(name),
    });
    said.collect::<Vec<_>>().join(", ")
}

fn size(bytes: u64) -> String {
    match bytes {
        0..=1_048_575 => format!("{} KiB", bytes >> 10),
        1_048_576..=1_073_741_823 => format!("{} MiB", bytes >> 20),
        _ => format!("{} GiB", bytes >> 30),
    }
}
