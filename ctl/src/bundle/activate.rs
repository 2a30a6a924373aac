//! `bundle activate`, `bundle rollback`, `bundle unpin`: what decides, changed in one step.

use clap::Args;
use serde_json::{Value, json};

use crate::clean;
use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::{Screen, word};
use crate::server::Server;

/// Put a published revision in force.
#[derive(Args)]
pub struct Activate {
    /// The revision, or six characters of its beginning or more.
    revision: String,
    #[command(flatten)]
    how: How,
}

/// Go back to what was in force before; again, one further back.
#[derive(Args)]
pub struct Rollback {
    #[command(flatten)]
    how: How,
}

#[derive(Args)]
struct How {
    /// Why; it stands in the history and in the audit log.
    #[arg(long, value_name = "WHY")]
    reason: Option<String>,
    /// The revision that decides now; if another does by then, nothing is done.
    #[arg(long, value_name = "REVISION")]
    expect: Option<String>,
}

impl Activate {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        put_in_force(server, screen, &self.revision, self.how.reason.as_deref(), self.how.expect.as_deref()).await
    }
}

impl Rollback {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let body = json!({ "reason": self.how.reason, "expect": self.how.expect });
        let out = server.post(&["api", "v1", "bundles", "rollback"], &[], &body).await?;
        Ok(tell(screen, &out))
    }
}

pub async fn put_in_force(
    server: &Server,
    screen: Screen,
    revision: &str,
    reason: Option<&str>,
    expect: Option<&str>,
) -> Result<Exit, Failure> {
    let body = json!({ "reason": reason, "expect": expect });
    let out = server.post(&["api", "v1", "bundles", revision, "activate"], &[], &body).await?;
    Ok(tell(screen, &out))
}

/// Let the source move what is in force again.
pub async fn unpin(server: &Server, screen: Screen) -> Result<Exit, Failure> {
    server.delete(&["api", "v1", "bundles", "pin"]).await?;
    screen.either(&json!({ "pinned": false }), || screen.note("what the source holds decides again"));
    Ok(Exit::OK)
}

/// Says what came of it.
pub fn tell(screen: Screen, out: &Value) -> Exit {
    let approval = field::text(out, "approval");
    let held = out["needed"].is_u64();
    screen.either(out, || {
        let revision = field::shown(out, "revision");
        if held {
            screen.note(&format!("{}revision {revision}: {}", word("held"), field::shown(out, "why")));
            screen.note(&format!("        for somebody else:  legatorctl approve {}", clean::line(approval)));
        } else {
            screen.note(&format!("{}revision {revision} decides now", word("done")));
        }
    });
    if held { Exit::HELD } else { Exit::OK }
}
