//! The live feed.

use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt as _};
use legator_engine::Resource;
use legator_protocol::ProbeId;
use poem::web::sse::Event as Sse;
use poem_openapi::param::Header;
use poem_openapi::payload::EventStream;
use poem_openapi::types::ToJSON as _;
use poem_openapi::{Object, OpenApi, Tags};
use tokio::sync::broadcast::error::RecvError;

use crate::error::{Problem, at};
use crate::events::{Event, Events, Watch, Whose};
use crate::fleet::Fleet;
use crate::identity::api::Authenticated;
use crate::identity::{Identity, Lasting, WatchEvents};
use crate::tenant::Reach;

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
    pub fleet: Fleet,
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
        let (again, fleet, watcher) = (self.identity.clone(), self.fleet.clone(), caller.0);
        let mut lasting = Lasting::<WatchEvents>::new(&again, &watcher, Resource::control_plane());
        // Who was let in an hour ago may not be any more, and may not reach any more what they reached.
        let told = move |event: &Told| {
            let reach = again.reach_now(&watcher);
            std::future::ready(event.about.as_ref().is_none_or(|about| about.is_for(&reach, &fleet)))
        };
        let stream = feed(self.events.clone(), last.0)
            .take_while(move |_| std::future::ready(lasting.holds()))
            .filter(told)
            .map(|told| told.event);
        Ok(EventStream::new(stream.boxed()).to_event(|event: FeedEvent| {
            let sse = Sse::message(event.to_json_string()).event_type(event.topic.clone());
            match event.sse_id {
                Some(id) => sse.id(id),
                None => sse,
            }
        }))
    }
}

/// An event, and whom it is for; everybody, where nothing is said.
struct Told {
    event: FeedEvent,
    about: Option<About>,
}

struct About {
    whose: Whose,
    /// The probe that it is about.
    probe: Option<ProbeId>,
}

impl About {
    fn is_for(&self, reach: &Reach, fleet: &Fleet) -> bool {
        if !reach.has_scopes() {
            return self.whose.is_for(reach);
        }
        // Who is bound to tags is told of hosts that have them.
        let tags = self.probe.and_then(|probe| fleet.get(probe)).map(|probe| probe.tags.clone()).unwrap_or_default();
        match &self.whose {
            Whose::Tenant(tenant) => reach.covers(tenant, &tags),
            Whose::House => false,
            Whose::All => true,
        }
    }
}

fn feed(events: Events, last: Option<String>) -> impl futures_util::Stream<Item = Told> + Send {
    let Watch { resync, past, live } = events.watch(last.as_deref());
    // At once, so that a watcher knows that it is heard; a response begins with its first event.
    let first = ours(if resync { "resync" } else { "beat" });
    let past: Vec<Told> = past.iter().map(|event| shape(&events, event)).collect();
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

fn shape(events: &Events, event: &Event) -> Told {
    let named = event.body.get("probe").and_then(|probe| probe.as_str()).unwrap_or(&event.id);
    let about = About { whose: event.whose.clone(), probe: named.parse().ok() };
    let event = FeedEvent {
        topic: event.topic.to_owned(),
        id: event.id.clone(),
        at: Some(at(event.at_ms)),
        body: event.body.clone(),
        sse_id: Some(events.id(event)),
    };
    Told { event, about: Some(about) }
}

fn ours(topic: &str) -> Told {
    let topic = topic.to_owned();
    let event = FeedEvent { topic, id: String::new(), at: None, body: serde_json::Value::Null, sse_id: None };
    Told { event, about: None }
}
