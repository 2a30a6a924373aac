//! Tenants, and who is granted what of them.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::Screen;
use crate::server::Server;

/// Tenants: list, create, change.
#[derive(Args)]
pub struct Tenants {
    #[command(subcommand)]
    one: Option<One>,
}

#[derive(Subcommand)]
enum One {
    /// Make a tenant. It is there for good.
    Create {
        /// 1 to 40 small letters, digits or `-`.
        name: String,
        /// What people call it.
        #[arg(long, value_name = "TITLE")]
        title: Option<String>,
        /// The organization that it is of.
        #[arg(long, value_name = "ORG")]
        org: Option<String>,
    },
    /// Say what a tenant is called, or which organization it is of; an empty text takes away.
    Change {
        /// The tenant.
        name: String,
        /// What people call it.
        #[arg(long, value_name = "TITLE", required_unless_present = "org")]
        title: Option<String>,
        /// The organization that it is of.
        #[arg(long, value_name = "ORG")]
        org: Option<String>,
    },
}

impl Tenants {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let path = ["api", "v1", "tenants"];
        match self.one {
            None => {
                let all = server.get(&path, &[]).await?;
                screen.either(&all, || {
                    let rows = field::list(&all, "tenants").iter().map(|tenant| {
                        vec![
                            field::shown(tenant, "name"),
                            field::shown(tenant, "title"),
                            field::shown(tenant, "org"),
                            field::time(tenant, "created_at"),
                        ]
                    });
                    screen.table(&["TENANT", "TITLE", "ORGANIZATION", "CREATED"], rows.collect());
                });
            }
            Some(One::Create { name, title, org }) => {
                let tenant = server.post(&path, &[], &json!({ "name": name, "title": title, "org": org })).await?;
                screen.either(&tenant, || {
                    let name = field::shown(&tenant, "name");
                    screen.data(&name);
                    screen.note(&format!(
                        "somebody for it: legatorctl users create NAME --role ROLE --grant tenant:{name}"
                    ));
                });
            }
            Some(One::Change { name, title, org }) => {
                let change = json!({ "title": title, "org": org });
                let tenant = server.patch(&["api", "v1", "tenants", &name], &change).await?;
                screen.either(&tenant, || {
                    let (title, org) = (field::shown(&tenant, "title"), field::shown(&tenant, "org"));
                    screen.facts(&[("tenant", field::shown(&tenant, "name")), ("title", title), ("organization", org)]);
                });
            }
        }
        Ok(Exit::OK)
    }
}

/// Says what somebody is granted from now on, or shows it where nothing is said.
pub async fn grants(server: &Server, screen: Screen, user: &str, change: Option<Vec<String>>) -> Result<(), Failure> {
    let path = ["api", "v1", "users", user, "grants"];
    let granted: Value = match change {
        Some(grants) => server.put(&path, &json!({ "grants": grants })).await?,
        None => server.get(&path, &[]).await?,
    };
    screen.either(&granted, || {
        let said = |name: &str| field::shown(&granted, name);
        screen.facts(&[("grants", said("grants")), ("reaches", said("tenants"))]);
    });
    Ok(())
}
