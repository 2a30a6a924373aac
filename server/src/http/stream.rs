//! A command, live: its events from the first or from where a watcher left off, until it has ended.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt as _};
use legator_protocol::CommandId;
use poem::web::sse::Event as Sse;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::EventStream;
use poem_openapi::types::ToJSON as _;
use poem_openapi::{OpenApi, Tags};

use crate::command::Road;
use crate::command::api::{CommandApi, EventOut};
use crate::error::Problem;
use crate::identity::api::Authenticated;
use crate::identity::{Lasting, ViewCommands};

const PAGE: u32 = 200;
const BEAT: Duration = Duration::from_secs(15);

#[derive(Tags)]
enum Room {
    /// Commands on their way to hosts, and what became of them.
    Commands,
}

pub struct StreamApi {
    pub commands: CommandApi,
}

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Commands")]
impl StreamApi {
    /// A command's events as Server-Sent Events, from the first on; the stream ends when the command has.
    #[oai(path = "/commands/:id/stream", method = "get", operation_id = "stream_command")]
    async fn stream(
        &self,
        caller: Authenticated,
        id: Path<String>,
        /// Events after this one; `Last-Event-ID` goes before it.
        #[oai(default)]
        after: Query<u64>,
        #[oai(name = "Last-Event-ID")] last: Header<Option<String>>,
    ) -> Result<EventStream<BoxStream<'static, EventOut>>, Problem> {
        let (id, _) = self.commands.permitted::<ViewCommands>(&caller.0, &id.0).await?;
        let last = last.0.map(|last| last.parse::<u64>()).transpose();
        let last = last.map_err(|_| Problem::new("invalid", "`Last-Event-ID` is not one of this stream's"))?;
        let (identity, caller) = (self.commands.identity.clone(), caller.0);
        let row = self.commands.road.get(&caller.reach, id).await?;
        let tags = self.commands.fleet.get(row.probe).map(|probe| probe.tags.clone()).unwrap_or_default();
        // Who was let in an hour ago may not be any more, and may not reach any more what they reached.
        let mut lasting = Lasting::<ViewCommands>::new(&identity, &caller, self.commands.resource_of(&row));
        let mut may = move || lasting.holds() && identity.reach_now(&caller).covers(&row.tenant, &tags);
        let stream = follow(self.commands.road.clone(), id, last.unwrap_or(after.0))
            .take_while(move |_| std::future::ready(may()));
        Ok(EventStream::new(stream.boxed()).keep_alive(BEAT).to_event(|event: EventOut| {
            Sse::message(event.to_json_string()).event_type(event.kind().to_owned()).id(event.seq().to_string())
        }))
    }
}

struct Following {
    road: Road,
    id: CommandId,
    after: u64,
    page: VecDeque<EventOut>,
    over: bool,
}

fn follow(road: Road, id: CommandId, after: u64) -> impl futures_util::Stream<Item = EventOut> + Send {
    let start = Following { road, id, after, page: VecDeque::new(), over: false };
    futures_util::stream::unfold(start, |mut at| async move {
        loop {
            if let Some(event) = at.page.pop_front() {
                at.after = event.seq();
                return Some((event, at));
            }
            if at.over {
                return None;
            }
            // Watched before it is read: what becomes durable in between is not missed.
            let tick = at.road.follow(at.id);
            match at.road.events(at.id, at.after, PAGE).await {
                Ok(events) => at.page.extend(events.into_iter().map(EventOut::from)),
                Err(fault) => {
                    tracing::error!(%fault, command.id = %at.id, "a stream ended early");
                    return None;
                }
            }
            if !at.page.is_empty() {
                continue;
            }
            match tick {
                Some(mut tick) => {
                    let after = at.after;
                    at.over = tick.wait_for(|tick| tick.seq > after || tick.state.ended()).await.is_err();
                    let ended = tick.borrow().state.ended();
                    if ended && at.road.follow(at.id).is_some() {
                        tokio::task::yield_now().await;
                    }
                }
                None => at.over = true,
            }
        }
    })
}
