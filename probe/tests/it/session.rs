//! What a probe says of itself, and how it comes back.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use legator_probe::service::Pace;
use legator_probe::status;
use legator_protocol::{Inventory, Level, ToProbe, ToServer};
use tokio_tungstenite::tungstenite::Message;

use crate::world::{Link, World, quick};

async fn inventory(link: &mut Link) -> Inventory {
    loop {
        if let ToServer::Inventory(inventory) = link.hear().await {
            return inventory;
        }
    }
}

#[tokio::test]
async fn is_ready_with_its_table_and_its_floor() {
    let mut world = World::new().await.floor("level = \"diagnose\"\nmax_running = 3");
    world.serve();
    let (_link, ready) = world.accept().await;
    assert_eq!(ready.floor.level, Some(Level::Diagnose));
    assert_eq!(ready.floor.rules, ["runs at most 3 commands at once"]);
    assert_eq!(ready.table, legator_classify::Table::shipped().digest());
    assert_eq!((ready.os.as_str(), ready.hostname), ("linux", legator_probe::heartbeat::hostname()));
    assert!(ready.clock_ahead_ms.abs() < 5_000, "{}", ready.clock_ahead_ms);
}

#[tokio::test]
async fn beats_with_real_figures() {
    let mut world = World::new().await;
    world.pace = Pace { heartbeat: Duration::from_millis(20), ..quick() };
    world.serve();
    let (mut link, _) = world.accept().await;
    for _ in 0..3 {
        let ToServer::Heartbeat(beat) = link.hear().await else { panic!("expected a heartbeat") };
        assert!(beat.cpus > 0 && beat.mem_used_bytes > 0 && beat.mem_used_bytes < beat.mem_total_bytes);
        assert_eq!(beat.running, 0);
    }
}

#[tokio::test]
async fn sends_the_inventory_whole_to_a_server_that_has_none_and_changes_to_one_that_has() {
    let mut world = World::new().await;
    world.serve();
    let (mut link, _) = world.accept().await;
    link.say(&ToProbe::Policy { ceiling: Level::Observe, table: None, inventory: None }).await;
    let whole = inventory(&mut link).await;
    assert_eq!(whole.base, None);
    let names: Vec<_> = whole.sections.keys().map(String::as_str).collect();
    assert_eq!(names, ["disks", "interfaces", "packages", "services", "system", "users"]);
    drop(link);

    // The server of the next session has it, so only what changed is sent: nothing, unless the host changed meanwhile.
    let (mut link, _) = world.accept().await;
    let known = Some(whole.digest.clone());
    link.say(&ToProbe::Policy { ceiling: Level::Observe, table: None, inventory: known }).await;
    // A server that has another one is sent all of it.
    let other = Some("another".to_owned());
    link.say(&ToProbe::Policy { ceiling: Level::Observe, table: None, inventory: other }).await;
    let mut next = inventory(&mut link).await;
    if next.base.is_some() {
        assert_eq!(next.base, Some(whole.digest));
        assert!(next.sections.len() < 6);
        next = inventory(&mut link).await;
    }
    assert_eq!((next.base, next.sections.len()), (None, 6));
}

#[tokio::test]
async fn a_silent_server_is_left_and_called_again() {
    let mut world = World::new().await;
    world.pace = Pace { silence: Duration::from_millis(100), ..quick() };
    world.serve();
    let (mut link, _) = world.accept().await;
    assert_eq!(link.closed().await, "silent");
    world.accept().await;
}

#[tokio::test]
async fn a_server_that_does_not_know_it_is_asked_again_later() {
    let mut world = World::new().await;
    world.serve();
    let mut socket = world.accept_socket().await;
    socket.next().await.unwrap().unwrap();
    let no = r#"{"refused":"unknown-probe","detail":"this probe was forgotten"}"#;
    socket.send(Message::text(no)).await.unwrap();
    world.accept().await;
    let status = status::read(&world.places).unwrap();
    assert!(status.last_end.unwrap().contains("this probe was forgotten"));
}

#[tokio::test]
async fn keeps_checkpoints_and_says_what_it_does() {
    let (mut world, mut link) = World::new().await.start().await;
    let order = world.shell("true");
    link.run(&order).await;
    let note = "legator.example.org/log\n7\ncm9vdA==\n\n— legator.example.org/log c2ln\n";
    link.say(&ToProbe::Checkpoint { note: note.into() }).await;
    link.say(&ToProbe::Ping { at_ms: 1 }).await;
    assert_eq!(link.next().await, ToServer::Pong { at_ms: 1 });
    let (path, size) = legator_probe::witness::newest(&world.places).unwrap();
    assert_eq!((size, std::fs::read_to_string(path).unwrap().as_str()), (7, note));
    let status = status::read(&world.places).unwrap();
    assert!(status.connected && status.last_heartbeat_at_ms.is_some());
    assert_eq!(status.ceiling, Some(Level::Destroy));
    world.end().await;
    assert!(!status::read(&world.places).unwrap().connected);
}

#[tokio::test]
async fn a_second_probe_over_the_same_state_does_not_start() {
    let (world, _link) = World::new().await.start().await;
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let second = Box::pin(legator_probe::service::serve(world.places.clone(), quick(), stopped)).await;
    assert!(second.unwrap_err().to_string().contains("another probe runs"));
}

#[tokio::test]
async fn a_floor_that_does_not_read_stops_the_probe() {
    let world = World::new().await.floor("levle = \"observe\"");
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let fault = Box::pin(legator_probe::service::serve(world.places.clone(), quick(), stopped)).await;
    assert!(fault.unwrap_err().to_string().contains("levle"));
}
