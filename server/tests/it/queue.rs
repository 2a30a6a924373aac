//! What waits for room: one change at a time on a host, and each judged again when it is its turn.

use legator_protocol::End;
use legator_server::command::State;
use testkit::{Link, World};

use crate::{RESTART, text};

async fn finish_next(link: &mut Link) {
    let (order, _) = link.order().await;
    link.accept(order.command).await;
    link.finish(order.command, 0, End::Exited { code: 0 }).await;
}

#[tokio::test]
async fn queues_a_second_change_and_releases_it_when_the_first_has_ended() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &[]).await;
    let mut link = host.connect().await;
    link.flush().await;
    let first = ana.ask("web-1", RESTART).await.is(202);
    let second = ana.ask("web-1", RESTART).await.is(202);
    assert_eq!((text(&first, "state"), text(&second, "state")), ("dispatched", "queued"));
    let indicators = &second["decision"]["rationale"]["admission"]["scripts"][0]["indicators"];
    assert!(indicators.to_string().contains("running changes"), "{second}");
    let capacity = ana.get("/api/v1/capacity").await.is(200);
    assert_eq!(
        (capacity["fleet"]["running_changes"].as_u64(), capacity["fleet"]["queued"].as_u64()),
        (Some(1), Some(1))
    );

    // Looking still passes meanwhile.
    assert_eq!(ana.ask("web-1", &["uptime"]).await.is(202)["state"], "dispatched");
    for _ in 0..3 {
        finish_next(&mut link).await;
    }
    assert_eq!(ana.ended(text(&first, "id")).await["state"], "succeeded");
    let second = ana.ended(text(&second, "id")).await;
    assert_eq!(second["state"], "succeeded");
    let capacity = ana.get("/api/v1/capacity").await.is(200);
    assert_eq!((capacity["fleet"]["running"].as_u64(), capacity["fleet"]["queued"].as_u64()), (Some(0), Some(0)));
    world.end().await;
}

#[tokio::test]
async fn two_changes_at_the_same_moment_do_not_both_find_the_room_free() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &[]).await;
    let mut link = host.connect().await;
    link.flush().await;
    let (one, two) = tokio::join!(ana.ask("web-1", RESTART), ana.ask("web-1", RESTART));
    let (one, two) = (one.is(202), two.is(202));
    let mut states = [text(&one, "state"), text(&two, "state")];
    states.sort_unstable();
    assert_eq!(states, ["dispatched", "queued"]);
    for _ in 0..2 {
        finish_next(&mut link).await;
    }
    for asked in [one, two] {
        assert_eq!(ana.ended(text(&asked, "id")).await["state"], "succeeded");
    }
    world.end().await;
}

#[tokio::test]
async fn what_found_no_room_in_time_expires() {
    let world = World::plan().with_manual_clock().start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &[]).await;
    let mut link = host.connect().await;
    link.flush().await;
    let first = ana.ask("web-1", RESTART).await.is(202);
    let second = ana.ask("web-1", RESTART).await.is(202);
    world.clock().advance(901_000);
    assert_eq!(ana.ended(text(&second, "id")).await["state"], "expired");
    finish_next(&mut link).await;
    assert_eq!(ana.ended(text(&first, "id")).await["state"], "succeeded");
    world.end().await;
}

#[tokio::test]
async fn what_people_approved_stays_approved_while_it_waits_for_room() {
    let mut world = World::start().await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    let host = world.host("web-1", &["prod"]).await;
    let mut link = host.connect().await;
    link.flush().await;
    let first = ana.ask("web-1", RESTART).await.is(202);
    let second = ana.ask("web-1", RESTART).await.is(202);
    ben.vote(text(&first, "approval"), "approve").await.is(200);
    world.until(text(&first, "id"), State::Dispatched).await;
    ben.vote(text(&second, "approval"), "approve").await.is(200);
    world.until(text(&second, "id"), State::Queued).await;
    assert_eq!(ana.command(text(&second, "id")).await["state"], "queued");

    // Over a restart, too.
    world.restart().await;
    let mut link = host.connect().await;
    for _ in 0..2 {
        finish_next(&mut link).await;
    }
    assert_eq!(ana.ended(text(&first, "id")).await["state"], "succeeded");
    assert_eq!(ana.ended(text(&second, "id")).await["state"], "succeeded");
    world.end().await;
}
