//! The rules that decide, read from a server.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use crate::bundle::tell;
use crate::clean;
use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::Screen;
use crate::server::Server;

/// The policies that decide: list, look, reload; templates to apply.
#[derive(Args)]
pub struct Policies {
    #[command(subcommand)]
    one: Option<One>,
}

#[derive(Subcommand)]
enum One {
    /// One policy with its text.
    Show {
        /// Its `@id`.
        id: String,
    },
    /// Have the server read its folder or repository again now.
    Reload,
    /// Policy templates, and what each is applied to.
    Templates,
    /// Apply a template to a probe or a tag. The ceiling of the probes follows.
    Apply(Linking),
    /// Take a template back from a probe or a tag.
    Unapply(Linking),
    /// Add a policy or a template from a file, or replace the one of that name.
    Write {
        /// A file in Cedar; what it is called, without its ending, is the name.
        file: PathBuf,
        /// Why; it stands in the history and in the audit log.
        #[arg(long, value_name = "WHY")]
        reason: Option<String>,
    },
    /// Take away a policy or a template that was added so.
    Delete {
        /// Its name.
        name: String,
    },
}

#[derive(Args)]
struct Linking {
    /// The template: `observe-only`, `diagnose`, `remediate`, or one of the bundle's own.
    template: String,
    /// The probe, by id or name.
    #[arg(required_unless_present = "tag")]
    probe: Option<String>,
    /// Every probe with this tag, also those that get it later.
    #[arg(long, conflicts_with = "probe")]
    tag: Option<String>,
    /// Why; it stands in the history and in the audit log.
    #[arg(long, value_name = "WHY")]
    reason: Option<String>,
}

impl Policies {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        match self.one {
            None => {
                let bundle = server.get(&["api", "v1", "policies"], &[]).await?;
                screen.either(&bundle, || list(screen, &bundle));
            }
            Some(One::Show { id }) => {
                let policy = server.get(&["api", "v1", "policies", &id], &[]).await?;
                screen.either(&policy, || {
                    screen.note(&format!("{}:{}", field::shown(&policy, "file"), field::number(&policy, "line")));
                    screen.data(&clean::lines(field::text(&policy, "source")));
                });
            }
            Some(One::Reload) => {
                let after = server.post(&["api", "v1", "policies", "reload"], &[], &Value::Null).await?;
                screen.either(&after, || {
                    let said = if after["changed"] == true { "now decides" } else { "decides already" };
                    screen.note(&format!("revision {} {said}", field::shown(&after, "revision")));
                });
            }
            Some(One::Templates) => {
                let found = server.get(&["api", "v1", "policies", "templates"], &[]).await?;
                screen.either(&found, || templates(screen, &found));
            }
            Some(One::Apply(linking)) => return linking.send(Method::POST, server, screen).await,
            Some(One::Unapply(linking)) => return linking.send(Method::DELETE, server, screen).await,
            Some(One::Write { file, reason }) => {
                let name = file.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                let read = std::fs::read_to_string(&file);
                let source = read.map_err(|source| Failure::File { verb: "read", path: file, source })?;
                let body = json!({ "name": name, "source": source, "reason": reason });
                return Ok(tell(screen, &server.post(&["api", "v1", "policies"], &[], &body).await?));
            }
            Some(One::Delete { name }) => {
                let out = server.ask(Method::DELETE, &["api", "v1", "policies", &name], &[]).await?;
                return Ok(tell(screen, &out));
            }
        }
        Ok(Exit::OK)
    }
}

impl Linking {
    async fn send(self, method: Method, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let (kind, name) = match (&self.tag, &self.probe) {
            (Some(tag), _) => ("tags", tag),
            (None, Some(probe)) => ("probes", probe),
            (None, None) => return Err(Failure::Usage("name a probe, or a tag with `--tag`".to_owned())),
        };
        let reason: Vec<_> = self.reason.as_deref().map(|reason| ("reason", reason)).into_iter().collect();
        let path = ["api", "v1", kind, name, "apply-policy", &self.template];
        Ok(tell(screen, &server.ask(method, &path, &reason).await?))
    }
}

fn templates(screen: Screen, found: &Value) {
    let rows = field::list(found, "templates").iter().map(|template| {
        let applied = field::list(template, "applied").iter().map(|one| field::shown(one, "resource"));
        vec![
            field::shown(template, "id"),
            field::shown(template, "ceiling"),
            applied.collect::<Vec<_>>().join(" "),
            field::shown(template, "rationale"),
        ]
    });
    screen.table(&["TEMPLATE", "CEILING", "APPLIED TO", "RATIONALE"], rows.collect());
}

fn list(screen: Screen, bundle: &Value) {
    let rows = field::list(bundle, "policies").iter().map(|policy| {
        vec![
            field::shown(policy, "id"),
            field::shown(policy, "effect"),
            format!("{}:{}", field::shown(policy, "file"), field::number(policy, "line")),
            field::shown(policy, "rationale"),
        ]
    });
    screen.table(&["POLICY", "EFFECT", "PLACE", "RATIONALE"], rows.collect());
    screen.note(&format!("revision {} from {}", field::shown(bundle, "revision"), field::shown(bundle, "source")));
    for fault in field::list(bundle, "faults") {
        screen.note(&format!(
            "refused: {}:{}: {}",
            field::shown(fault, "file"),
            field::number(fault, "line"),
            field::shown(fault, "message")
        ));
    }
}
