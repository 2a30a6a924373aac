//! Which orders are refused, by which rule, and that none runs twice.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use legator_protocol::{CommandSpec, End, Level, Order, ProbeId, RefusedBy, SealedOrder, ToProbe, ToServer};

use crate::world::World;

/// A line that leaves a mark each time it runs.
fn marking(world: &World) -> String {
    format!("echo ran >> {}", world.file("marks").display())
}

fn marks(world: &World) -> usize {
    fs::read_to_string(world.file("marks")).map(|text| text.lines().count()).unwrap_or(0)
}

#[tokio::test]
async fn a_changed_order_is_refused_and_does_not_spoil_the_id() {
    let (mut world, mut link) = World::new().await.start().await;
    let line = marking(&world);
    let order = world.shell(&line);
    let sealed = world.seal(&order);
    let mut bytes = BASE64.decode(&sealed.order).unwrap();
    let at = String::from_utf8(bytes.clone()).unwrap().find("ran").unwrap();
    bytes[at] = b'R';
    let changed = SealedOrder { order: BASE64.encode(bytes), tag: sealed.tag };
    link.say(&ToProbe::Command { sealed: changed, next_chunk: 0 }).await;
    assert_eq!(link.refused(&order).await, RefusedBy::Seal);
    assert_eq!(marks(&world), 0);
    assert_eq!(link.run(&order).await.end(), &End::Exited { code: 0 });
    assert_eq!(marks(&world), 1);
}

#[tokio::test]
async fn an_order_that_names_nothing_is_passed_over() {
    let (mut world, mut link) = World::new().await.start().await;
    for text in ["", "no base 64", "e30="] {
        let sealed = SealedOrder { order: text.into(), tag: "AA==".into() };
        link.say(&ToProbe::Command { sealed, next_chunk: 0 }).await;
    }
    let order = world.shell("echo here");
    assert_eq!(link.run(&order).await.text(), "here\n");
}

#[tokio::test]
async fn an_order_for_another_probe_is_refused() {
    let (mut world, mut link) = World::new().await.start().await;
    let line = marking(&world);
    let order = Order { probe: ProbeId::born(1, 8), ..world.shell(&line) };
    link.send(&order).await;
    assert_eq!(link.refused(&order).await, RefusedBy::Addressee);
    assert_eq!(marks(&world), 0);
}

#[tokio::test]
async fn an_order_after_its_expiry_is_refused() {
    let (mut world, mut link) = World::new().await.start().await;
    let line = marking(&world);
    let order = world.shell(&line);
    let order = Order { expires_at_ms: order.issued_at_ms, ..order };
    link.send(&order).await;
    assert_eq!(link.refused(&order).await, RefusedBy::Expired);
    assert_eq!(marks(&world), 0);
}

#[tokio::test]
async fn a_probe_that_was_told_no_ceiling_only_observes() {
    let mut world = World::new().await;
    world.serve();
    let (mut link, _) = world.accept().await;
    let line = marking(&world);
    let order = Order { level: Level::Diagnose, ..world.shell(&line) };
    link.send(&order).await;
    assert_eq!(link.refused(&order).await, RefusedBy::Ceiling);
    assert_eq!(marks(&world), 0);
}

#[tokio::test]
async fn the_ceiling_is_remembered_over_a_restart() {
    let (mut world, mut link) = World::new().await.start().await;
    link.govern(Level::Diagnose).await;
    link.say(&ToProbe::Ping { at_ms: 1 }).await;
    assert_eq!(link.next().await, ToServer::Pong { at_ms: 1 });
    world.end().await;
    world.serve();
    let (mut link, _) = world.accept().await;
    let order = Order { level: Level::Destroy, ..world.shell("true") };
    link.send(&order).await;
    let ToServer::Refused { by, detail, .. } = link.next().await else { panic!("expected a refusal") };
    assert_eq!(by, RefusedBy::Ceiling);
    assert!(detail.contains("`diagnose`"), "{detail}");
}

#[tokio::test]
async fn the_floor_refuses_under_any_ceiling() {
    let floor = "level = \"remediate\"\ndeny_programs = [\"dd\"]\ndeny_paths = [\"/srv/keys\"]";
    let (mut world, mut link) = World::new().await.floor(floor).start().await;
    for (order, rule) in [
        (Order { level: Level::Destroy, ..world.order(CommandSpec::argv(["true"])) }, "`level`"),
        (world.order(CommandSpec::argv(["dd", "if=/dev/zero"])), "`deny_programs`"),
        (world.order(CommandSpec::argv(["cat", "/srv/keys/a"])), "`deny_paths`"),
    ] {
        link.send(&order).await;
        let ToServer::Refused { by, detail, .. } = link.next().await else { panic!("expected a refusal") };
        assert_eq!(by, RefusedBy::Floor);
        assert!(detail.contains(rule), "{detail}");
    }
}

#[tokio::test]
async fn one_more_than_the_most_is_refused_and_there_is_room_again_later() {
    let (mut world, mut link) = World::new().await.floor("max_running = 1").start().await;
    let first = world.shell("echo begun; exec sleep 1000");
    link.send(&first).await;
    link.wrote(first.command, "begun\n").await;
    let second = world.shell("true");
    link.send(&second).await;
    assert_eq!(link.refused(&second).await, RefusedBy::Busy);
    link.say(&ToProbe::Cancel { command: first.command, reason: String::new() }).await;
    assert!(matches!(link.next().await, ToServer::Result(_)));
    let third = world.shell("true");
    assert_eq!(link.run(&third).await.end(), &End::Exited { code: 0 });
    // The refusal stands: what was refused will not run.
    link.send(&second).await;
    assert_eq!(link.refused(&second).await, RefusedBy::Busy);
}

#[tokio::test]
async fn nothing_starts_without_the_journal() {
    let (mut world, mut link) = World::new().await.start().await;
    fs::remove_dir_all(world.places.state("journal")).unwrap();
    let line = marking(&world);
    let order = world.shell(&line);
    link.send(&order).await;
    assert_eq!(link.refused(&order).await, RefusedBy::Journal);
    // A later command that takes longer than the refused one would have.
    fs::create_dir(world.places.state("journal")).unwrap();
    let later = world.shell("seq 1 300000 | tail -n 1");
    assert_eq!(link.run(&later).await.text(), "300000\n");
    assert_eq!(marks(&world), 0);
}

#[tokio::test]
async fn a_repeat_is_answered_from_the_journal() {
    let (mut world, mut link) = World::new().await.start().await;
    let line = format!("{}; seq 1 40000", marking(&world));
    let order = world.shell(&line);
    let first = link.run(&order).await;
    assert!(first.chunks.len() > 3);
    let again = link.run(&order).await;
    assert_eq!((&again.chunks, again.result()), (&first.chunks, first.result()));
    // A server that has the first chunks already is sent the others only.
    link.send_from(&order, 2).await;
    let rest = link.follow(order.command, 2).await;
    assert_eq!((&rest.chunks[..], rest.result()), (&first.chunks[2..], first.result()));
    link.send_from(&order, first.chunks.len() as u64).await;
    assert!(link.follow(order.command, first.chunks.len() as u64).await.chunks.is_empty());
    assert_eq!(marks(&world), 1);
}

#[tokio::test]
async fn a_repeat_while_it_runs_goes_on_from_the_chunk_that_is_asked_for() {
    let (mut world, mut link) = World::new().await.start().await;
    let gate = world.file("gate");
    let line = format!("mkfifo {0}; {1}; echo begun; cat {0}", gate.display(), marking(&world));
    let order = world.shell(&line);
    link.send(&order).await;
    link.wrote(order.command, "begun\n").await;
    link.send_from(&order, 1).await;
    let open = world.shell(&format!("echo opened > {}", gate.display()));
    let ToServer::Accepted { command, .. } = link.next().await else { panic!("expected `Accepted` again") };
    assert_eq!(command, order.command);
    link.send(&open).await;
    let mut rest = Vec::new();
    loop {
        match link.next().await {
            ToServer::Output(output) if output.command == order.command => rest.push((output.chunk, output.data)),
            ToServer::Result(result) if result.command == order.command => break,
            _ => {}
        }
    }
    assert_eq!(rest, [(1, BASE64.encode("opened\n"))]);
    assert_eq!(marks(&world), 1);
}

#[tokio::test]
async fn the_same_id_with_other_bytes_is_refused_and_the_first_stands() {
    let (mut world, mut link) = World::new().await.start().await;
    let order = world.shell("echo first");
    assert_eq!(link.run(&order).await.text(), "first\n");
    let line = marking(&world);
    let other = Order { spec: CommandSpec::shell(line), ..order.clone() };
    link.send(&other).await;
    assert_eq!(link.refused(&other).await, RefusedBy::Altered);
    assert_eq!(marks(&world), 0);
    assert_eq!(link.run(&order).await.text(), "first\n");
}
