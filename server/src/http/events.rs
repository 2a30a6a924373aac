//! The live feed.

use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt as _};
use legator_engine::Resource;
use poem::web::sse::Event as Sse;
use poem_openapi::param::Header;
use poem_openapi::payload::EventStream;
use poem_openapi::types::ToJSON as _;
use poem_openapi::{Object, OpenApi, Tags};
use tokio::sync::broadcast::error::RecvError;

use crate::error::{Problem, at};
use crate::events::{Event, Events, Watch};
use crate::identity::api::Authenticated;
use crate::identity::{Identity, WatchEvents};

/// A page's scripts hear this, unlike a comment.
const BEAT: Duration = Duration::from_secs(15);

#[derive(Tags)]
enum Room {
    /// What happens, as it happens.
    Events,
}

/// One event of the feed. Its SSE id goes into `Last-Event-ID` to go on from there.
#[derive(Clone, Object)]
pub struct FeedEvent {
    /// `command`, `approval.requested`, `probe.online`, …; `beat` every 15 s; `resync` when events were missed.
    topic: String,
    /// What it is about.
    id: String,
    #[oai(skip_serializing_if_is_none)]
    at: Option<chrono::DateTime<chrono::Utc>>,
    body: serde_json::Value,
    #[oai(skip)]
    sse_id: Option<String>,
}

pub struct EventsApi {
    pub events: Events,
    pub identity: Identity,
}

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Events")]
impl EventsApi {
    /// Everything that happens, as Server-Sent Events.
    #[oai(path = "/events", method = "get", operation_id = "watch_events")]
    async fn watch(
        &self,
        caller: Authenticated,
        #[oai(name = "Last-Event-ID")] last: Header<Option<String>>,
    ) -> Result<EventStream<BoxStream<'static, FeedEvent>>, Problem> {
        self.identity.permit::<WatchEvents>(&caller.0, Resource::control_plane()).await?;
        let (identity, caller) = (self.identity.clone(), caller.0);
        // Who was let in an hour ago may not be any more.
        let stream = feed(self.events.clone(), last.0).take_while(move |_| std::future::ready(identity.still(&caller)));
        Ok(EventStream::new(stream.boxed()).to_event(|event: FeedEvent| {
            let sse = Sse::message(event.to_json_string()).event_type(event.topic.clone());
            match event.sse_id {
                Some(id) => sse.id(id),
                None => sse,
            }
        }))
    }
}

fn feed(events: Events, last: Option<String>) -> impl futures_util::Stream<Item = FeedEvent> + Send {
    let Watch { resync, past, live } = events.watch(last.as_deref());
    // At once, so that a watcher knows that it is heard; a response begins with its first event.
    let first = ours(if resync { "resync" } else { "beat" });
    let past: Vec<FeedEvent> = past.iter().map(|event| shape(&events, event)).collect();
    let live = futures_util::stream::unfold((events, live), |(events, mut live)| async move {
        let next = match tokio::time::timeout(BEAT, live.recv()).await {
            Err(_) => ours("beat"),
            Ok(Ok(event)) => shape(&events, &event),
            Ok(Err(RecvError::Lagged(_))) => ours("resync"),
            Ok(Err(RecvError::Closed)) => return None,
        };
        Some((next, (events, live)))
    });
    futures_util::stream::iter(std::iter::once(first).chain(past)).chain(live)
}

fn shape(events: &Events, event: &Event) -> FeedEvent {
    FeedEvent {
        topic: event.topic.to_owned(),
        id: event.id.clone(),
        at: Some(at(event.at_ms)),
        body: event.body.clone(),
        sse_id: Some(events.id(event)),
    }
}

fn ours(topic: &str) -> FeedEvent {
    FeedEvent { topic: topic.to_owned(), id: String::new(), at: None, body: serde_json::Value::Null, sse_id: None }
}
