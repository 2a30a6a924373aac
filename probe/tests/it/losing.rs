//! Losing the connection, the probe, or both: a command runs at most once, and its end arrives.

use std::fs;

use legator_probe::config::Identity;
use legator_probe::floor::Floor;
use legator_probe::hands::Hands;
use legator_protocol::{End, ToProbe, ToServer};

use crate::world::{World, dies, lives};

#[tokio::test]
async fn a_command_goes_on_without_a_connection_and_its_end_is_told_in_the_next() {
    let (mut world, mut link) = World::new().await.start().await;
    let (gate, marks) = (world.file("gate"), world.file("marks"));
    let line = format!("mkfifo {0}; echo ran >> {1}; echo begun; cat {0}", gate.display(), marks.display());
    let order = world.shell(&line);
    link.send(&order).await;
    link.wrote(order.command, "begun\n").await;
    drop(link);
    fs::write(&gate, "after the loss\n").unwrap();
    let mut link = world.accept_governed().await;
    let told = link.follow(order.command, 0).await;
    assert_eq!((told.text(), told.end()), ("begun\nafter the loss\n", &End::Exited { code: 0 }));
    // The server sends the order again because it had no end; it gets what it lacks.
    link.send_from(&order, 1).await;
    let told = link.follow(order.command, 1).await;
    assert_eq!(told.end(), &End::Exited { code: 0 });
    assert_eq!(fs::read_to_string(marks).unwrap(), "ran\n");
}

#[tokio::test]
async fn an_end_is_told_until_it_is_settled_and_then_no_more() {
    let (mut world, mut link) = World::new().await.start().await;
    let (ran, refused) = (world.shell("echo out"), world.shell("true"));
    let refused = legator_protocol::Order { expires_at_ms: 1, ..refused };
    let first = link.run(&ran).await;
    link.send(&refused).await;
    link.refused(&refused).await;
    world.end().await;

    world.serve();
    let mut link = world.accept_governed().await;
    let (mut results, mut refusals) = (Vec::new(), 0);
    while results.is_empty() || refusals == 0 {
        match link.next().await {
            ToServer::Result(result) => results.push(result),
            ToServer::Refused { command, .. } => refusals += usize::from(command == refused.command),
            _ => {}
        }
    }
    assert_eq!(results, [first.result().clone()]);
    link.settle(ran.command).await;
    link.settle(refused.command).await;
    link.say(&ToProbe::Ping { at_ms: 1 }).await;
    assert_eq!(link.next().await, ToServer::Pong { at_ms: 1 });
    assert!(fs::read_dir(world.places.state("spool")).unwrap().next().is_none());
    world.end().await;

    world.serve();
    let mut link = world.accept_governed().await;
    let fresh = world.shell("echo fresh");
    assert_eq!(link.run(&fresh).await.text(), "fresh\n");
    // It still knows what it ran: a repeat gets the end, and its output is with the server.
    link.send_from(&ran, 1).await;
    let accepted = link.next().await;
    assert!(matches!(accepted, ToServer::Accepted { command, .. } if command == ran.command));
    assert_eq!(link.next().await, ToServer::Result(first.result().clone()));
}

#[tokio::test]
async fn a_probe_that_is_told_to_end_stops_its_commands_and_says_so() {
    let (mut world, mut link) = World::new().await.start().await;
    let order = world.shell("echo $$; exec sleep 1000");
    link.send(&order).await;
    assert!(matches!(link.next().await, ToServer::Accepted { .. }));
    let ToServer::Output(output) = link.next().await else { panic!("expected output") };
    let pid = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, output.data).unwrap();
    world.tell_to_end();
    let ToServer::Result(result) = link.next().await else { panic!("expected the end") };
    assert_eq!(result.end, End::Interrupted);
    assert_eq!(link.closed().await, "stopped");
    world.ended().await;
    assert!(!lives(std::str::from_utf8(&pid).unwrap()));
}

#[tokio::test]
async fn a_probe_that_ends_leaves_new_orders_for_its_next_start() {
    let (mut world, mut link) = World::new().await.start().await;
    let (gate, marks) = (world.file("gate"), world.file("marks"));
    // It takes as long to end as nobody opens the gate.
    let line = format!("mkfifo {0}; trap 'cat {0}; exit' TERM; echo begun; while :; do :; done", gate.display());
    let slow = world.shell(&line);
    link.send(&slow).await;
    link.wrote(slow.command, "begun\n").await;
    world.tell_to_end();
    link.say(&ToProbe::Ping { at_ms: 1 }).await;
    assert_eq!(link.next().await, ToServer::Pong { at_ms: 1 });
    let late = world.shell(&format!("echo ran >> {}", marks.display()));
    link.send(&late).await;
    link.say(&ToProbe::Ping { at_ms: 2 }).await;
    assert_eq!(link.next().await, ToServer::Pong { at_ms: 2 });
    fs::write(&gate, "").unwrap();
    let end = link.next().await;
    let ToServer::Result(result) = end else { panic!("expected the end, got {end:?}") };
    assert_eq!((result.command, result.end), (slow.command, End::Interrupted));
    link.settle(slow.command).await;
    world.ended().await;
    assert!(!marks.exists());

    world.serve();
    let mut link = world.accept_governed().await;
    link.send(&late).await;
    loop {
        match link.next().await {
            ToServer::Result(result) if result.command == late.command => break,
            _ => {}
        }
    }
    assert_eq!(fs::read_to_string(marks).unwrap(), "ran\n");
}

#[tokio::test]
async fn a_probe_that_was_killed_says_interrupted_ends_the_rest_and_does_not_run_it_again() {
    let mut world = World::new().await;
    let probe = world.process();
    let mut link = world.accept_governed().await;
    let marks = world.file("marks");
    // One child in the group, one that left it.
    let line = format!("echo ran >> {}; sleep 1000 & setsid sleep 1000 & echo $! $$; wait", marks.display());
    let order = world.shell(&line);
    link.send(&order).await;
    assert!(matches!(link.next().await, ToServer::Accepted { .. }));
    let ToServer::Output(output) = link.next().await else { panic!("expected output") };
    let text = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, output.data).unwrap();
    let pids = String::from_utf8(text).unwrap();
    probe.kill();
    assert!(pids.split_whitespace().all(lives), "killing the probe alone must leave them: {pids}");

    let _probe = world.process();
    let mut link = world.accept_governed().await;
    let told = link.follow(order.command, 0).await;
    assert_eq!((told.end(), told.text()), (&End::Interrupted, pids.as_str()));
    for pid in pids.split_whitespace() {
        assert!(dies(pid).await, "{pid}");
    }
    link.send(&order).await;
    assert_eq!(link.follow(order.command, 0).await.end(), &End::Interrupted);
    assert_eq!(fs::read_to_string(marks).unwrap(), "ran\n");
}

#[tokio::test]
async fn wherever_it_is_killed_a_command_runs_at_most_once() {
    let mut world = World::new().await;
    let mut probe = world.process();
    // Killed after the order was sent, after it was accepted, after its output, and after its end.
    for heard in 0..4 {
        let mut link = world.accept_governed().await;
        let marks = world.file(&format!("marks-{heard}"));
        let line = format!("echo ran >> {}; echo out", marks.display());
        let order = world.shell(&line);
        link.send(&order).await;
        let mut of_this = 0;
        while of_this < heard {
            of_this += usize::from(names(&link.next().await) == Some(order.command));
        }
        probe.kill();
        probe = world.process();
        let mut link = world.accept_governed().await;
        link.send(&order).await;
        let end = loop {
            match link.next().await {
                ToServer::Result(result) if result.command == order.command => break result.end,
                _ => {}
            }
        };
        let ran = fs::read_to_string(&marks).map(|text| text.lines().count()).unwrap_or(0);
        match end {
            End::Interrupted => assert!(ran <= 1, "{heard}: ran {ran} times"),
            End::Exited { code: 0 } => assert_eq!(ran, 1, "{heard}"),
            other => panic!("{heard}: {other:?}"),
        }
        link.settle(order.command).await;
        drop(link);
    }
}

fn names(message: &ToServer) -> Option<legator_protocol::CommandId> {
    match message {
        ToServer::Accepted { command, .. } | ToServer::Refused { command, .. } => Some(*command),
        ToServer::Output(output) => Some(output.command),
        ToServer::Result(result) => Some(result.command),
        _ => None,
    }
}

#[tokio::test]
async fn an_id_is_remembered_past_its_expiry_and_then_forgotten_and_an_unsettled_end_a_month_later() {
    let (mut world, mut link) = World::new().await.start().await;
    let (settled, open) = (world.shell("true"), world.shell("echo kept"));
    link.run(&settled).await;
    link.run(&open).await;
    link.settle(settled.command).await;
    link.say(&ToProbe::Ping { at_ms: 1 }).await;
    assert_eq!(link.next().await, ToServer::Pong { at_ms: 1 });
    world.end().await;

    let identity = Identity::load(&world.places.config()).unwrap();
    let hands = Hands::open(&world.places, &identity, Floor::default()).unwrap();
    let remembered = || fs::read_dir(world.places.state("journal")).unwrap().count();
    let minute = 60_000;
    hands.purge(settled.expires_at_ms + 59 * minute);
    assert_eq!(remembered(), 2);
    hands.purge(settled.expires_at_ms + 61 * minute);
    assert_eq!((remembered(), hands.unsettled()), (1, vec![open.command]));
    hands.purge(open.expires_at_ms + 31 * 24 * 60 * minute);
    assert_eq!((remembered(), hands.unsettled()), (0, vec![]));
    assert!(fs::read_dir(world.places.state("spool")).unwrap().next().is_none());
}

#[tokio::test]
async fn it_is_the_servers_clock_that_says_when_an_id_may_be_forgotten() {
    let (mut world, mut link) = World::new().await.start().await;
    let order = world.shell("true");
    link.run(&order).await;
    link.settle(order.command).await;
    drop(link);
    world.ahead_ms = 3 * 3_600_000;
    let (mut link, _) = world.accept().await;
    // The first heartbeat of a session comes before it keeps house; whatever comes after one more message is past it.
    while !matches!(link.hear().await, ToServer::Heartbeat(_)) {}
    link.say(&ToProbe::Ping { at_ms: 1 }).await;
    while link.hear().await != (ToServer::Pong { at_ms: 1 }) {}
    assert_eq!(fs::read_dir(world.places.state("journal")).unwrap().count(), 0);
}
