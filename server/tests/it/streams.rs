//! A command, watched: live, from the first event or from where a watcher left off, and a page at a time.

use legator_protocol::End;
use serde_json::{Value, json};
use testkit::{Act, Sse, World, soon};

use crate::text;

fn kinds(events: &[Sse]) -> Vec<&str> {
    events.iter().map(|event| event.kind.as_str()).collect()
}

#[tokio::test]
async fn streams_a_command_from_its_decision_to_its_end() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &[]).await;
    let mut link = host.connect().await;
    let asked = ana.ask("web-1", &["uptime"]).await.is(202);
    let id = text(&asked, "id").to_owned();
    let watching = tokio::spawn({
        let (ana, id) = (ana.clone(), id.clone());
        async move { ana.stream(&id, "", None).await }
    });
    let (order, _) = link.order().await;
    link.accept(order.command).await;
    for (chunk, piece) in (0..).zip(["one ", "two ", "three"]) {
        link.output(order.command, chunk, piece).await;
    }
    link.finish(order.command, 3, End::Exited { code: 0 }).await;
    let live = soon("the stream's end", watching).await.unwrap();
    assert_eq!(kinds(&live), ["decision", "started", "output", "output", "output", "ended"]);
    let ids: Vec<_> = live.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(ids, ["1", "2", "3", "4", "5", "6"]);
    assert_eq!(live[5].body["body"]["state"], "succeeded");

    // Whoever comes later sees the same, and whoever was there before goes on where they left off.
    let later = ana.stream(&id, "", None).await;
    assert_eq!(
        later.iter().map(|event| &event.body).collect::<Vec<_>>(),
        live.iter().map(|event| &event.body).collect::<Vec<_>>()
    );
    assert_eq!(kinds(&ana.stream(&id, "", Some("4")).await), ["output", "ended"]);
    assert_eq!(kinds(&ana.stream(&id, "?after=5", None).await), ["ended"]);
    assert_eq!(kinds(&ana.stream(&id, "?after=0", Some("5")).await), ["ended"]);
    assert!(ana.stream(&id, "?after=6", None).await.is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_stream_that_is_given_a_strange_place_to_go_on_from_is_refused() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &[]).await;
    let _probe = host.obey().await;
    let asked = ana.run("web-1", &["uptime"]).await.is(200);
    let path = format!("/api/v1/commands/{}/stream", text(&asked, "id"));
    let request = ana.request(testkit::reqwest::Method::GET, &path).header("Last-Event-ID", "yesterday");
    ana.send(request).await.problem("invalid");
    world.end().await;
}

#[tokio::test]
async fn replays_a_command_a_page_at_a_time() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &[]).await;
    let _probe = host.serve(|_| Act::Print("hello\n", 0)).await;
    let asked = ana.run("web-1", &["uptime"]).await.is(200);
    let (mut after, mut seen) = (0, Vec::<Value>::new());
    loop {
        let path = format!("/api/v1/commands/{}/replay?limit=3&after={after}", text(&asked, "id"));
        let page = ana.get(&path).await.is(200);
        let events = page["events"].as_array().unwrap();
        assert!(events.len() <= 3);
        seen.extend(events.iter().cloned());
        after = page["next_after"].as_u64().unwrap();
        assert_eq!(page["ended"], true);
        if page["has_more"] == false {
            break;
        }
    }
    let kinds: Vec<_> = seen.iter().map(|event| text(event, "kind")).collect();
    assert_eq!(kinds, ["decision", "started", "output", "ended"]);
    assert_eq!(seen[2]["body"], json!({ "stream": "stdout", "data": "aGVsbG8K" }));
    world.end().await;
}

#[tokio::test]
async fn the_live_feed_tells_what_happens_and_goes_on_from_the_last_event() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &[]).await;
    let _probe = host.obey().await;
    let mut feed = soon("the feed", ana.request(testkit::reqwest::Method::GET, "/api/v1/events").send()).await.unwrap();
    let asked = ana.run("web-1", &["uptime"]).await.is(200);
    let (mut text, mut first) = (String::new(), None);
    while first.is_none() {
        text.push_str(std::str::from_utf8(&soon("an event", feed.chunk()).await.unwrap().unwrap()).unwrap());
        let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
        let events = whole.split("\n\n").filter_map(Sse::read);
        first = events.into_iter().find(|event| event.kind == "command" && event.body["id"] == asked["id"]);
    }
    drop(feed);
    let first = first.unwrap();
    let request = ana.request(testkit::reqwest::Method::GET, "/api/v1/events").header("Last-Event-ID", &first.id);
    let mut feed = soon("the feed", request.send()).await.unwrap();
    let (mut text, mut next) = (String::new(), None);
    while next.is_none() {
        text.push_str(std::str::from_utf8(&soon("an event", feed.chunk()).await.unwrap().unwrap()).unwrap());
        let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
        next = whole.split("\n\n").filter_map(Sse::read).find(|event| event.kind != "beat");
    }
    let next = next.unwrap();
    let number = |id: &str| id.rsplit_once('-').unwrap().1.parse::<u64>().unwrap();
    assert_eq!(number(&next.id), number(&first.id) + 1);
    world.end().await;
}
