//! The live feed of everything that happens.

use clap::Args;
use serde_json::Value;

use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::Screen;
use crate::server::Server;
use crate::sse::{self, Then};

/// Watch what happens, as it happens.
#[derive(Args)]
pub struct Watch {
    /// Only topics that begin so: `command`, `approval.`, `probe.`, …
    #[arg(long, value_name = "TOPIC", default_value = "")]
    topic: String,
    /// End after so many events.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

impl Watch {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let mut seen = 0;
        let listening = sse::listen(server, &["api", "v1", "events"], |event| {
            let Ok(event) = serde_json::from_str::<Value>(&event.data) else {
                return Err(Failure::Answer("an event is not JSON".to_owned()));
            };
            let topic = field::text(&event, "topic");
            if topic == "resync" {
                screen.note("some events were missed");
            }
            if matches!(topic, "beat" | "resync") || !topic.starts_with(&self.topic) {
                return Ok(Then::GoOn);
            }
            if screen.json {
                screen.document_line(&event);
            } else {
                let said = |name| field::shown(&event, name);
                screen.data(&format!(
                    "{}  {:<20} {}  {}",
                    field::time(&event, "at"),
                    said("topic"),
                    said("id"),
                    said("body")
                ));
            }
            seen += 1;
            Ok(if Some(seen) == self.count { Then::Stop } else { Then::GoOn })
        });
        tokio::select! {
            ended = listening => ended.map(|()| Exit::OK),
            _ = tokio::signal::ctrl_c() => Ok(Exit::OK),
        }
    }
}
