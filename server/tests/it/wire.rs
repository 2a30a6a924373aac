//! Frames that are not what they should be: the session ends, it is counted and audited, and nothing changes.

use futures_util::SinkExt as _;
use legator_protocol::{CommandId, End, Hello, MAX_FRAME, ProbeId, ProbeKey, RefusedBy, ToServer, VERSIONS};
use legator_server::command::State;
use testkit::tokio_tungstenite::tungstenite::Message;
use testkit::{Host, Link, World, output, result};

use crate::text;

/// A world with a host, and a session in which the server has heard everything so far.
async fn opened() -> (World, Host, Link) {
    let world = World::start().await;
    let host = world.host("web-1", &[]).await;
    let mut link = host.connect().await;
    link.flush().await;
    (world, host, link)
}

/// The fault is counted once and stands in the log under the probe's id, and the probe can come back.
async fn told_of(world: World, host: &Host, code: &str) {
    let probe = host.id.to_string();
    let entry = world.entry("frame.refused", |entry| entry["body"]["code"] == code).await;
    assert_eq!(entry["probe"], probe, "{entry}");
    assert_eq!(world.counted(&format!("legator_bad_frames_total{{name=\"{code}\"}}")).await, 1);
    let ana = world.person("ana", &["operator"]).await;
    let _probe = host.obey().await;
    assert_eq!(ana.run("web-1", &["uptime"]).await.is(200)["state"], "succeeded");
    world.end().await;
}

#[tokio::test]
async fn a_forged_frame_ends_the_session() {
    let (world, host, mut link) = opened().await;
    let mut frame = link.seal(&ToServer::Pong { at_ms: 1 });
    let last = frame.len() - 1;
    frame[last] ^= 1;
    link.raw(frame).await;
    assert_eq!(link.closed().await, "forged");
    told_of(world, &host, "forged").await;
}

#[tokio::test]
async fn a_replayed_frame_ends_the_session() {
    let (world, host, mut link) = opened().await;
    let frame = link.seal(&ToServer::Pong { at_ms: 1 });
    link.raw(frame.clone()).await;
    link.raw(frame).await;
    assert_eq!(link.closed().await, "replayed");
    told_of(world, &host, "replayed").await;
}

#[tokio::test]
async fn a_reordered_frame_ends_the_session() {
    let (world, host, mut link) = opened().await;
    let _skipped = link.seal(&ToServer::Pong { at_ms: 1 });
    let frame = link.seal(&ToServer::Pong { at_ms: 2 });
    link.raw(frame).await;
    assert_eq!(link.closed().await, "reordered");
    told_of(world, &host, "reordered").await;
}

#[tokio::test]
async fn a_truncated_frame_ends_the_session() {
    let (world, host, mut link) = opened().await;
    link.raw(vec![0; 5]).await;
    assert_eq!(link.closed().await, "truncated");
    told_of(world, &host, "truncated").await;
}

#[tokio::test]
async fn an_oversized_frame_ends_the_session_before_it_is_read() {
    let (world, host, mut link) = opened().await;
    link.raw(vec![0; MAX_FRAME + 1]).await;
    let why = link.closed().await;
    // The server hangs up in the middle of it, so the reason may be lost with the connection.
    assert!(["oversized", "broken"].contains(&why.as_str()), "{why}");
    told_of(world, &host, "oversized").await;
}

#[tokio::test]
async fn a_frame_of_an_earlier_session_ends_the_session() {
    let (world, host, mut link) = opened().await;
    let old = link.seal(&ToServer::Pong { at_ms: 1 });
    drop(link);
    let mut link = host.connect().await;
    link.flush().await;
    link.raw(old).await;
    assert_eq!(link.closed().await, "forged");
    told_of(world, &host, "forged").await;
}

#[tokio::test]
async fn text_in_place_of_a_frame_ends_the_session() {
    let (world, host, mut link) = opened().await;
    link.socket.send(Message::text("{}")).await.unwrap();
    assert_eq!(link.closed().await, "malformed");
    told_of(world, &host, "malformed").await;
}

#[tokio::test]
async fn a_message_that_is_none_ends_the_session() {
    let (world, host, mut link) = opened().await;
    let frame = link.sealer.seal(b"{\"t\":\"dance\"}").unwrap();
    link.raw(frame).await;
    assert_eq!(link.closed().await, "malformed");
    told_of(world, &host, "malformed").await;
}

#[tokio::test]
async fn a_first_message_that_is_not_ready_opens_no_session() {
    let (world, host, link) = opened().await;
    drop(link);
    let mut link = Link::greet(&host.base(), host.id, &host.key, VERSIONS).await.unwrap();
    link.say(&ToServer::Pong { at_ms: 1 }).await;
    assert_eq!(link.closed().await, "malformed");
    told_of(world, &host, "malformed").await;
}

#[tokio::test]
async fn a_probe_with_another_key_opens_no_session_and_is_given_nothing() {
    let (world, host, link) = opened().await;
    drop(link);
    world.entry("probe.disconnected", |_| true).await;
    // It would notice by itself that the server's proof does not fit. A cheat does not care, and seals with what it has.
    let key = ProbeKey::new([1; 32]);
    assert!(Link::greet(&host.base(), host.id, &key, VERSIONS).await.is_err());
    let mut link = Link::greet(&host.base(), host.id, &host.key, VERSIONS).await.unwrap();
    let hello = Hello::new(host.id, [9; 32], &[]);
    (_, link.sealer, _) = legator_protocol::greet("", &hello, &key, [1; 32], 1).unwrap();
    link.say(&Link::ready()).await;
    assert_eq!(link.closed().await, "forged");
    assert!(!world.app().hub.connected(host.id));
    told_of(world, &host, "forged").await;
}

#[tokio::test]
async fn a_probe_that_nobody_enrolled_is_turned_away_and_does_not_enter_the_log_as_a_probe() {
    let world = World::start().await;
    let nobody = ProbeId::born(1, 1);
    let refused = Link::greet(&world.base(), nobody, &ProbeKey::new([1; 32]), VERSIONS).await.err().unwrap();
    assert!(refused.contains("never enrolled"), "{refused}");
    let entry = world.entry("frame.refused", |_| true).await;
    assert_eq!(entry["body"]["code"], "unknown-probe");
    assert!(entry["probe"].is_null(), "{entry}");
    world.end().await;
}

#[tokio::test]
async fn a_probe_of_another_version_is_told_so() {
    let (world, host, link) = opened().await;
    drop(link);
    let refused = Link::greet(&host.base(), host.id, &host.key, &[77]).await.err().unwrap();
    assert!(refused.contains("version"), "{refused}");
    told_of(world, &host, "version").await;
}

#[tokio::test]
async fn a_hello_that_is_none_is_turned_away() {
    let world = World::start().await;
    let long = "x".repeat(10_000);
    for hello in ["", "{}", "[1,2", &long] {
        let mut socket = Link::socket(&world.base()).await;
        socket.send(Message::text(hello)).await.unwrap();
        let answer = testkit::soon("a refusal", futures_util::StreamExt::next(&mut socket)).await.unwrap().unwrap();
        assert!(answer.to_text().unwrap().contains("malformed"), "{answer}");
    }
    assert_eq!(world.counted("legator_bad_frames_total{name=\"malformed\"}").await, 4);
    world.end().await;
}

#[tokio::test]
async fn what_a_probe_says_of_another_probes_command_changes_nothing() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let (host, other) = (world.host("web-1", &[]).await, world.host("web-2", &[]).await);
    let (mut link, mut cheat) = (host.connect().await, other.connect().await);
    let asked = ana.ask("web-1", &["uptime"]).await.is(202);
    let (order, _) = link.order().await;
    let id = order.command;
    let refused = ToServer::Refused { command: id, by: RefusedBy::Floor, detail: "no".to_owned() };
    let lies = [
        ToServer::Accepted { command: id, at_ms: 0 },
        output(id, 0, "lies"),
        result(id, 1, End::Exited { code: 0 }),
        refused,
    ];
    for lie in &lies {
        cheat.say(lie).await;
    }
    cheat.flush().await;
    assert_eq!(ana.command(text(&asked, "id")).await["state"], "dispatched");
    assert_eq!(world.entries("frame.misaddressed").await.len(), lies.len());
    assert_eq!(world.counted("legator_bad_frames_total{name=\"misaddressed\"}").await, 4);
    link.accept(id).await;
    link.output(id, 0, "truth").await;
    link.finish(id, 1, End::Exited { code: 3 }).await;
    let command = ana.ended(text(&asked, "id")).await;
    assert_eq!((text(&command, "state"), text(&command, "stdout")), ("failed", "truth"));

    // Also after its end, and of a command that never was.
    cheat.finish(id, 0, End::Exited { code: 0 }).await;
    cheat.finish(CommandId::born(1, 1), 0, End::Exited { code: 0 }).await;
    cheat.flush().await;
    assert_eq!(ana.command(text(&asked, "id")).await["state"], "failed");
    assert_eq!(world.entries("frame.misaddressed").await.len(), 6);
    world.end().await;
}

#[tokio::test]
async fn an_end_that_comes_before_its_output_is_not_believed_until_the_output_is_there() {
    let (world, host, mut link) = opened().await;
    let ana = world.person("ana", &["operator"]).await;
    let asked = ana.ask("web-1", &["uptime"]).await.is(202);
    let (order, _) = link.order().await;
    let id = order.command;
    link.accept(id).await;
    link.output(id, 0, "one ").await;
    link.output(id, 2, "three").await; // a gap: not taken
    link.finish(id, 3, End::Exited { code: 0 }).await;
    assert_eq!(link.closed().await, "dropped");
    world.until(text(&asked, "id"), State::Running).await;
    assert_eq!(ana.command(text(&asked, "id")).await["state"], "running");
    let mut link = host.connect().await;
    let (_, next) = link.order().await;
    assert_eq!(next, 1);
    link.output(id, 1, "two ").await;
    link.output(id, 2, "three").await;
    link.finish(id, 3, End::Exited { code: 0 }).await;
    assert_eq!(ana.ended(text(&asked, "id")).await["stdout"], "one two three");
    world.end().await;
}

#[tokio::test]
async fn an_end_that_is_said_twice_counts_once() {
    let (world, _host, mut link) = opened().await;
    let ana = world.person("ana", &["operator"]).await;
    let asked = ana.ask("web-1", &["uptime"]).await.is(202);
    let (order, _) = link.order().await;
    link.accept(order.command).await;
    for code in [0, 1] {
        link.finish(order.command, 0, End::Exited { code }).await;
    }
    link.settled(order.command).await;
    link.finish(order.command, 0, End::Exited { code: 2 }).await;
    link.settled(order.command).await;
    assert_eq!(ana.command(text(&asked, "id")).await["exit_code"], 0);
    assert_eq!(world.entries("command.settled").await.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_newer_session_of_a_probe_takes_the_place_of_the_older() {
    let (world, host, older) = opened().await;
    let mut newer = host.connect().await;
    assert_eq!(older.closed().await, "dropped");
    let ana = world.person("ana", &["operator"]).await;
    let asked = ana.ask("web-1", &["uptime"]).await.is(202);
    let (order, _) = newer.order().await;
    newer.accept(order.command).await;
    world.until(text(&asked, "id"), State::Running).await;
    newer.finish(order.command, 0, End::Exited { code: 0 }).await;
    assert_eq!(ana.ended(text(&asked, "id")).await["state"], "succeeded");
    assert!(world.entries("probe.disconnected").await.is_empty());
    world.end().await;
}

#[tokio::test]
async fn what_a_probe_says_of_itself_stands_in_lists_only_where_it_is_plain() {
    let world = World::start().await;
    let host = world.host("web-1", &[]).await;
    let mut link = Link::greet(&host.base(), host.id, &host.key, VERSIONS).await.unwrap();
    let ToServer::Ready(mut ready) = Link::ready() else { panic!("no `Ready`") };
    ready.hostname = format!("db-1\u{202e}\n{}", "x".repeat(100_000));
    ready.agent = "9.9.9\u{1b}[2J".to_owned();
    ready.floor.rules = vec![format!("never\n{}", "y".repeat(1_000)); 500];
    link.say(&ToServer::Ready(ready)).await;
    world.entry("probe.connected", |_| true).await;
    let ana = world.person("ana", &["viewer"]).await;
    let seen = ana.get(&format!("/api/v1/probes/{}", host.id)).await;
    assert!(seen.text.len() < 20_000, "{}", seen.text.len());
    let seen = seen.is(200);
    assert_eq!((text(&seen, "hostname"), text(&seen, "version")), ("web-1", "0.1.0"), "what was known before is kept");
    let rules = seen["floor"]["rules"].as_array().unwrap();
    assert_eq!((rules.len(), rules[0].as_str().unwrap().len()), (64, 200), "{seen}");
    let entry = world.entry("probe.connected", |_| true).await;
    assert!(!entry.to_string().contains("9.9.9"), "{entry}");
    world.end().await;
}

#[tokio::test]
async fn a_probe_that_sends_more_output_than_was_ordered_is_cut_off() {
    let (world, host, mut link) = opened().await;
    let ana = world.person("ana", &["operator"]).await;
    let asked = ana.ask("web-1", &["uptime"]).await.is(202);
    let (order, _) = link.order().await;
    link.accept(order.command).await;
    let most = 2 * order.max_output;
    let piece = "x".repeat(512 * 1024);
    let mut sent = 0;
    for chunk in 0.. {
        if sent > most + 2 * piece.len() as u64 {
            break;
        }
        link.output(order.command, chunk, &piece).await;
        sent += piece.len() as u64;
    }
    assert_eq!(link.closed().await, "dropped");
    world.entry("frame.overflowing", |entry| entry["subject"] == asked["id"]).await;
    assert_eq!(world.counted("legator_bad_frames_total{name=\"overflowing\"}").await, 1);
    let kept = text(&ana.command(text(&asked, "id")).await, "stdout").len() as u64;
    assert!((most / 2..=most + 64 * 1024).contains(&kept), "{kept}");
    // It is not believed again with another session; its end still counts.
    let mut link = host.connect().await;
    let (_, next) = link.order().await;
    link.output(order.command, next, &piece).await;
    assert_eq!(link.closed().await, "dropped");
    let mut link = host.connect().await;
    let (_, next) = link.order().await;
    link.finish(order.command, next, End::Exited { code: 0 }).await;
    assert_eq!(ana.ended(text(&asked, "id")).await["state"], "succeeded");
    world.end().await;
}

#[tokio::test]
async fn a_clock_that_is_off_by_all_there_is_breaks_nothing() {
    let (world, host, mut link) = opened().await;
    let ana = world.person("ana", &["viewer"]).await;
    for clock_ahead_ms in [i64::MIN, i64::MAX] {
        link.say(&ToServer::Heartbeat(legator_protocol::Heartbeat { clock_ahead_ms, ..testkit::well() })).await;
        link.flush().await;
        let health = ana.get(&format!("/api/v1/probes/{}/health", host.id)).await.is(200);
        assert!(health["warnings"][0].as_str().unwrap().contains("the clock is"), "{health}");
    }
    world.end().await;
}
