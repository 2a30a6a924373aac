//! The probe's key is turned in its session: what is lost on the way, and what comes of it.

use legator_probe::config::Identity;
use legator_protocol::{End, Exchange, KeyShare, ProbeKey, RefusedBy, ToProbe, ToServer};

use crate::world::{Link, World};

fn stored(world: &World) -> Identity {
    Identity::load(&world.places.config()).unwrap()
}

/// Offers the probe another key; what the server reaches from its answer.
async fn offer(world: &World, link: &mut Link) -> ProbeKey {
    let share = KeyShare::new([7; 32]);
    let server = share.public();
    link.say(&ToProbe::RotateKey { turn: "t-1".into(), public: server.clone() }).await;
    let said = link.hear_until(|message| matches!(message, ToServer::KeyKept { .. })).await;
    let ToServer::KeyKept { turn, public, proof } = said else { unreachable!() };
    let probe = world.probe.to_string();
    let exchange = Exchange { probe: &probe, turn: &turn, server: &server, own: &public };
    let next = share.agree(&world.key, exchange, &public).unwrap();
    exchange.check(&next, &proof).unwrap();
    next
}

#[tokio::test]
async fn the_next_key_is_durable_before_the_server_hears_of_it_and_opens_the_next_session() {
    let (mut world, mut link) = World::new().await.start().await;
    let next = offer(&world, &mut link).await;
    let kept = stored(&world);
    assert_eq!((&kept.key, kept.next_key.as_ref()), (&world.key, Some(&next)));
    drop(link);
    // The probe has said `Ready`, and wrote the file before.
    world.accept_with(&next).await;
    let kept = stored(&world);
    assert_eq!((&kept.key, kept.next_key.as_ref()), (&next, None));
    world.end().await;
}

#[tokio::test]
async fn an_answer_that_was_lost_leaves_the_old_key_good_and_the_turn_is_begun_anew() {
    let (mut world, mut link) = World::new().await.start().await;
    let lost = offer(&world, &mut link).await;
    drop(link);
    // The server never had the next key: it proves the old one, and offers again.
    let mut link = world.accept_with(&world.key.clone()).await;
    assert_eq!(stored(&world).next_key, Some(lost.clone()));
    let next = offer(&world, &mut link).await;
    assert!(next != lost);
    drop(link);
    world.accept_with(&next).await;
    world.end().await;
    assert_eq!(stored(&world).key, next);
}

#[tokio::test]
async fn a_probe_that_is_killed_with_both_keys_comes_back_with_either() {
    let mut world = World::new().await;
    let process = world.process();
    let mut link = world.accept_governed().await;
    let next = offer(&world, &mut link).await;
    drop(process);
    // It died before it knew whether the server keeps the next key. Here the server does not.
    let process = world.process();
    let link = world.accept_with(&world.key.clone()).await;
    drop((process, link));
    assert_eq!(stored(&world).next_key, Some(next.clone()));
    // And here it does.
    let process = world.process();
    world.accept_with(&next).await;
    assert_eq!((stored(&world).key, stored(&world).next_key), (next.clone(), None));
    drop(process);
    world.key = next.clone();
    let _process = world.process();
    world.accept_with(&next).await;
}

#[tokio::test]
async fn a_command_that_runs_meanwhile_is_told_of_and_an_order_on_its_way_is_not_lost() {
    let (mut world, mut link) = World::new().await.start().await;
    let gate = world.file("gate");
    let order = world.shell(&format!("mkfifo {0}; echo begun; cat {0}", gate.display()));
    link.send(&order).await;
    link.wrote(order.command, "begun\n").await;
    let next = offer(&world, &mut link).await;
    drop(link);
    let mut link = world.accept_with(&next).await;
    std::fs::write(&gate, "after the turn\n").unwrap();
    let told = link.follow(order.command, 0).await;
    assert_eq!((told.text(), told.end()), ("begun\nafter the turn\n", &End::Exited { code: 0 }));
    // This one was sealed just before the session of the new key opened; the session vouches for it.
    let late = world.shell("echo late");
    let sealed = world.seal(&late);
    link.say(&ToProbe::Command { sealed, next_chunk: 0 }).await;
    assert_eq!(link.follow(late.command, 0).await.text(), "late\n");
    drop(link);
    // In the session after it the old key is nothing any more.
    let mut link = world.accept_with(&next).await;
    let stale = world.shell("echo stale");
    let sealed = world.seal(&stale);
    link.say(&ToProbe::Command { sealed, next_chunk: 0 }).await;
    let said = link.hear_until(|message| matches!(message, ToServer::Refused { .. })).await;
    assert!(
        matches!(said, ToServer::Refused { command, by: RefusedBy::Seal, .. } if command == stale.command),
        "{said:?}"
    );
    world.end().await;
}

#[tokio::test]
async fn a_key_that_cannot_be_kept_is_said_so_and_the_session_goes_on() {
    let (mut world, mut link) = World::new().await.start().await;
    // Somebody enrolled this host anew while the probe ran.
    let other = Identity { key: ProbeKey::new([8; 32]), ..stored(&world) };
    other.save(&world.places.config()).unwrap();
    let public = KeyShare::new([7; 32]).public();
    link.say(&ToProbe::RotateKey { turn: "t-1".into(), public }).await;
    let said = link.hear_until(|message| matches!(message, ToServer::KeyNotKept { .. })).await;
    assert!(matches!(said, ToServer::KeyNotKept { turn, why } if turn == "t-1" && why.contains("restart the probe")));
    assert_eq!(stored(&world).key, ProbeKey::new([8; 32]));
    link.say(&ToProbe::Ping { at_ms: 5 }).await;
    link.hear_until(|message| matches!(message, ToServer::Pong { at_ms: 5 })).await;
    world.end().await;
}
